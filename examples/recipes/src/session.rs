//! Sessions: opened by the sign-in, found by a cookie, ended by their owner.
//!
//! `ott-bearer = "0.1"`. In axum and actix-web an extractor does what [`signed_in`] does here.

use std::sync::Arc;

use ott_bearer::token_store::Tokens;
use ott_bearer::token_store::ott_core::{Policy, Purpose, Subject, chrono::TimeDelta};
use ott_bearer::{Bearer, Bearers, Door, Kind, New, Proved, Refused};

use crate::Fault;

/// 30 days, 7 without a use. Give the policies of both kinds to the builder of the tokens.
pub const SESSION: Kind = Kind::session(Purpose::new("session"));

/// The password was right: ten minutes for the second factor, under another cookie.
pub const HALF: Kind = Kind::of(Policy::bearer(HALF_OPEN, TimeDelta::minutes(10)));
const HALF_OPEN: Purpose = Purpose::new("password-right");

/// The two services: of half-open sign-ins, and of sessions with their lists (`list`, `revoke`).
pub fn services(tokens: &Arc<Tokens>) -> Result<(Bearers, Door), Fault> {
    let sessions = Bearers::new(tokens, SESSION)?;
    Ok((Bearers::new(tokens, HALF)?, Door::new(sessions, "Example")))
}

/// The right password alone. The text goes into the cookie `__Host-half`.
pub async fn begin(halves: &Bearers, who: &Subject) -> Result<String, Fault> {
    let half = halves.issue(&New::of(who)).await?;
    Ok(half.token.expose_secret().to_owned())
}

/// After `TwoFactor::verify` for `half.subject()`: the header `Set-Cookie` of a new session. `None`
/// where another request completed this sign-in.
pub async fn complete(
    halves: &Bearers,
    half: &Bearer,
    sessions: &Door,
    browser: &str,
) -> Result<Option<String>, Fault> {
    if !halves.revoke(half.subject(), half.id()).await? {
        return Ok(None);
    }
    let sessions = sessions.bearers();
    let proved = Proved::by(&["pwd", "otp"], sessions.now());
    let new = New::of(half.subject()).named(browser).proved(proved);
    let text = sessions.issue(&new).await?.token;
    let keep = "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=2592000";
    let cookie = format!("__Host-session={}; {keep}", text.expose_secret());
    Ok(Some(cookie))
}

/// Who is signed in, from the header `Cookie`; or 401, or 503 in an outage.
pub async fn signed_in(sessions: &Door, cookies: &[u8]) -> Result<Bearer, Refused> {
    sessions.admit_cookie([cookies], "__Host-session").await
}
