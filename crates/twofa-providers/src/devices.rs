//! Known devices: where the owner signed in before, and an attacker's guesses lock nobody out.

use std::sync::Arc;

use token_store::{
    Tokens,
    ott_core::{Binding, Policy, RecordId, Subject},
};

use crate::{
    build_error::BuildError,
    device_tokens::{DeviceTokens, DeviceView, NewDevice, is_bearer},
    error::TwoFactorError,
    fresh::Fresh,
    sign_in::SignInId,
};

/// How many known devices a subject has at most; one more forgets the one used longest ago.
pub const MAX_KNOWN_DEVICES: usize = 5;

/// Remembers devices, so that who exhausts a subject's guesses does not lock the owner out on them.
///
/// A known device never proves a factor and skips none; it opens a lane of its own in the limits. All known
/// devices of a subject share that lane: one that was stolen gives its thief
/// [`Limits::known_devices`](crate::Limits::known_devices) more guesses, however many there are. One that skips
/// the second step is [another service's](crate::TrustedDevices).
#[derive(Clone, Debug)]
pub struct KnownDevices {
    all: DeviceTokens,
}

impl KnownDevices {
    /// Under a policy that the tokens were built with, such as
    /// `Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30))`.
    ///
    /// # Errors
    /// [`BuildError::DevicePolicy`], [`BuildError::PolicyUnknown`].
    pub fn new(tokens: &Arc<Tokens>, policy: &Policy) -> Result<Self, BuildError> {
        if !is_bearer(policy) {
            return Err(BuildError::DevicePolicy);
        }
        let all = DeviceTokens::new(tokens, policy)?;
        Ok(Self { all })
    }

    /// Remembers the device on which a second factor was just proved. It presents its token with each
    /// [`Attempt::known_device`](crate::Attempt::known_device).
    ///
    /// Its token is bound to the proof's subject and credential epoch: raising the epoch forgets
    /// every device.
    ///
    /// At most [`MAX_KNOWN_DEVICES`] are known, also when several are remembered at once: what was
    /// used longest ago is forgotten, and what an earlier epoch left first.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn remember(
        &self,
        fresh: &Fresh<'_>,
        label: &str,
    ) -> Result<NewDevice, TwoFactorError> {
        let (subject, proof) = (fresh.subject(), fresh.proof());
        let binding = binding(subject, proof.epoch());
        let added = self
            .all
            .add(subject, &binding, label, proof.sign_in(), MAX_KNOWN_DEVICES);
        added.await
    }

    /// The subject's known devices under this credential epoch, oldest first.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage is never a shorter list.
    pub async fn list(
        &self,
        subject: &Subject,
        epoch: Option<u64>,
    ) -> Result<Vec<DeviceView>, TwoFactorError> {
        self.all.list(subject, &binding(subject, epoch)).await
    }

    /// Forgets one device of the subject, and says whether it was known.
    ///
    /// It takes no proof: it only takes away.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn forget(&self, subject: &Subject, id: &RecordId) -> Result<bool, TwoFactorError> {
        self.all.end(subject, id).await
    }

    /// Forgets every device of the subject, and says how many that were.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn forget_all(&self, subject: &Subject) -> Result<u64, TwoFactorError> {
        self.all.end_all(subject).await
    }

    /// Forgets the devices that were remembered in this sign-in.
    pub(crate) async fn forget_of(
        &self,
        subject: &Subject,
        sign_in: &SignInId,
    ) -> Result<u64, TwoFactorError> {
        self.all.end_of(subject, sign_in).await
    }

    /// Whether the token is that of a known device of this subject under this epoch. It proves no factor and no
    /// password: it is for a reserve that an application keeps in limits of its own.
    ///
    /// An expired, revoked or unknown token is not an error: an old cookie must not keep its owner from signing
    /// in.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn knows(
        &self,
        subject: &Subject,
        epoch: Option<u64>,
        presented: &str,
    ) -> Result<bool, TwoFactorError> {
        let binding = binding(subject, epoch);
        let found = self.all.find(binding, subject.tenant(), presented).await?;
        Ok(found.is_some())
    }

    pub(crate) const fn policy(&self) -> &Policy {
        self.all.policy()
    }
}

pub(crate) fn binding(subject: &Subject, epoch: Option<u64>) -> Binding<'_> {
    let binding = Binding::subject(subject);
    epoch.map_or(binding, |epoch| binding.epoch(epoch))
}
