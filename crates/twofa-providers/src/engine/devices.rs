//! Known devices: where the owner signed in before, and an attacker's guesses lock nobody out.

use token_store::{
    Revoke, TokensError, What,
    ott_core::{
        Binding, Extra, Policy, Record, RecordId, Subject, Token, Usage,
        chrono::{DateTime, Utc},
    },
};

use super::spending::Lane;
use crate::{Attempt, FlowId, TwoFactor, TwoFactorError, Verified, factors::check_label};

/// How many known devices a subject has at most; one more forgets the one used longest ago.
pub const MOST_KNOWN_DEVICES: usize = 5;

/// Whether tokens of this policy prove again and again, and not for ever.
pub(super) fn fits(policy: &Policy) -> bool {
    policy.usage() == Usage::Bearer && policy.token_lifetime().is_some()
}

/// A device that was just remembered.
#[derive(Debug)]
pub struct RememberedDevice {
    /// What the device keeps, in a cookie of its own, and presents with each
    /// [`Attempt::known_device`]. It proves no factor.
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

impl TwoFactor {
    /// Remembers the device on which a second factor was just proved.
    ///
    /// Its token is bound to the proof's subject and credential epoch: raising the epoch forgets
    /// every device. It never proves a factor and skips none; it opens a lane of its own in the
    /// limits, so that who exhausts the subject's guesses does not lock the owner out here. All known
    /// devices of a subject share that lane: one that was stolen gives its thief
    /// [`Limits::known_devices`](crate::Limits::known_devices) more guesses, however many there are.
    ///
    /// At most [`MOST_KNOWN_DEVICES`] are known, also when several are remembered at once: what was
    /// used longest ago is forgotten, and what an earlier epoch left first.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::ProofNeeded`] unless the proof is fresh.
    pub async fn remember_device(
        &self,
        proof: &Verified,
        label: &str,
    ) -> Result<RememberedDevice, TwoFactorError> {
        let policy = self.device_policy()?;
        let label = check_label(label)?;
        let subject = proof.subject();
        let _ = self.fresh(proof).await?;
        let data = data(&label, proof.flow());
        let extra = Extra {
            data: &data,
            ..Extra::default()
        };
        let binding = binding(subject, proof.epoch());
        let issued = self.tokens.issue_with(policy, &binding, extra).await?;
        // Each looks after its own insert, so whoever looks last sees all, and all sort alike.
        let mut known = self.tokens.list(policy, subject).await?;
        known.sort_by_key(|record| {
            let stored = record.stored();
            let stale = self.tokens.issuer().check(record, &binding).is_err();
            let used = stored.used_at.unwrap_or(stored.issued_at);
            (!stale, used, stored.id)
        });
        let surplus = known.len().saturating_sub(MOST_KNOWN_DEVICES);
        for record in known.iter().take(surplus) {
            self.tokens.revoke(&Revoke::Record(*record.id())).await?;
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
    pub async fn known_devices(
        &self,
        subject: &Subject,
        epoch: Option<u64>,
    ) -> Result<Vec<DeviceView>, TwoFactorError> {
        let known = self.live_devices(subject, epoch).await?;
        Ok(known.iter().map(view).collect())
    }

    /// Forgets one device of the subject, and says whether it was known.
    ///
    /// It takes no proof: it only takes away.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn forget_device(
        &self,
        subject: &Subject,
        id: &RecordId,
    ) -> Result<bool, TwoFactorError> {
        let listed = self.tokens.list(self.device_policy()?, subject).await?;
        if !listed.iter().any(|record| record.id() == id) {
            return Ok(false);
        }
        Ok(self.tokens.revoke(&Revoke::Record(*id)).await? > 0)
    }

    /// Forgets every device of the subject, and says how many that were.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn forget_devices(&self, subject: &Subject) -> Result<u64, TwoFactorError> {
        let all = Revoke::purpose(subject, self.device_policy()?.purpose());
        Ok(self.tokens.revoke(&all).await?)
    }

    /// Whose limits the attempt is paid from. A token that proves nothing is as none: an old cookie
    /// must not keep its owner from signing in.
    pub(super) async fn lane(&self, attempt: &Attempt<'_>) -> Result<Lane, TwoFactorError> {
        let Some(presented) = attempt.known_device else {
            return Ok(Lane::Shared);
        };
        let policy = self.device_policy()?;
        let subject = attempt.subject;
        let found = self
            .tokens
            .authenticate(policy, subject.tenant(), presented)
            .await;
        let found = match found {
            Ok(found) => found,
            Err(TokensError::Rejected(_) | TokensError::KeyMissing(_)) => return Ok(Lane::Shared),
            Err(error) => return Err(error.into()),
        };
        let id = *found.id();
        Ok(match found.check(&binding(subject, attempt.epoch)) {
            Ok(_) => Lane::KnownDevice,
            Err(rejected) => {
                let refused = What::Refused(*policy.purpose(), Some(id), rejected.reason());
                self.tokens.emit(Some(subject), refused);
                Lane::Shared
            }
        })
    }

    /// Whether there is a device to keep the rest of a ceiling for.
    pub(super) async fn has_known_devices(
        &self,
        attempt: &Attempt<'_>,
    ) -> Result<bool, TwoFactorError> {
        if self.devices.is_none() {
            return Ok(false);
        }
        let known = self.live_devices(attempt.subject, attempt.epoch).await?;
        Ok(!known.is_empty())
    }

    async fn live_devices(
        &self,
        subject: &Subject,
        epoch: Option<u64>,
    ) -> Result<Vec<Record>, TwoFactorError> {
        let mut known = self.tokens.list(self.device_policy()?, subject).await?;
        let binding = binding(subject, epoch);
        known.retain(|record| self.tokens.issuer().check(record, &binding).is_ok());
        Ok(known)
    }

    fn device_policy(&self) -> Result<&Policy, TwoFactorError> {
        self.devices.as_ref().ok_or(TwoFactorError::Misuse(
            "the engine was built without known devices",
        ))
    }
}

fn binding(subject: &Subject, epoch: Option<u64>) -> Binding<'_> {
    let binding = Binding::subject(subject);
    epoch.map_or(binding, |epoch| binding.epoch(epoch))
}

fn view(record: &Record) -> DeviceView {
    let stored = record.stored();
    DeviceView {
        id: stored.id,
        label: String::from_utf8_lossy(parts(record).0).into_owned(),
        since: stored.issued_at,
        used_at: stored.used_at,
        expires_at: stored.expires_at,
    }
}

/// What a record holds of its device: the label, and after a NUL, which no label has, the sign-in in
/// which it was remembered.
fn data(label: &str, flow: Option<&FlowId>) -> Vec<u8> {
    let flow = flow.map(|flow| [&[0], flow.as_bytes()].concat());
    [label.as_bytes(), &flow.unwrap_or_default()].concat()
}

fn parts(record: &Record) -> (&[u8], Option<&[u8]>) {
    let mut parts = record.stored().data.splitn(2, |byte| *byte == 0);
    (parts.next().unwrap_or_default(), parts.next())
}

/// In which sign-in the device was remembered.
pub(super) fn flow_of(record: &Record) -> Option<&[u8]> {
    parts(record).1
}
