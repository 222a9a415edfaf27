//! The life of a factor: enrolled, confirmed, renamed, removed.

use token_store::{
    FactorChange, FactorId, FactorState, StoreError, StoredFactor, What,
    ott_core::{
        Reason, Subject,
        chrono::{DateTime, TimeDelta, Utc},
        rand::{TryRng as _, rngs::SysRng},
    },
    seal::{self, SealedFor},
};
use zeroize::Zeroizing;

use crate::{
    Attempt, Descriptor, EnrolDetails, Occasion, Requested, Response, Shown, TwoFactor,
    TwoFactorError, Verified,
};

/// How many authenticators of one kind a subject may have.
pub const MOST_OF_A_KIND: usize = 5;

/// How long an enrolled factor waits for its confirmation.
pub const CONFIRM_WITHIN: TimeDelta = TimeDelta::hours(1);

/// The longest label, in characters.
pub const LONGEST_LABEL: usize = 64;

/// A factor as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorView {
    /// The public name.
    pub id: FactorId,
    /// The provider's id.
    pub kind: String,
    /// What the owner calls it.
    pub label: String,
    /// Where it stands.
    pub state: FactorState,
    /// When it was enrolled.
    pub created_at: DateTime<Utc>,
    /// When it last proved something by a counter, or was confirmed.
    pub used_at: Option<DateTime<Utc>>,
}

/// A provider that the subject can use now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What it is.
    pub descriptor: Descriptor,
    /// Its factors.
    pub factors: Vec<FactorView>,
}

/// A factor that was enrolled and waits for its confirmation.
#[derive(Debug)]
pub struct Enrolled {
    /// The public name.
    pub factor: FactorId,
    /// What the person scans or types into the authenticator: show it once.
    pub shown: Option<Shown>,
}

impl TwoFactor {
    /// What the subject can prove a second factor with now.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage is never a shorter list.
    pub async fn offered(&self, subject: &Subject) -> Result<Vec<Offer>, TwoFactorError> {
        let stored = self.stored(subject).await?;
        let mut offers = Vec::new();
        for provider in &self.providers {
            let descriptor = provider.descriptor();
            let active = |factor: &&StoredFactor| {
                factor.kind == descriptor.id && factor.state == FactorState::Active
            };
            let factors: Vec<_> = stored.iter().filter(active).cloned().collect();
            let views = factors.iter().map(view).collect();
            let open = factors
                .into_iter()
                .map(|factor| self.open(factor))
                .collect::<Result<Vec<_>, _>>()?;
            let available = provider.available(subject, &open).await;
            if available.map_err(|error| self.provider_failed(error))? {
                offers.push(Offer {
                    descriptor: descriptor.clone(),
                    factors: views,
                });
            }
        }
        Ok(offers)
    }

    /// The subject's factors, oldest first; removed ones are left out.
    ///
    /// # Errors
    /// [`TwoFactorError::Unavailable`].
    pub async fn factors(&self, subject: &Subject) -> Result<Vec<FactorView>, TwoFactorError> {
        let stored = self.stored(subject).await?;
        Ok(stored
            .iter()
            .filter(|factor| factor.state != FactorState::Removed)
            .map(view)
            .collect())
    }

    /// The providers that a subject may enrol with.
    pub fn providers(&self) -> impl Iterator<Item = &Descriptor> {
        let enrolling = self.providers.iter().filter(|provider| provider.enrols());
        enrolling.map(|provider| provider.descriptor())
    }

