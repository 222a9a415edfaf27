//! What the pages share.

use std::sync::Arc;

use axum::http::header;
use token_store_sqlx::SqliteStore;
use twofa_providers::{
    KnownDevices, Owner, Prompts, Proofs, RecoveryCodes, TRUST, TrustedDevices, TwoFactor,
    token_delivery::Delivery,
    token_store::{
        Tokens,
        ott_core::{Policy, Purpose, SlotRule, chrono::TimeDelta},
    },
};

use crate::{accounts::Accounts, network::Peers, once::Answers, push::Waking, trail::Trail};

/// The application's name, in messages and authenticator apps.
pub(crate) const NAME: &str = "Showcase";

/// The password was right: ten minutes for the second factor.
pub(crate) const PASSED: Policy =
    Policy::bearer(Purpose::new("password-passed"), TimeDelta::minutes(10));
/// Signed in: twelve hours, two of them unused at most.
pub(crate) const SESSION: Policy =
    Policy::bearer(Purpose::new("session"), TimeDelta::hours(12)).idle(TimeDelta::hours(2));
/// A printed code for the day on which the phone is gone.
pub(crate) const RECOVERY: Policy =
    Policy::recovery(Purpose::new("recovery-code")).slot(SlotRule::Nothing);
/// A device on which somebody asked to be remembered.
pub(crate) const DEVICE: Policy = Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30));
/// A device on which somebody asked not to be asked for a second step.
pub(crate) const TRUSTED: Policy = Policy::bearer(Purpose::new("trusted-device"), TRUST);
/// A code by e-mail.
pub(crate) const EMAIL_CODE: Policy = Policy::code(Purpose::new("email-code"));
/// A question on another device: ten minutes, with a number of two digits.
pub(crate) const PROMPT: Policy = Policy::prompt(Purpose::new("prompt"));
/// A link that makes another browser a device which is asked.
pub(crate) const PAIR: Policy =
    Policy::link(Purpose::new("pair-device")).lifetime(TimeDelta::minutes(10));
/// Such a device, which lists what it is asked.
pub(crate) const APPROVER: Policy =
    Policy::bearer(Purpose::new("approving-device"), TimeDelta::days(365));
/// A proof that waits for the next page of its session.
pub(crate) const PROOF: Policy = Policy::parked(Purpose::new("second-factor-proof"));

/// What the pages share.
pub(crate) struct App {
    pub(crate) tokens: Arc<Tokens>,
    /// The same, for what is spent and changed in one transaction.
    pub(crate) with_transactions: Tokens<SqliteStore>,
    /// The answers of the last few seconds, of every process.
    pub(crate) answers: Answers,
    pub(crate) two_factor: TwoFactor,
    /// Asks on another device, which signs what it says.
    pub(crate) prompts: Prompts,
    /// Wakes that device, where a setting says so.
    pub(crate) waking: Option<Waking>,
    pub(crate) accounts: Accounts,
    pub(crate) delivery: Arc<dyn Delivery>,
    /// What happened to each account.
    pub(crate) trail: Arc<Trail>,
    /// Carries the last proof of each session from page to page.
    pub(crate) proofs: Proofs,
    pub(crate) codes: RecoveryCodes,
    pub(crate) devices: KnownDevices,
    /// Where a setting allows them.
    pub(crate) trusted: Option<TrustedDevices>,
    pub(crate) owner: Owner,
    /// The origins under which people may open the pages.
    pub(crate) origins: Vec<String>,
    /// Whether cookies travel over TLS alone.
    pub(crate) secure: bool,
    /// Who connects: visitors, or proxies in front of this server.
    pub(crate) peers: Peers,
    /// Whether messages carry links: not where they would be followed in clear.
    pub(crate) links: bool,
    /// What was sent, in a build that keeps it, for everybody who can open the pages.
    #[cfg(feature = "outbox")]
    pub(crate) outbox: Option<twofa_providers::token_delivery::Outbox>,
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
