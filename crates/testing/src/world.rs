//! An engine over a watched store, a counted provider, an outbox.

#![expect(clippy::missing_errors_doc, reason = "they are the engine's")]

mod counted;
mod enrolling;
mod plan;

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use twofa_providers::{
    Attempt, Fresh, KnownDevices, NewDevice, Owner, Prompts, Proof, Proofs, RecoveryCodes,
    Response, SignInId, TRUST, TrustedDevices, TwoFactor, TwoFactorError, UNDO_WITHIN,
    oath_otp::{Secret, Totp},
    token_delivery::Outbox,
    token_store::{
        Clock as _, FactorId, ManualClock, Tokens,
        ott_core::{Policy, Purpose, Reason, SlotRule, Subject, chrono::TimeDelta},
    },
};

use crate::{Log, Watched};

pub use counted::Counted;
pub use plan::Plan;

/// Codes by e-mail.
pub const EMAIL_CODE: Policy = Policy::code(Purpose::new("email-code"));
/// Tokens of known devices.
pub const DEVICE: Policy = Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30));
/// Tokens of trusted devices.
pub const TRUSTED: Policy = Policy::bearer(Purpose::new("trusted-device"), TRUST);
/// Links to disown a sign-in.
pub const NOT_ME: Policy = Policy::link(Purpose::new("not-me")).lifetime(UNDO_WITHIN);
/// What proofs are kept under.
pub const PARKED: Policy = Policy::parked(Purpose::new("second-factor-proof"));
/// Recovery codes.
pub const RECOVERY: Policy =
    Policy::recovery(Purpose::new("recovery-code")).slot(SlotRule::Nothing);

/// An engine, and what is around it.
#[derive(Debug)]
pub struct World {
    /// What is watched.
    pub store: Arc<Watched>,
    /// The time, which only the test moves.
    pub clock: Arc<ManualClock>,
    /// What was told.
    pub log: Log,
    /// What was sent.
    pub outbox: Outbox,
    /// What the engine keeps its tokens with.
    pub tokens: Arc<Tokens>,
    /// What is tested.
    pub engine: TwoFactor,
    /// Its recovery codes.
    pub recovery: RecoveryCodes,
    /// Proofs between two requests.
    pub proofs: Proofs,
    known: Option<KnownDevices>,
    trusted: Option<TrustedDevices>,
    told: Option<Owner>,
    asks: Option<Prompts>,
    evaluated: Arc<AtomicU64>,
}

/// An authenticator app: the secret that was shown once.
#[derive(Debug)]
pub struct App {
    /// As which it was enrolled.
    pub factor: FactorId,
    secret: Secret,
}

impl World {
    /// Its known devices.
    pub fn devices(&self) -> &KnownDevices {
        self.known.as_ref().expect("it remembers devices")
    }

    /// Its trusted devices.
    pub fn trusted(&self) -> &TrustedDevices {
        self.trusted.as_ref().expect("it trusts devices")
    }

    /// Who tells owners.
    pub fn owner(&self) -> &Owner {
        self.told.as_ref().expect("it tells owners")
    }

    /// Its prompts.
    pub fn prompts(&self) -> &Prompts {
        self.asks.as_ref().expect("it asks on another device")
    }

    /// How many codes of authenticator apps were compared.
    pub fn evaluated(&self) -> u64 {
        self.evaluated.load(Ordering::Relaxed)
    }

    /// Lets this much time pass.
    pub fn pass(&self, time: TimeDelta) {
        self.clock.advance(time);
    }

