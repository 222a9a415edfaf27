//! The code that was sent last in this browser: which flow it is of, and where it went.

use axum::http::HeaderValue;
use axum_extra::extract::CookieJar;
use twofa_providers::{
    Asked, Show,
    token_store::ott_core::{Handle, chrono::TimeDelta},
};

use crate::{
    app::{App, EMAIL_CODE, set_cookie},
    error::AppError,
    sealed::{anybody, open, seal},
    session::cookie,
};

/// The cookie that names it.
pub(crate) const COOKIE: &str = "flow";

const KIND: &str = "showcase flow";

/// What a code confirms that is sent to an address, in the place of a provider.
pub(crate) const ADDRESS: &str = "address";
/// What a code makes that is sent to a new account's address.
pub(crate) const REGISTRATION: &str = "registration";

/// As long as a code lives, for the cookie.
const SECONDS: u32 = 600;

/// The code that was sent last in this browser, while it lives.
pub(crate) struct Flow {
    pub(crate) handle: Handle,
    /// Whose code it is.
    pub(crate) provider: String,
    /// Which factor it is for; empty for an address.
    pub(crate) factor: String,
    /// Where it went, or the number of a prompt.
    pub(crate) hint: String,
}

impl Flow {
    /// The one that the browser keeps, unless it is over.
    pub(crate) fn of(app: &App, jar: &CookieJar) -> Option<Self> {
        let text = cookie(app, jar, COOKIE)?;
        let plain = open(app, KIND, &anybody().ok()?, &text)?;
        let text = core::str::from_utf8(&plain).ok()?;
        let mut lines = text.splitn(5, '\n');
        let mut line = || lines.next();
        let (until, handle) = (line()?, Handle::parse(line()?).ok()?);
        let (provider, factor, hint) = (line()?.into(), line()?.into(), line()?.into());
        let lives = until.parse::<i64>().ok()? > app.tokens.now().timestamp();
        lives.then_some(Self {
            handle,
            provider,
            factor,
            hint,
        })
    }

    /// Whether the code is for this factor of this provider.
    pub(crate) fn is_for(&self, provider: &str, factor: &str) -> bool {
        self.provider == provider && self.factor == factor
    }
}

/// Remembers what was asked for.
pub(crate) fn remember(
    app: &App,
    provider: &str,
    factor: &str,
    asked: &Asked,
) -> Result<HeaderValue, AppError> {
    let Some(handle) = &asked.handle else {
        return Ok(forget(app));
    };
    // The number of a prompt is shown where it would say where a code went.
    let number = match &asked.show {
        Some(Show::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let hint = number.as_deref().or(asked.hint.as_deref());
    let hint = hint.unwrap_or("your address");
    remember_handle(app, handle, provider, factor, hint)
}

/// Remembers the flow of a code that was sent there.
pub(crate) fn remember_handle(
    app: &App,
    handle: &Handle,
    provider: &str,
    factor: &str,
    hint: &str,
) -> Result<HeaderValue, AppError> {
    let lifetime = EMAIL_CODE.token_lifetime().unwrap_or(TimeDelta::zero());
    let now = app.tokens.now();
    let until = now.checked_add_signed(lifetime).unwrap_or(now).timestamp();
    let handle = handle.expose_secret();
    let lines = [&until.to_string(), &*handle, provider, factor, hint];
    let text = seal(app, KIND, &anybody()?, lines.join("\n").as_bytes())?;
    Ok(set_cookie(app, COOKIE, &text, SECONDS))
}

pub(crate) fn forget(app: &App) -> HeaderValue {
    set_cookie(app, COOKIE, "", 0)
}
