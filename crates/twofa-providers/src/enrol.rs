//! The beginning of a factor.

use core::cmp::Reverse;

use token_store::{FactorId, FactorState, StoreError, StoredFactor, ott_core::Reason};

use crate::{
    asked::Asked,
    attempt::Attempt,
    context::{Context, Occasion},
    descriptor::Proves,
    engine::{TwoFactor, is_of},
    enrolment::{EnrolDetails, Provisioning},
    envelope::{self, EnrolledUnder, Envelope},
    error::TwoFactorError,
    events::FACTOR_ENROLLED,
    fresh::Fresh,
    labels::check_label,
    rows::{is_guarded, is_stale, new_id},
};

/// How many factors of one provider a subject may have.
pub const MAX_FACTORS_PER_PROVIDER: usize = 5;

/// A factor that was enrolled and waits for its confirmation.
#[derive(Debug)]
pub struct Enrolled {
    /// The public name.
    pub factor: FactorId,
    /// What the person scans or types into the authenticator: show it once.
    pub provisioning: Option<Provisioning>,
    /// What was asked at once, where the confirming answer is an answer to it.
    pub asked: Option<Asked>,
}

impl TwoFactor {
    /// Enrols a factor. It counts for nothing until it is confirmed.
    ///
    /// Once a factor of the subject is confirmed, this takes fresh evidence of one, and the new factor is
    /// confirmed only while that one is still active. It ends when a factor is removed or disabled, when the
    /// recovery codes are renewed, and with "this was not me"; and it is confirmed under the credential epoch
    /// and in the sign-in that the details name, and no other.
    ///
    /// Earlier enrolments with the provider that were not confirmed within
    /// [`CONFIRM_WITHIN`](crate::CONFIRM_WITHIN) are removed. More than [`MAX_FACTORS_PER_PROVIDER`] do not
    /// stay, also when several are enrolled at once: the oldest that waits for its confirmation gives way,
    /// and a confirmed one never does.
    ///
    /// # Errors
    /// [`TwoFactorError`]; [`TwoFactorError::Rejected`] also if no provider has this id, or there is
    /// nothing to enrol with it; [`TwoFactorError::Throttled`] where the subject started too many
    /// ([`Limits::enrolments`](crate::Limits::enrolments)): then nothing was written.
    pub async fn enrol(
        &self,
        provider: &str,
        details: &EnrolDetails<'_>,
        label: &str,
        fresh: Option<&Fresh<'_>>,
    ) -> Result<Enrolled, TwoFactorError> {
        let subject = details.subject;
        let provider = self.provider(provider)?;
        let descriptor = provider.descriptor();
        if descriptor.proves != Proves::Factor {
            return Err(Reason::Unknown.into());
        }
        let label = check_label(label)?;
        let now = self.rows.now();
        let stored = self.rows.of(subject).await?;
        // Somebody else's proof is as none.
        let fresh = fresh.filter(|fresh| fresh.subject() == subject);
        let guarded = is_guarded(&stored);
        if guarded && fresh.is_none() {
            return Err(TwoFactorError::ProofNeeded);
        }
        let of_provider = stored
            .iter()
            .filter(|factor| is_of(factor, descriptor) && factor.state != FactorState::Removed);
        let (stale, kept): (Vec<_>, Vec<_>) = of_provider.partition(|factor| is_stale(factor, now));
        let stays = |factor: &&&StoredFactor| factor.state != FactorState::Pending;
        if kept.iter().filter(stays).count() >= MAX_FACTORS_PER_PROVIDER {
            return Err(TwoFactorError::TooMany);
        }
        let attempt = Attempt {
            epoch: details.epoch,
            sign_in: details.sign_in,
            ..Attempt::new(subject, &descriptor.id)
        };
        self.rows.pay_enrolment(&self.limits, &attempt).await?;
        for factor in stale {
            self.rows.remove_pending(&factor.id).await?;
        }
        let id = new_id()?;
        let context = Context {
            id: Some(id),
            ..self.context(&attempt, Occasion::Confirm, None)
        };
        let enrolment = provider.enrol(&context, details).await;
        let enrolment =
            enrolment.map_err(|error| self.provider_failed(descriptor, subject, error))?;
        // Where there is nothing to guard yet, a proof of earlier days lends nothing either.
        let under = match fresh.filter(|_| guarded) {
            None => EnrolledUnder::Nothing,
            Some(fresh) => match fresh.proof().factor() {
                None => EnrolledUnder::Subject(fresh.proof().at()),
                Some(factor) => EnrolledUnder::Factor(factor),
            },
        };
        let envelope = Envelope {
            enrolled: envelope::Enrolled {
                under,
                epoch: details.epoch,
                sign_in: details.sign_in.cloned(),
            },
            destination: enrolment.destination,
            secret: enrolment.secret,
        };
        let factor = StoredFactor {
            id,
            subject: subject.clone(),
            provider: descriptor.id.to_string(),
            label,
            state: FactorState::Pending,
            sealed: self.rows.seal(subject, &id, &descriptor.id, &envelope)?,
            last: None,
            created_at: now,
            used_at: None,
            removal: None,
        };
        // 128 random bits never collide by chance: the store or the random source is broken.
        if !self.rows.insert(&factor).await? {
            let twice = StoreError::Corrupt("a factor id came up twice");
            return Err(self.rows.outage("insert", twice));
        }
        self.remove_surplus(&factor).await?;
        self.rows.tell(FACTOR_ENROLLED, &factor);
        Ok(Enrolled {
            factor: id,
            provisioning: enrolment.provisioning,
            asked: enrolment.asked,
        })
    }

    /// Removes what there is too much of a provider, and refuses the newcomer if it is among that. Whoever
    /// starts again and again is not stuck: of those that wait, the oldest give way.
    ///
    /// Each enrolment looks after its own insert, so whoever looks last sees all; all sort alike, and remove
    /// the surplus whosever it is. Nothing is removed but by this order, so the first
    /// [`MAX_FACTORS_PER_PROVIDER`] of all that were ever there stay, and no more.
    async fn remove_surplus(&self, newcomer: &StoredFactor) -> Result<(), TwoFactorError> {
        let now = self.rows.now();
        loop {
            let mut of_provider = self.rows.of(&newcomer.subject).await?;
            of_provider.retain(|factor| {
                factor.provider == newcomer.provider
                    && factor.state != FactorState::Removed
                    && !is_stale(factor, now)
            });
            // What was confirmed stays, whoever's clock is ahead.
            of_provider.sort_by_key(|factor| {
                let pending = factor.state == FactorState::Pending;
                (pending, Reverse(factor.created_at), factor.id)
            });
            if !of_provider.iter().any(|factor| factor.id == newcomer.id) {
                return Err(TwoFactorError::TooMany);
            }
            let surplus = of_provider.iter().skip(MAX_FACTORS_PER_PROVIDER);
            let surplus = surplus.filter(|factor| factor.state == FactorState::Pending);
            let mut all_gone = true;
            for factor in surplus {
                all_gone &= self.rows.remove_pending(&factor.id).await?;
                all_gone &= factor.id != newcomer.id;
            }
            // One that was confirmed in the meantime takes the place of another.
            if all_gone {
                return Ok(());
            }
        }
    }
}
