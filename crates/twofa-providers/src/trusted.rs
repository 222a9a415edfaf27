//! Trusted devices: where the owner asked not to be asked for a second step, for some weeks.

use core::fmt;
use std::sync::Arc;

use token_store::{
    Tokens,
    ott_core::{
        Policy, RecordId, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    build_error::BuildError,
    device_tokens::{DeviceTokens, DeviceView, NewDevice, is_bearer, parts},
    devices::binding,
    durations::LONGEST_TRUST,
    engine::TwoFactor,
    error::TwoFactorError,
    events::{DEVICE_RECOGNISED, DEVICE_TRUSTED},
    fresh::Fresh,
    guard::{Guard, Guarded},
    news::News,
    sign_in::SignInId,
};

/// How many trusted devices a subject has at most; one more ends the one used longest ago.
pub const MAX_TRUSTED_DEVICES: usize = 5;

/// Below this, somebody could guess a token, and whoever reads the store could try some against it.
const LEAST_BITS: u32 = 112;

/// Whether a device under this policy is found by a token that nobody guesses, and not for too long.
fn fits(policy: &Policy) -> bool {
    is_bearer(policy)
        && policy.token_format().entropy_bits() >= LEAST_BITS
        && policy
            .token_lifetime()
            .is_some_and(|lifetime| lifetime <= LONGEST_TRUST)
}

/// "Trust this device": at a later sign-in there, nothing is asked for beside the password. Give it to
/// [`TwoFactorBuilder::trusted_devices`](crate::TwoFactorBuilder::trusted_devices); an engine without it trusts
/// none, which is the default.
///
/// It gives a second factor up on purpose: whoever has the device and the password gets in. What they get is
/// [`Trusted`], which is no [`Proof`](crate::Proof), so everything that takes [`Fresh`] evidence asks for the second
/// step first: adding, renaming and removing a factor, recovery codes, and trusting one more device.
///
/// A token is bound to its tenant, subject and credential epoch, and to what guards the account when it is made:
/// the active factors and the live recovery codes. So it ends with each change of these, without anything that
/// could be forgotten: a new password or address, a factor that is added, removed or disabled, codes that are
/// renewed, one that is used. "This was not me" and [`Operator::reset`](crate::Operator::reset) revoke all. What was
/// stolen with the password ends by any of them.
#[derive(Clone, Debug)]
pub struct TrustedDevices {
    pub(crate) all: DeviceTokens,
}

/// The device is trusted: it stands in place of the second factor at this sign-in, and for nothing else.
///
/// It is evidence of nothing: there is no way from here to a [`Proof`](crate::Proof) or to [`Fresh`].
#[must_use = "nothing was allowed yet by recognising alone"]
pub struct Trusted {
    subject: Subject,
    device: RecordId,
    sign_in: SignInId,
    expires_at: Option<DateTime<Utc>>,
}

impl Trusted {
    /// Whose. Compare it with the person whose password was right.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The device's public name.
    #[must_use]
    pub const fn device(&self) -> &RecordId {
        &self.device
    }

    /// In which sign-in it was trusted. Keep this name in the session beside the session's own: whoever disowns
    /// that sign-in ends the sessions of both.
    #[must_use]
    pub const fn sign_in(&self) -> &SignInId {
        &self.sign_in
    }

    /// Until when.
    #[must_use]
    pub const fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.expires_at
    }
}

