//! What the pages share.

use std::sync::Arc;

use axum::http::header;
use twofa_providers::{
    KnownDevices, Owner, Proofs, RecoveryCodes, TwoFactor,
    token_delivery::Outbox,
    token_store::{
        Tokens,
        ott_core::{Policy, Purpose, chrono::TimeDelta},
    },
};

use crate::{accounts::Accounts, activity::EventLog};

/// The application's name, in messages and authenticator apps.
pub(crate) const NAME: &str = "Showcase";

/// The password was right: ten minutes for the second factor.
pub(crate) const PASSED: Policy =
    Policy::bearer(Purpose::new("password-passed"), TimeDelta::minutes(10));
/// Signed in: twelve hours, two of them unused at most.
pub(crate) const SESSION: Policy =
    Policy::bearer(Purpose::new("session"), TimeDelta::hours(12)).idle(TimeDelta::hours(2));
/// A printed code for the day on which the phone is gone.
pub(crate) const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery-code"));
/// A device on which somebody asked to be remembered.
pub(crate) const DEVICE: Policy = Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30));
/// A code by e-mail.
pub(crate) const EMAIL_CODE: Policy = Policy::code(Purpose::new("email-code"));
/// A proof that waits for the next page of its session.
pub(crate) const PROOF: Policy = Policy::parked(Purpose::new("second-factor-proof"));

/// What the pages share.
pub(crate) struct App {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) two_factor: TwoFactor,
    pub(crate) accounts: Accounts,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) events: Arc<EventLog>,
    /// Carries the last proof of each session from page to page.
    pub(crate) proofs: Proofs,
    pub(crate) codes: RecoveryCodes,
    pub(crate) devices: KnownDevices,
    pub(crate) owner: Owner,
    /// The origins under which people may open the pages.
    pub(crate) origins: Vec<String>,
    /// Whether cookies travel over TLS alone.
    pub(crate) secure: bool,
    /// Whether the operator named an origin, so that a peer on this machine is a proxy.
    pub(crate) behind_proxy: bool,
    /// Whether messages carry links: not where they would be followed in clear.
    pub(crate) links: bool,
    /// Whether everybody who can open the pages may read what was sent.
    pub(crate) outbox_shown: bool,
}

pub(crate) type Shared = axum::extract::State<Arc<App>>;

/// The cookie of `name` with everything that keeps it ours.
pub(crate) fn set_cookie(app: &App, name: &str, value: &str, seconds: u32) -> header::HeaderValue {
    let (prefix, secure) = if app.secure {
        ("__Host-", "; Secure")
    } else {
        ("", "")
    };
    let text = format!(
        "{prefix}{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"
    );
    // Values are hexadecimal or base64url, so this cannot fail; an empty cookie would sign nobody in.
    let mut value = header::HeaderValue::from_str(&text)
        .unwrap_or(header::HeaderValue::from_static("none=; Path=/"));
    value.set_sensitive(true);
    value
}
