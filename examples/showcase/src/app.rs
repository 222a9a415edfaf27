//! What the pages share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::header;
use twofa_providers::{
    FRESH, TwoFactor, TwoFactorError, Verified,
    token_delivery::Outbox,
    token_store::{
        Tokens,
        ott_core::{Policy, Purpose, RecordId, chrono::TimeDelta},
    },
};

use crate::{
    accounts::Accounts, activity::EventLog, error::AppError, locks::Locks, second_factor::Next,
};

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

/// What the pages share.
pub(crate) struct App {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) two_factor: TwoFactor,
    pub(crate) accounts: Accounts,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) events: Arc<EventLog>,
    /// The last proof of each session. Lost with the process: then it is asked for again.
    pub(crate) proofs: Proofs,
    /// Held by account while its recovery codes are made: the set that is shown is the one that lives.
    pub(crate) making_codes: Locks,
    /// Held by sign-in while a code is looked at: it takes one code, whoever sends several at once.
    pub(crate) proving: Locks,
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

/// Proofs by session.
#[derive(Default)]
pub(crate) struct Proofs(Mutex<HashMap<RecordId, Arc<Verified>>>);

pub(crate) type Shared = axum::extract::State<Arc<App>>;

impl App {
    /// Proofs that are not fresh any more prove nothing.
    pub(crate) fn forget_stale_proofs(&self) {
        let now = self.tokens.now();
        self.proofs
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, proof| now.signed_duration_since(proof.at()) < FRESH);
    }

    /// The last proof of a session, if it is fresh and its factor still proves. For what never
    /// reaches the engine, and for forms that would only be refused.
    pub(crate) async fn fresh_proof(
        &self,
        session: &RecordId,
        next: Next,
    ) -> Result<Arc<Verified>, AppError> {
        let proof = self.proof(session).ok_or(AppError::ProofNeeded(next))?;
        // There is one clock here: one that was set back makes no proof newer.
        if proof.at() > self.tokens.now() {
            return Err(AppError::ProofNeeded(next));
        }
        match self.two_factor.check_fresh(&proof).await {
            Ok(()) => Ok(proof),
            Err(TwoFactorError::ProofNeeded) => Err(AppError::ProofNeeded(next)),
            Err(error) => Err(error.into()),
        }
    }

    /// The last proof of a session; the engine decides whether it is fresh.
    pub(crate) fn proof(&self, session: &RecordId) -> Option<Arc<Verified>> {
        self.proofs
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(session)
            .cloned()
    }

    pub(crate) fn keep_proof(&self, session: RecordId, proof: Arc<Verified>) {
        self.proofs
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(session, proof);
    }

    pub(crate) fn forget_proof(&self, session: &RecordId) {
        self.proofs
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(session);
    }
}

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
