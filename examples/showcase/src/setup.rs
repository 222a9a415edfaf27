//! The second step that is being set up in this browser: what was shown is shown until it is confirmed or
//! dropped.
//!
//! The browser that started it keeps it, sealed. No other session of the account sees the secret, which the
//! server could show to whoever asks: a thief in a session of their own would wait for the owner to confirm it.

use axum::http::HeaderValue;
use axum_extra::extract::CookieJar;
use twofa_providers::token_store::{FactorId, FactorState, ott_core::Subject};

use crate::{
    app::{App, set_cookie},
    error::AppError,
    sealed::{open, seal},
    session::cookie,
};

/// The cookie that keeps it.
pub(crate) const COOKIE: &str = "setup";

const KIND: &str = "showcase setup";

/// As long as a factor waits for its confirmation.
const SECONDS: u32 = 3_600;

/// What is being set up.
pub(crate) struct Setup {
    pub(crate) provider: String,
    pub(crate) factor: FactorId,
    /// What an app scans; empty where a code is sent.
    pub(crate) uri: String,
}

impl Setup {
    /// The one of this account that the browser keeps, while it waits for its confirmation.
    pub(crate) async fn of(
        app: &App,
        jar: &CookieJar,
        subject: &Subject,
    ) -> Result<Option<Self>, AppError> {
        let Some(setup) = Self::read(app, jar, subject) else {
            return Ok(None);
        };
        let factors = app.two_factor.factors(subject).await?;
        let waits = factors
            .iter()
            .any(|factor| factor.id == setup.factor && factor.state == FactorState::Pending);
        Ok(waits.then_some(setup))
    }

    fn read(app: &App, jar: &CookieJar, subject: &Subject) -> Option<Self> {
        let text = cookie(app, jar, COOKIE)?;
        let plain = open(app, KIND, subject, &text)?;
        let text = core::str::from_utf8(&plain).ok()?;
        let mut lines = text.splitn(3, '\n');
        Some(Self {
            provider: lines.next()?.into(),
            factor: FactorId::parse(lines.next()?)?,
            uri: lines.next()?.into(),
        })
    }

    pub(crate) fn cookie(&self, app: &App, subject: &Subject) -> Result<HeaderValue, AppError> {
        let factor = self.factor.to_string();
        let text = [self.provider.as_str(), &factor, &self.uri].join("\n");
        let text = seal(app, KIND, subject, text.as_bytes())?;
        Ok(set_cookie(app, COOKIE, &text, SECONDS))
    }
}

pub(crate) fn forget(app: &App) -> HeaderValue {
    set_cookie(app, COOKIE, "", 0)
}
