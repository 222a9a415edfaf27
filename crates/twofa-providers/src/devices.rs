//! Known devices: where the owner signed in before, and an attacker's guesses lock nobody out.

use core::fmt;
use std::sync::Arc;

use token_store::{
    Found, Revoke, Tokens, TokensError,
    ott_core::{
        Binding, IssueOptions, Policy, RecordId, Subject, Token, Usage,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    build_error::BuildError, error::TwoFactorError, fresh::Fresh, labels::check_label,
    sign_in::SignInId,
};

/// How many known devices a subject has at most; one more forgets the one used longest ago.
pub const MOST_KNOWN_DEVICES: usize = 5;

/// Whether tokens of this policy prove again and again, and not for ever.
fn fits(policy: &Policy) -> bool {
    policy.usage() == Usage::Bearer && policy.token_lifetime().is_some()
}

/// Remembers devices, so that who exhausts a subject's guesses does not lock the owner out on them.
///
/// A known device never proves a factor and skips none; it opens a lane of its own in the limits. All known
/// devices of a subject share that lane: one that was stolen gives its thief
/// [`Limits::known_devices`](crate::Limits::known_devices) more guesses, however many there are.
#[derive(Clone)]
pub struct KnownDevices {
    tokens: Arc<Tokens>,
    policy: Policy,
}

/// A device that was just remembered.
#[derive(Debug)]
pub struct RememberedDevice {
    /// What the device keeps, in a cookie of its own, and presents with each
    /// [`Attempt::known_device`](crate::Attempt::known_device). It proves no factor.
    pub token: Token,
    /// The public name.
    pub id: RecordId,
    /// When it is forgotten.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A known device as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceView {
    /// The public name.
    pub id: RecordId,
    /// What it was called when it was remembered.
    pub label: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub used_at: Option<DateTime<Utc>>,
    /// When it is forgotten.
    pub expires_at: Option<DateTime<Utc>>,
}

impl KnownDevices {
    /// Under a policy that the tokens were built with, such as
    /// `Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30))`.
    ///
    /// # Errors
    /// [`BuildError::DevicePolicy`], [`BuildError::PolicyUnknown`].
    pub fn new(tokens: &Arc<Tokens>, policy: &Policy) -> Result<Self, BuildError> {
        if !fits(policy) {
            return Err(BuildError::DevicePolicy);
        }
        if !tokens.policies().contains(policy) {
            return Err(BuildError::PolicyUnknown(*policy.purpose()));
        }
        Ok(Self {
            tokens: Arc::clone(tokens),
            policy: *policy,
        })
    }

    /// Remembers the device on which a second factor was just proved.
    ///
    /// Its token is bound to the proof's subject and credential epoch: raising the epoch forgets
    /// every device.
    ///
    /// At most [`MOST_KNOWN_DEVICES`] are known, also when several are remembered at once: what was
    /// used longest ago is forgotten, and what an earlier epoch left first.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn remember(
        &self,
        fresh: &Fresh<'_>,
        label: &str,
    ) -> Result<RememberedDevice, TwoFactorError> {
        let label = check_label(label)?;
        let (subject, proof) = (fresh.subject(), fresh.proof());
        let options = IssueOptions {
            data: &data(&label, proof.sign_in()),
            ..IssueOptions::default()
        };
        let binding = binding(subject, proof.epoch());
        let issued = self
            .tokens
            .without_limits("behind fresh evidence")
            .issue_opts(&self.policy, &binding, options)
            .await?;
        let issued = issued.into_iter().next();
        let issued = issued.ok_or(TwoFactorError::Misuse("one token is one token"))?;
        // Each looks after its own insert, so whoever looks last sees all, and all sort alike.
        let mut known = self.tokens.list(&self.policy, subject).await?;
        known.sort_by_key(|found| {
            let stored = found.stored();
            let used = stored.used_at.unwrap_or(stored.issued_at);
            (self.is_of(found, &binding), used, stored.id)
        });
        let surplus = known.len().saturating_sub(MOST_KNOWN_DEVICES);
        for found in known.iter().take(surplus) {
            self.tokens
                .revoke(&Revoke::own(subject, *found.id()))
                .await?;
        }
        Ok(RememberedDevice {
            token: issued.token,
            id: *issued.record.id(),
            expires_at: issued.record.stored().expires_at,
        })
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
        let mut known = self.tokens.list(&self.policy, subject).await?;
        let binding = binding(subject, epoch);
        known.retain(|found| self.is_of(found, &binding));
        Ok(known.iter().map(view).collect())
    }

    /// Forgets one device of the subject, and says whether it was known.
    ///
    /// It takes no proof: it only takes away.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn forget(&self, subject: &Subject, id: &RecordId) -> Result<bool, TwoFactorError> {
        let listed = self.tokens.list(&self.policy, subject).await?;
        if !listed.iter().any(|found| found.id() == id) {
            return Ok(false);
        }
        let own = Revoke::own(subject, *id);
        Ok(self.tokens.revoke(&own).await? > 0)
    }

    /// Forgets every device of the subject, and says how many that were.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn forget_all(&self, subject: &Subject) -> Result<u64, TwoFactorError> {
        let all = Revoke::purpose(subject, self.policy.purpose());
        Ok(self.tokens.revoke(&all).await?)
    }

    /// Forgets the devices that were remembered in this sign-in.
    pub(crate) async fn forget_of(
        &self,
        subject: &Subject,
        sign_in: &SignInId,
    ) -> Result<u64, TwoFactorError> {
        let mut forgotten = 0u64;
        for found in self.tokens.list(&self.policy, subject).await? {
            if parts(&found).1 == Some(sign_in.as_bytes()) {
                let own = Revoke::own(subject, *found.id());
                forgotten = forgotten.saturating_add(self.tokens.revoke(&own).await?);
            }
        }
        Ok(forgotten)
    }

    /// Whether the token is that of a known device of this subject under this epoch. One that proves
    /// nothing is as none: an old cookie must not keep its owner from signing in.
    pub(crate) async fn knows(
        &self,
        subject: &Subject,
        epoch: Option<u64>,
        presented: &str,
    ) -> Result<bool, TwoFactorError> {
        let own = binding(subject, epoch).into_owned();
        let found = self
            .tokens
            .authenticate(&self.policy, subject.tenant(), presented, |_| async {
                Ok(Some(own))
            })
            .await;
        match found {
            Ok(_) => Ok(true),
            Err(TokensError::Rejected(_) | TokensError::KeyMissing(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether it was remembered under this binding: an earlier epoch's is none.
    fn is_of(&self, found: &Found, binding: &Binding<'_>) -> bool {
        let issuer = self.tokens.issuer();
        let opened = issuer.open(&self.policy, found.stored().clone());
        opened.is_ok_and(|record| issuer.check(&record, binding).is_ok())
    }
}

impl fmt::Debug for KnownDevices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownDevices")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

fn binding(subject: &Subject, epoch: Option<u64>) -> Binding<'_> {
    let binding = Binding::subject(subject);
    epoch.map_or(binding, |epoch| binding.epoch(epoch))
}

fn view(found: &Found) -> DeviceView {
    let stored = found.stored();
    DeviceView {
        id: stored.id,
        label: String::from_utf8_lossy(parts(found).0).into_owned(),
        since: stored.issued_at,
        used_at: stored.used_at,
        expires_at: stored.expires_at,
    }
}

/// What a record holds of its device: the label, and after a NUL, which no label has, the sign-in in
/// which it was remembered.
fn data(label: &str, sign_in: Option<&SignInId>) -> Vec<u8> {
    let sign_in = sign_in.map(|sign_in| [&[0], sign_in.as_bytes()].concat());
    [label.as_bytes(), &sign_in.unwrap_or_default()].concat()
}

fn parts(found: &Found) -> (&[u8], Option<&[u8]>) {
    let mut parts = found.stored().data.splitn(2, |byte| *byte == 0);
    (parts.next().unwrap_or_default(), parts.next())
}