impl fmt::Debug for Trusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trusted")
            .field("subject", &self.subject)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl TrustedDevices {
    /// Under a policy that the tokens were built with, such as
    /// `Policy::bearer(Purpose::new("trusted-device"), TRUST)`.
    ///
    /// # Errors
    /// [`BuildError::TrustPolicy`] if its tokens can be guessed or live longer than [`LONGEST_TRUST`];
    /// [`BuildError::PolicyUnknown`].
    pub fn new(tokens: &Arc<Tokens>, policy: &Policy) -> Result<Self, BuildError> {
        if !fits(policy) {
            return Err(BuildError::TrustPolicy);
        }
        let all = DeviceTokens::new(tokens, policy)?;
        Ok(Self { all })
    }

    /// Trusts the device on which a factor was just proved in this sign-in, and tells the owner.
    ///
    /// A recovery code is not enough, nor a proof of another sign-in or of none. At most
    /// [`MAX_TRUSTED_DEVICES`] are trusted, also when several are at once: what was used longest ago ends.
    ///
    /// Open the session afterwards, and revoke the device if that fails: so whoever ends the sign-in meanwhile
    /// ends the device too.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::ProofNeeded`] where the evidence is of another kind, or its factor was
    /// removed meanwhile.
    pub async fn trust(
        &self,
        fresh: &Fresh<'_>,
        sign_in: &SignInId,
        label: &str,
    ) -> Result<NewDevice, TwoFactorError> {
        let guarded = self.given_to(fresh.guarded)?;
        let (subject, proof) = (fresh.subject(), fresh.proof());
        let guard = Guard::of(guarded, subject).await?;
        // In the very rows that the token is bound to: what changes afterwards ends it.
        let proved = proof.factor().is_some_and(|id| guard.active.contains(&id));
        if !proved || proof.sign_in() != Some(sign_in) {
            return Err(TwoFactorError::ProofNeeded);
        }
        let operation = guard.operation();
        let binding = binding(subject, proof.epoch()).operation(&operation);
        let most = MAX_TRUSTED_DEVICES;
        let added = self.all.add(subject, &binding, label, Some(sign_in), most);
        let added = added.await?;
        let event = guarded.rows.event(DEVICE_TRUSTED, subject);
        guarded.rows.emit(event);
        fresh.tell(News::DeviceTrusted).await;
        Ok(added)
    }

    /// Whether the token is that of a trusted device of this subject, whose password was right, under this
    /// epoch. `None` where it is not: ask for the second step.
    ///
    /// An expired, revoked or unknown token is not an error: an old cookie must not keep its owner from signing
    /// in.
    ///
    /// # Errors
    /// [`TwoFactorError`]: in an outage nothing is known, so nobody is let in.
    pub async fn recognise(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        epoch: Option<u64>,
        presented: &str,
    ) -> Result<Option<Trusted>, TwoFactorError> {
        let guarded = self.given_to(engine.guarded())?;
        let guard = Guard::of(guarded, subject).await?;
        let operation = guard.operation();
        let binding = binding(subject, epoch).operation(&operation);
        let found = self.all.find(binding, subject.tenant(), presented).await?;
        let trusted = found.and_then(|record| {
            let stored = record.stored();
            Some(Trusted {
                subject: subject.clone(),
                device: stored.id,
                sign_in: SignInId::new(parts(&stored.data).1?).ok()?,
                expires_at: stored.expires_at,
            })
        });
        if trusted.is_some() {
            let event = guarded.rows.event(DEVICE_RECOGNISED, subject);
            guarded.rows.emit(event);
        }
        Ok(trusted)
    }

    /// The devices that are recognised now under this credential epoch, oldest first.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage is never a shorter list.
    pub async fn list(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        epoch: Option<u64>,
    ) -> Result<Vec<DeviceView>, TwoFactorError> {
        let guard = Guard::of(self.given_to(engine.guarded())?, subject).await?;
        let operation = guard.operation();
        let binding = binding(subject, epoch).operation(&operation);
        self.all.list(subject, &binding).await
    }

    /// Ends the trust in one device of the subject, and says whether there was one.
    ///
    /// It takes no proof: it only takes away. The sessions that the device opened are the application's to end.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn revoke(&self, subject: &Subject, id: &RecordId) -> Result<bool, TwoFactorError> {
        self.all.end(subject, id).await
    }

    /// Ends the trust in every device of the subject, and says how many that were, those included that were not
    /// recognised any more.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn revoke_all(&self, subject: &Subject) -> Result<u64, TwoFactorError> {
        self.all.end_all(subject).await
    }

    pub(crate) const fn policy(&self) -> &Policy {
        self.all.policy()
    }

    /// The engine, if it was built with these devices: one that was not counts none and ends none.
    fn given_to<'e>(&self, engine: Guarded<'e>) -> Result<Guarded<'e>, TwoFactorError> {
        let given = engine.trusted.map(DeviceTokens::policy);
        if given == Some(self.policy()) {
            Ok(engine)
        } else {
            Err(TwoFactorError::Misuse(
                "the engine was built without these trusted devices",
            ))
        }
    }
}
