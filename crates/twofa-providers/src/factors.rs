//! The life of a factor: enrolled, confirmed, renamed. How it ends is in `removal`.

use core::cmp::Reverse;

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
    Attempt, Descriptor, EnrolDetails, News, Occasion, Requested, Response, Shown, TwoFactor,
    TwoFactorError, Verified,
    engine::{Origin, Told},
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
    /// enrolments of the kind that were not confirmed within [`CONFIRM_WITHIN`] are removed. More
    /// than [`MOST_OF_A_KIND`] do not stay, also when several are enrolled at once: the oldest that
    /// waits for its confirmation gives way, and a confirmed one never does.
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
        let proved = self.check_proof(subject, proof, &stored);
        let is_proved = proved.is_ok();
        if is_guarded(&stored) {
            proved?;
        }
        let of_kind = stored
            .iter()
            .filter(|factor| factor.kind == kind && factor.state != FactorState::Removed);
        let (stale, kept): (Vec<_>, Vec<_>) = of_kind.partition(|factor| is_stale(factor, now));
        let stays = |factor: &&&StoredFactor| factor.state != FactorState::Pending;
        if kept.iter().filter(stays).count() >= MOST_OF_A_KIND {
            return Err(TwoFactorError::TooMany);
        }
        for factor in stale {
            let removed = self.factors.remove(&factor.id, None, now).await;
            removed.map_err(|error| self.outage("remove", error))?;
        }
        let enrolment = provider
            .enrol(details)
            .map_err(|error| self.provider_failed(error))?;
        let enrolment = enrolment.ok_or(Reason::Unknown)?;
        let (id, sealed) = self.seal_new(subject, kind, is_proved, &enrolment.secret)?;
        let factor = StoredFactor {
            id,
            subject: subject.clone(),
            kind: kind.into(),
            label,
            state: FactorState::Pending,
            sealed,
            last: None,
            created_at: now,
            used_at: None,
        };
        self.insert(&factor).await?;
        self.remove_surplus(&factor).await?;
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
            let told = Told {
                subject: attempt.subject,
                news: News::FactorAdded,
                factor: Some(factor),
                origin: attempt.origin(),
                old: None,
                new: None,
            };
            self.tell(&told).await;
        }
        Ok(verified)
    }

    /// Whether a proof will do for something that the application guards by itself, such as changing
    /// an address of the account: it is of the last [`FRESH`](crate::FRESH) minutes, and its factor
    /// still proves. A proof as far ahead of this clock is another server's, and one beyond is not
    /// taken.
    ///
    /// Compare [`Verified::subject`] with whose account it is.
    ///
    /// # Errors
    /// [`TwoFactorError::ProofNeeded`], or [`TwoFactorError::Unavailable`].
    pub async fn check_fresh(&self, proof: &Verified) -> Result<(), TwoFactorError> {
        self.fresh(proof).await.map(drop)
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
        let _ = self.own(proof, factor).await?;
        let change = FactorChange::Label(label);
        let updated = self.factors.update(factor, &change).await;
        changed(updated.map_err(|error| self.outage("update", error))?)?;
        self.tokens
            .emit(Some(proof.subject()), What::FactorRenamed(*factor));
        Ok(())
    }

    pub(crate) async fn disable(
        &self,
        subject: &Subject,
        factor: &FactorId,
        origin: Origin<'_>,
    ) -> Result<(), TwoFactorError> {
        let disabled = self.factors.update(factor, &FactorChange::Disable).await;
        if disabled.map_err(|error| self.outage("update", error))? {
            self.tokens
                .emit(Some(subject), What::FactorDisabled(*factor));
            let told = Told {
                subject,
                news: News::FactorDisabled,
                factor: Some(*factor),
                origin,
                old: None,
                new: None,
            };
            self.tell(&told).await;
        }
        Ok(())
    }

    /// The proof is fresh; then the factors of its subject.
    pub(crate) async fn fresh(
        &self,
        proof: &Verified,
    ) -> Result<Vec<StoredFactor>, TwoFactorError> {
        let stored = self.stored(proof.subject()).await?;
        self.check_proof(proof.subject(), Some(proof), &stored)?;
        Ok(stored)
    }

    /// The proof is fresh, and the factor is the prover's.
    pub(crate) async fn own(
        &self,
        proof: &Verified,
        factor: &FactorId,
    ) -> Result<(StoredFactor, Vec<StoredFactor>), TwoFactorError> {
        let (own, others) = self
            .fresh(proof)
            .await?
            .into_iter()
            .partition::<Vec<_>, _>(|stored| stored.id == *factor);
        let own = own
            .into_iter()
            .find(|stored| stored.state != FactorState::Removed);
        Ok((own.ok_or(Reason::Unknown)?, others))
    }

    /// Of this subject, of the last minutes, and by a factor that still proves: who took a stolen
    /// phone off the account is not outlived by what it proved before.
    fn check_proof(
        &self,
        subject: &Subject,
        proof: Option<&Verified>,
        stored: &[StoredFactor],
    ) -> Result<(), TwoFactorError> {
        let holds = |proof: &Verified| {
            let active = |stored: &StoredFactor| {
                proof.factor() == Some(stored.id) && stored.state == FactorState::Active
            };
            proof.covers(subject, self.now())
                && (proof.factor().is_none() || stored.iter().any(active))
        };
        if proof.is_some_and(holds) {
            Ok(())
        } else {
            Err(TwoFactorError::ProofNeeded)
        }
    }

    /// Seals a secret for a factor with a new id.
    pub(crate) fn seal_new(
        &self,
        subject: &Subject,
        kind: &str,
        proved: bool,
        secret: &[u8],
    ) -> Result<(FactorId, Vec<u8>), TwoFactorError> {
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
        Ok((id, self.seal_under_first(&context, proved, secret)?))
    }

    /// Seals a secret under the key that seals now.
    pub(crate) fn seal_under_first(
        &self,
        context: &SealedFor<'_>,
        proved: bool,
        secret: &[u8],
    ) -> Result<Vec<u8>, TwoFactorError> {
        let plain = write_secret(proved, secret);
        let sealed = seal::seal(self.tokens.issuer().keys(), context, &plain, &mut SysRng);
        sealed.map_err(|error| TwoFactorError::Unavailable(error.into()))
    }

    pub(crate) async fn insert(&self, factor: &StoredFactor) -> Result<(), TwoFactorError> {
        // 128 bits never collide by chance: the store or the random source is broken.
        let inserted = match self.factors.insert_factor(factor).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Corrupt("a factor id came up twice")),
            Err(error) => Err(error),
        };
        inserted.map_err(|error| self.outage("insert", error))
    }

    /// Removes what there is too much of a kind, and refuses the newcomer if it is among that. Whoever
    /// starts again and again is not stuck: of those that wait, the oldest give way.
    ///
    /// Each enrolment looks after its own insert, so whoever looks last sees all; all sort alike, and remove
    /// the surplus whosever it is. Nothing is removed but by this order, so the first [`MOST_OF_A_KIND`] of
    /// all that were ever there stay, and no more.
    async fn remove_surplus(&self, newcomer: &StoredFactor) -> Result<(), TwoFactorError> {
        let now = self.now();
        let mut of_kind = self.stored(&newcomer.subject).await?;
        of_kind.retain(|factor| {
            factor.kind == newcomer.kind
                && factor.state != FactorState::Removed
                && !is_stale(factor, now)
        });
        // What was confirmed stays, whoever's clock is ahead.
        of_kind.sort_by_key(|factor| {
            let pending = factor.state == FactorState::Pending;
            (pending, Reverse(factor.created_at), factor.id)
        });
        let mut refused = false;
        for surplus in of_kind.iter().skip(MOST_OF_A_KIND) {
            if surplus.state != FactorState::Pending {
                continue;
            }
            let removed = self.factors.remove(&surplus.id, None, now).await;
            removed.map_err(|error| self.outage("remove", error))?;
            refused |= surplus.id == newcomer.id;
        }
        if refused {
            Err(TwoFactorError::TooMany)
        } else {
            Ok(())
        }
    }
}

pub(crate) fn changed(changed: bool) -> Result<(), TwoFactorError> {
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

pub(crate) fn read_secret(mut plain: Zeroizing<Vec<u8>>) -> Option<(bool, Zeroizing<Vec<u8>>)> {
    let proved = *plain.first().filter(|proved| **proved <= 1)?;
    plain.remove(0);
    Some((proved == 1, plain))
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