    /// Enrols a factor. It counts for nothing until it is confirmed.
    ///
    /// Once a factor of the subject is confirmed, this takes a fresh proof of one. Earlier
    /// enrolments of the kind that were not confirmed within [`CONFIRM_WITHIN`] are removed.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::Rejected`] also if no provider has this id, or there is
    /// nothing to enrol with it.
    pub async fn enrol(
        &self,
        provider: &str,
        details: &EnrolDetails<'_>,
        label: &str,
        proof: Option<&Verified>,
    ) -> Result<Enrolled, TwoFactorError> {
        let subject = details.subject;
        let provider = self.provider(provider).filter(|provider| provider.enrols());
        let provider = provider.ok_or(Reason::Unknown)?;
        let kind = provider.descriptor().id;
        let label = check_label(label)?;
        let now = self.now();
        let stored = self.stored(subject).await?;
        let proved = self.check_proof(subject, proof);
        let is_proved = proved.is_ok();
        if is_guarded(&stored) {
            proved?;
        }
        let of_kind = stored
            .iter()
            .filter(|factor| factor.kind == kind && factor.state != FactorState::Removed);
        let (stale, kept): (Vec<_>, Vec<_>) = of_kind.partition(|factor| is_stale(factor, now));
        if kept.len() >= MOST_OF_A_KIND {
            return Err(TwoFactorError::TooMany);
        }
        for factor in stale {
            let removed = self.factors.remove(&factor.id, now).await;
            removed.map_err(|error| self.outage("remove", error))?;
        }
        let enrolment = provider
            .enrol(details)
            .map_err(|error| self.provider_failed(error))?;
        let enrolment = enrolment.ok_or(Reason::Unknown)?;
        let mut id = [0; 16];
        SysRng
            .try_fill_bytes(&mut id)
            .map_err(|error| TwoFactorError::Unavailable(error.into()))?;
        let id = FactorId::from_bytes(id);
        let context = SealedFor {
            subject,
            factor: &id,
            kind,
        };
        let sealed = seal::seal(
            self.tokens.issuer().keys(),
            &context,
            &write_secret(is_proved, &enrolment.secret),
            &mut SysRng,
        );
        let factor = StoredFactor {
            id,
            subject: subject.clone(),
            kind: kind.into(),
            label,
            state: FactorState::Pending,
            sealed: sealed.map_err(|error| TwoFactorError::Unavailable(error.into()))?,
            last: None,
            created_at: now,
            used_at: None,
        };
        // 128 bits never collide by chance: the store or the random source is broken.
        let inserted = match self.factors.insert_factor(&factor).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Corrupt("a factor id came up twice")),
            Err(error) => Err(error),
        };
        inserted.map_err(|error| self.outage("insert", error))?;
        self.tokens.emit(Some(subject), What::FactorEnrolled(id));
        Ok(Enrolled {
            factor: id,
            shown: enrolment.shown,
        })
    }

    /// Sends the code that confirms a factor, where its provider sends codes.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn request_confirmation(
        &self,
        attempt: &Attempt<'_>,
    ) -> Result<Requested, TwoFactorError> {
        self.send(attempt, Occasion::Confirm).await
    }

    /// Confirms an enrolled factor with its first code, which is burnt in the same step.
    ///
    /// A factor that was enrolled without a proof is not confirmed any more once another one is:
    /// enrol it again, with a proof.
    ///
    /// # Errors
    /// [`TwoFactorError`]. The factor counts for nothing until this succeeds.
    pub async fn confirm(
        &self,
        attempt: &Attempt<'_>,
        response: &Response<'_>,
    ) -> Result<Verified, TwoFactorError> {
        if attempt.factor.is_none() {
            return Err(TwoFactorError::Misuse("a confirmation names its factor"));
        }
        let verified = self.prove(attempt, Occasion::Confirm, response).await?;
        if let Some(factor) = verified.factor {
            self.tokens
                .emit(Some(attempt.subject), What::FactorConfirmed(factor));
        }
        Ok(verified)
    }

    /// Gives a factor another label.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::Rejected`] if the subject has no such factor.
    pub async fn rename(
        &self,
        proof: &Verified,
        factor: &FactorId,
        label: &str,
    ) -> Result<(), TwoFactorError> {
        let label = check_label(label)?;
        self.own(proof, factor).await?;
        let change = FactorChange::Label(label);
        let updated = self.factors.update(factor, &change).await;
        changed(updated.map_err(|error| self.outage("update", error))?)?;
        self.tokens
            .emit(Some(proof.subject()), What::FactorRenamed(*factor));
        Ok(())
    }

    /// Removes a factor: its row stays, its secret does not.
    ///
    /// Whether an account may lose its last factor is the application's to decide, before it calls this.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::Rejected`] if the subject has no such factor.
    pub async fn remove(&self, proof: &Verified, factor: &FactorId) -> Result<(), TwoFactorError> {
        self.own(proof, factor).await?;
        let removed = self.factors.remove(factor, self.now()).await;
        changed(removed.map_err(|error| self.outage("remove", error))?)?;
        self.tokens
            .emit(Some(proof.subject()), What::FactorRemoved(*factor));
        Ok(())
    }

    pub(crate) async fn disable(
        &self,
        subject: &Subject,
        factor: &FactorId,
    ) -> Result<(), TwoFactorError> {
        let disabled = self.factors.update(factor, &FactorChange::Disable).await;
        if disabled.map_err(|error| self.outage("update", error))? {
            self.tokens
                .emit(Some(subject), What::FactorDisabled(*factor));
        }
        Ok(())
    }

    /// The proof is fresh, and the factor is the prover's.
    async fn own(&self, proof: &Verified, factor: &FactorId) -> Result<(), TwoFactorError> {
        let subject = proof.subject();
        self.check_proof(subject, Some(proof))?;
        let stored = self.stored(subject).await?;
        changed(
            stored
                .iter()
                .any(|stored| stored.id == *factor && stored.state != FactorState::Removed),
        )
    }

    pub(crate) fn check_proof(
        &self,
        subject: &Subject,
        proof: Option<&Verified>,
    ) -> Result<(), TwoFactorError> {
        if proof.is_some_and(|proof| proof.covers(subject, self.now())) {
            Ok(())
        } else {
            Err(TwoFactorError::ProofNeeded)
        }
    }
}