    /// The proof as evidence, where the account's epoch is still the proof's.
    pub async fn fresh<'a>(
        &'a self,
        owner: &Subject,
        proof: &'a Proof,
    ) -> Result<Fresh<'a>, TwoFactorError> {
        self.engine.fresh(owner, proof.epoch(), proof).await
    }

    /// Removes behind this proof, unless it is the last.
    pub async fn remove(&self, proof: &Proof, factor: &FactorId) -> Result<(), TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.engine.remove(&fresh, factor).await
    }

    /// Removes behind this proof.
    pub async fn remove_last_too(
        &self,
        proof: &Proof,
        factor: &FactorId,
    ) -> Result<(), TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.engine.remove_last_too(&fresh, factor).await
    }

    /// Renames behind this proof.
    pub async fn rename(
        &self,
        proof: &Proof,
        factor: &FactorId,
        label: &str,
    ) -> Result<(), TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.engine.rename(&fresh, factor, label).await
    }

    /// Verifies with whichever authenticator app made the code.
    pub async fn verify(&self, owner: &Subject, typed: &str) -> Result<Proof, TwoFactorError> {
        let attempt = Attempt::new(owner, "totp");
        self.engine.verify(&attempt, &Response::typed(typed)).await
    }

    /// The code that an app shows now.
    pub fn code(&self, app: &App) -> String {
        self.code_ago(app, 0)
    }

    /// The code that an app showed so many seconds ago.
    pub fn code_ago(&self, app: &App, seconds: u64) -> String {
        self.code_at(app, self.seconds().saturating_sub(seconds))
    }

    fn code_at(&self, app: &App, seconds: u64) -> String {
        let code = Totp::default().generate(&app.secret, seconds);
        code.expose_secret().to_owned()
    }

    fn seconds(&self) -> u64 {
        u64::try_from(self.clock.now().timestamp()).expect("after 1970")
    }

    /// A code that no app shows now, showed a step ago or shows a step later.
    pub fn wrong_code(&self, apps: &[&App]) -> String {
        let now = self.seconds();
        let shown: Vec<_> = apps
            .iter()
            .flat_map(|app| [0, 30, 60].map(|ahead| self.code_at(app, now + 30 - ahead)))
            .collect();
        let mut codes = (0..).map(|number| format!("{number:06}"));
        codes
            .find(|code| !shown.contains(code))
            .expect("a million codes")
    }

    /// A new proof of the app's owner, by the code of the next step.
    pub async fn proof(&self, owner: &Subject, app: &App) -> Proof {
        self.pass(TimeDelta::seconds(30));
        let attempt = Attempt::new(owner, "totp").factor(app.factor);
        let typed = self.code(app);
        let verified = self.engine.verify(&attempt, &Response::typed(&typed)).await;
        verified.expect("the right code")
    }

    /// Tries a recovery code.
    pub async fn recover(&self, owner: &Subject, typed: &str) -> Result<Proof, TwoFactorError> {
        let attempt = Attempt::new(owner, "recovery");
        self.engine.verify(&attempt, &Response::typed(typed)).await
    }

    /// A new set of recovery codes, behind this proof.
    pub async fn try_codes(
        &self,
        proof: &Proof,
    ) -> Result<twofa_providers::RecoverySheet, TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.recovery.renew(&fresh).await
    }

    /// Remembers a device, behind this proof.
    pub async fn remember(&self, proof: &Proof, label: &str) -> Result<NewDevice, TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.devices().remember(&fresh, label).await
    }

    /// Trusts a device, behind this proof, in this sign-in.
    pub async fn trust(
        &self,
        proof: &Proof,
        sign_in: &SignInId,
        label: &str,
    ) -> Result<NewDevice, TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.trusted().trust(&fresh, sign_in, label).await
    }

    /// A new set of recovery codes.
    pub async fn codes(&self, proof: &Proof) -> Vec<String> {
        let codes = self.try_codes(proof).await.expect("a new set");
        codes.expose_secrets().map(str::to_owned).collect()
    }

    /// The code that was sent last.
    pub fn sent(&self) -> String {
        self.outbox
            .last()
            .expect("a message")
            .expose_token()
            .to_owned()
    }
}

/// Why it was refused.
pub fn reason<T: core::fmt::Debug>(result: Result<T, TwoFactorError>) -> Reason {
    match result {
        Err(TwoFactorError::Rejected(rejected)) => rejected.reason(),
        other => panic!("not a refusal: {other:?}"),
    }
}

/// Whether a limit was reached.
pub fn is_throttled<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::Throttled { .. }))
}

/// Whether something was down.
pub fn is_outage<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::Unavailable(_)))
}

/// Whether a fresh proof was missing.
pub fn needs_proof<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::ProofNeeded))
}
