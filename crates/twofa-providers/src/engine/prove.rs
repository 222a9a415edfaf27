//! Proving: the form is free, then pay, ask the provider, burn what it claims.

use token_store::ott_core::{Reason, Rejected};

use super::{
    TwoFactor,
    candidates::Candidates,
    paid::{Lane, NotProved, Paid},
};
use crate::{
    attempt::Attempt,
    context::Occasion,
    error::TwoFactorError,
    events::{
        FACTOR_CONFIRMED, FACTOR_REFUSED, FACTOR_VERIFIED, PROVIDER_REFUSED, PROVIDER_VERIFIED,
        RECOVERY_USED,
    },
    limits::Counted,
    news::News,
    open_factor::OpenFactor,
    proof::Proof,
    provider::Provider,
    provider_error::VerifyError,
    recovery,
    response::Response,
    telling::Told,
};

impl TwoFactor {
    /// Verifies a response, and burns what proved it.
    ///
    /// Of any number of concurrent calls with one code, at most one succeeds.
    ///
    /// # Errors
    /// [`TwoFactorError`]. Whatever it says, nothing was proved.
    pub async fn verify(
        &self,
        attempt: &Attempt<'_>,
        response: &Response<'_>,
    ) -> Result<Proof, TwoFactorError> {
        let proof = self.prove(attempt, Occasion::Verify, response).await?;
        let name = match proof.factor {
            Some(_) => FACTOR_VERIFIED,
            None => PROVIDER_VERIFIED,
        };
        self.tell_proved(name, &proof);
        if proof.provider == recovery::ID {
            self.tell_recovery_used(attempt).await;
        }
        Ok(proof)
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
    ) -> Result<Proof, TwoFactorError> {
        if attempt.factor.is_none() {
            return Err(TwoFactorError::Misuse("a confirmation names its factor"));
        }
        let proof = self.prove(attempt, Occasion::Confirm, response).await?;
        self.tell_proved(FACTOR_CONFIRMED, &proof);
        if let Some(factor) = proof.factor {
            let told = Told::new(attempt.subject, News::FactorAdded).of(factor);
            self.tell(&told.by(attempt.origin())).await;
        }
        Ok(proof)
    }

    /// Tries the response at each candidate in turn, paying for each.
    async fn prove(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        response: &Response<'_>,
    ) -> Result<Proof, TwoFactorError> {
        let Candidates {
            provider,
            factors,
            broken,
        } = self.candidates(attempt, occasion).await?;
        let mut refusal = TwoFactorError::from(Reason::Unknown);
        let lane = self.lane(attempt).await?;
        let mut paid = Vec::new();
        for factor in factors.iter().map(Option::as_ref) {
            let proved = self
                .prove_one(attempt, occasion, &**provider, factor, lane, response)
                .await;
            match proved {
                Ok(won) => {
                    self.give_back_all(&won, &paid).await;
                    if let Some(factor) = factor {
                        self.renew_after_use(attempt, factor).await;
                    }
                    return Ok(self.proof(attempt, &**provider, factor));
                }
                Err(NotProved::Refused(rejected, cost)) => {
                    self.tell_refused(attempt, factor, rejected);
                    refusal = TwoFactorError::Rejected(rejected);
                    paid.extend(cost);
                }
                Err(NotProved::Pending) => return Err(TwoFactorError::Pending),
                Err(NotProved::Failed(error)) => return Err(error),
            }
        }
        Err(broken.unwrap_or(refusal))
    }

    async fn prove_one(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        provider: &dyn Provider,
        factor: Option<&OpenFactor>,
        lane: Lane,
        response: &Response<'_>,
    ) -> Result<Paid, NotProved> {
        let context = self.context(attempt, occasion, factor);
        let descriptor = provider.descriptor();
        let failed = |error| self.provider_failed(descriptor, attempt.subject, error);
        match provider.form(&context, response) {
            Ok(()) => {}
            Err(VerifyError::NoFlow) => {
                return Err(NotProved::Refused(Rejected::new(Reason::Unknown), None));
            }
            Err(VerifyError::Rejected(rejected)) => return Err(NotProved::Refused(rejected, None)),
            Err(VerifyError::Pending) => return Err(NotProved::Pending),
            Err(VerifyError::Provider(error)) => return Err(failed(error).into()),
        }
        let counted = match factor {
            Some(factor) => Counted::Factor(factor.id),
            None => Counted::Provider(&descriptor.id),
        };
        let paid = self.pay(attempt, lane, factor, &counted).await?;
        let proved = match provider.verify(&context, response).await {
            Ok(claim) => self.burn(attempt, occasion, factor, claim).await,
            Err(error) => Err(error),
        };
        match proved {
            Ok(()) => Ok(paid),
            Err(VerifyError::Pending) => {
                self.give_back(&paid.whole(), 1).await;
                Err(NotProved::Pending)
            }
            Err(VerifyError::NoFlow) => {
                // Whoever states somebody's name with a made-up handle must not use up their tries.
                self.give_back(&paid.whole(), 1).await;
                Err(NotProved::Refused(Rejected::new(Reason::Unknown), None))
            }
            Err(VerifyError::Rejected(rejected)) => Err(NotProved::Refused(rejected, Some(paid))),
            Err(VerifyError::Provider(error)) => {
                let error = failed(error);
                if matches!(error, TwoFactorError::KeyMissing(_)) {
                    // The store compared nothing.
                    self.give_back(&paid.whole(), 1).await;
                } else {
                    self.forgive(&paid).await;
                }
                Err(error.into())
            }
        }
    }

    fn proof(
        &self,
        attempt: &Attempt<'_>,
        provider: &dyn Provider,
        factor: Option<&OpenFactor>,
    ) -> Proof {
        let operation = attempt.operation.iter();
        Proof {
            subject: attempt.subject.clone(),
            provider: provider.descriptor().id.to_string(),
            factor: factor.map(OpenFactor::id),
            channel: provider.descriptor().channel,
            epoch: attempt.epoch,
            operation: operation
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            at: self.rows.now(),
            network: attempt.network,
            sign_in: attempt.sign_in.cloned(),
        }
    }

    fn tell_proved(&self, name: &'static str, proof: &Proof) {
        let event = self.rows.event(name, &proof.subject);
        let event = event.provider(&proof.provider);
        self.rows.emit(match proof.factor {
            Some(factor) => event.factor(factor),
            None => event,
        });
    }

    fn tell_refused(&self, attempt: &Attempt<'_>, factor: Option<&OpenFactor>, rejected: Rejected) {
        let name = match factor {
            Some(_) => FACTOR_REFUSED,
            None => PROVIDER_REFUSED,
        };
        let event = self.rows.event(name, attempt.subject);
        let event = event.provider(attempt.provider).reason(rejected.reason());
        self.rows.emit(match factor {
            Some(factor) => event.factor(factor.id),
            None => event,
        });
    }

    /// The proof stands whether or not the rest can be counted.
    async fn tell_recovery_used(&self, attempt: &Attempt<'_>) {
        let subject = attempt.subject;
        let left = match &self.codes {
            Some(codes) => codes.left(subject).await.ok(),
            None => None,
        };
        let event = self.rows.event(RECOVERY_USED, subject);
        self.rows.emit(match left {
            Some(left) => event.count(u64::try_from(left).unwrap_or(u64::MAX)),
            None => event,
        });
        let news = match left {
            Some(0) => News::RecoveryUsedUp,
            _ => News::RecoveryUsed,
        };
        self.tell(&Told::new(subject, news).by(attempt.origin()))
            .await;
    }
}