fn changed(changed: bool) -> Result<(), TwoFactorError> {
    if changed {
        Ok(())
    } else {
        Err(Reason::Unknown.into())
    }
}

/// Whether a change of factors takes a proof: one was confirmed, and still proves or could.
pub(crate) fn is_guarded(stored: &[StoredFactor]) -> bool {
    let confirmed = [FactorState::Active, FactorState::Disabled];
    stored
        .iter()
        .any(|factor| confirmed.contains(&factor.state))
}

/// What is sealed: whether a proof was given at enrolment (1 byte), then the provider's secret.
fn write_secret(proved: bool, secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(secret.len().saturating_add(1)));
    plain.push(u8::from(proved));
    plain.extend(secret);
    plain
}

pub(crate) fn read_secret(plain: &[u8]) -> Option<(bool, Zeroizing<Vec<u8>>)> {
    let (proved, secret) = plain.split_first()?;
    (*proved <= 1).then(|| (*proved == 1, Zeroizing::new(secret.to_vec())))
}

/// Enrolled and never confirmed: it can no longer be.
pub(crate) fn is_stale(factor: &StoredFactor, now: DateTime<Utc>) -> bool {
    factor.state == FactorState::Pending
        && now.signed_duration_since(factor.created_at) >= CONFIRM_WITHIN
}

pub(crate) fn check_label(label: &str) -> Result<String, TwoFactorError> {
    let label = label.trim();
    let strange = label.is_empty()
        || label.chars().count() > LONGEST_LABEL
        || label.chars().any(char::is_control);
    if strange {
        Err(Reason::Malformed.into())
    } else {
        Ok(label.into())
    }
}

fn view(stored: &StoredFactor) -> FactorView {
    FactorView {
        id: stored.id,
        kind: stored.kind.clone(),
        label: stored.label.clone(),
        state: stored.state,
        created_at: stored.created_at,
        used_at: stored.used_at,
    }
}
