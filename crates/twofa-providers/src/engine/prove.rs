//! Proving: the form is free, then pay, ask the provider, burn what it claims.

use token_store::ott_core::{Reason, Rejected};

use super::{
    TwoFactor,
    candidates::Candidates,
    judging::{Judged, Seen},
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
    news::News,
    open_factor::OpenFactor,
    proof::Proof,
    provider::Provider,
    provider_error::{ProviderError, VerifyError},
    response::Response,
    sheets,
    telling::Told,
};

/// What a response is compared with, and what the limits were when it was read, where it is compared before it is paid for.
#[derive(Clone, Copy)]
struct Candidate<'c> {
    factor: Option<&'c OpenFactor>,
    seen: Option<&'c Seen>,
}

impl TwoFactor {
    /// Verifies a response, and burns what proved it.
    ///
    /// Of any number of concurrent calls with one code, at most one succeeds.
    ///
    /// A code that is compared here (TOTP, HOTP), over a store that keeps factors and limits together, is charged only if it was
    /// wrong, in the step that would have burnt it. Everything else is paid first, and what costs nothing (a made-up handle, a wait for
    /// a decision) is given back after the store answered. If this future is dropped in between, it stays paid: run it in a task of its
    /// own where a server drops the requests of clients that hang up.
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
        if proof.provider == sheets::ID {
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
            self.tell(&told.by(attempt.whence())).await;
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
            seen,
        } = self.candidates(attempt, occasion).await?;
        let mut refusal = Rejected::new(Reason::Unknown);
        let lane = self.lane(attempt).await?;
        let mut paid = Vec::new();
        // Who is compared with several pays at each, and gets back what the ones before cost.
        let seen = seen.filter(|_| factors.len() == 1);
        for factor in factors.iter().map(Option::as_ref) {
            let candidate = Candidate {
                factor,
                seen: seen.as_ref(),
            };
            let proved = self
                .prove_one(attempt, occasion, &**provider, candidate, lane, response)
                .await;
            match proved {
                Ok(won) => {
                    self.give_back_all(attempt, won.as_ref(), &paid).await;
                    if let Some(factor) = factor {
                        self.renew_after_use(attempt, factor).await;
                    }
                    return Ok(self.proof(attempt, &**provider, factor));
                }
                Err(NotProved::Refused(rejected, cost)) => {
                    self.tell_refused(attempt, factor, rejected);
                    // The one that a person can do something about, whichever factor's it is.
                    if refusal.reason() != Reason::Ahead {
                        refusal = rejected;
                    }
                    paid.extend(cost);
                }
                Err(NotProved::Pending) => return Err(TwoFactorError::Pending),
                Err(NotProved::Failed(error)) => return Err(error),
            }
        }
        if !paid.is_empty() {
            self.count_failure(attempt).await;
        }
        Err(broken.unwrap_or(refusal.into()))
    }

    /// What it cost, where that is to be given back.
    async fn prove_one(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        provider: &dyn Provider,
        Candidate { factor, seen }: Candidate<'_>,
        lane: Lane,
        response: &Response<'_>,
    ) -> Result<Option<Paid>, NotProved> {
        let context = self.context(attempt, occasion, factor);
        let descriptor = provider.descriptor();
        let failed = |error| self.provider_failed(descriptor, attempt.subject, error);
        match provider.form(&context, response) {
            Ok(()) => {}
            Err(VerifyError::NoFlow) => {
                return Err(NotProved::Refused(Rejected::new(Reason::Unknown), None));
            }
            Err(VerifyError::Rejected(rejected)) => return Err(NotProved::Refused(rejected, None)),
            // A form is compared with nothing.
            Err(VerifyError::Ahead(_)) => {
                let misuse = ProviderError::Misuse("a form has no counter");
                return Err(failed(misuse).into());
            }
            Err(VerifyError::Pending) => return Err(NotProved::Pending),
            Err(VerifyError::Provider(error)) => return Err(failed(error).into()),
        }
        let judged = match (factor, seen) {
            (Some(factor), Some(seen)) => {
                self.judge(attempt, provider, &context, factor, seen, response)
                    .await?
            }
            _ => Judged::NotYet,
        };
        let (paid, compared) = match judged {
            Judged::Accepted => return Ok(None),
            Judged::Early(paid, counter) => (paid, Err(VerifyError::Ahead(counter))),
            Judged::NotYet => {
                let paid = self.pay(attempt, lane, descriptor, factor).await?;
                (paid, provider.verify(&context, response).await)
            }
        };
        let proved = match compared {
            Ok(claim) => self.burn(attempt, occasion, factor, claim).await,
            Err(VerifyError::Ahead(counter)) => {
                let burnt = self.burn_early(attempt, occasion, factor, counter).await;
                burnt.and(Err(VerifyError::Ahead(counter)))
            }
            Err(error) => Err(error),
        };
        match proved {
            Ok(()) => Ok(Some(paid)),
            Err(VerifyError::Pending) => {
                self.rows.give_back(&paid.whole(), 1).await;
                Err(NotProved::Pending)
            }
            Err(VerifyError::NoFlow) => {
                // Whoever states somebody's name with a made-up handle must not use up their tries.
                self.rows.give_back(&paid.whole(), 1).await;
                Err(NotProved::Refused(Rejected::new(Reason::Unknown), None))
            }
            Err(VerifyError::Rejected(rejected)) => Err(NotProved::Refused(rejected, Some(paid))),
            Err(VerifyError::Ahead(_)) => {
                let refused = Rejected::new(Reason::Ahead);
                Err(NotProved::Refused(refused, Some(paid)))
            }
            Err(VerifyError::Provider(error)) => {
                let error = failed(error);
                if matches!(error, TwoFactorError::KeyMissing(_)) {
                    // The store compared nothing.
                    self.rows.give_back(&paid.whole(), 1).await;
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
        let left = match &self.sheets {
            Some(sheets) => sheets.left(subject).await.ok(),
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
        self.tell(&Told::new(subject, news).by(attempt.whence()))
            .await;
    }
}
