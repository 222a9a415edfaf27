//! Who signed in last in this browser: filled in again when the session has ended by itself.

use axum::http::HeaderValue;
use axum_extra::extract::CookieJar;
use twofa_providers::token_store::ott_core::Destination;

use crate::{
    app::{App, set_cookie},
    error::AppError,
    sealed::{anybody, open, seal},
    session,
};

/// The cookie that keeps the address. Signing out ends it: whoever comes next is told no address.
pub(crate) const COOKIE: &str = "last";

const KIND: &str = "showcase address";

/// A day: longer than a session.
const SECONDS: u32 = 86_400;

pub(crate) fn cookie(app: &App, email: &Destination) -> Result<HeaderValue, AppError> {
    let text = seal(app, KIND, &anybody()?, email.address().as_bytes())?;
    Ok(set_cookie(app, COOKIE, &text, SECONDS))
}

/// The address, or nothing.
pub(crate) fn address(app: &App, jar: &CookieJar) -> String {
    let address = || {
        let text = session::cookie(app, jar, COOKIE)?;
        let plain = open(app, KIND, &anybody().ok()?, &text)?;
        String::from_utf8(plain.to_vec()).ok()
    };
    address().unwrap_or_default()
}
