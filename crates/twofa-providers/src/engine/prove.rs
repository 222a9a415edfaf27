//! Proving: pay, ask the provider, burn what it claims.

use token_store::{
    Advanced, FactorState, What,
    ott_core::{Reason, Rejected},
};

use super::spending::Paid;
use crate::{
    Attempt, Claim, Occasion, OpenFactor, Provider, Response, TwoFactor, TwoFactorError, Verified,
    VerifyError, limits::Counted,
};

impl TwoFactor {
    /// Tries the response at each candidate in turn, paying for each.
    pub(crate) async fn prove(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        response: &Response<'_>,
    ) -> Result<Verified, TwoFactorError> {
        let (provider, factors) = self.candidates(attempt, occasion).await?;
        let id = provider.descriptor().id;
        let mut refusal = TwoFactorError::from(Reason::Unknown);
        let lane = self.lane(attempt).await?;
        let mut paid = Vec::new();
        for factor in factors.iter().map(Option::as_ref) {
            let counted = factor.map_or(Counted::Provider(id), |factor| Counted::Factor(factor.id));
            let price = self
                .limits
                .of_guess(attempt.subject, &counted, attempt.address);
            let proved = match self.pay(attempt, lane, factor, &price).await {
                Ok(paid) => {
                    self.prove_one(attempt, occasion, &*provider, factor, response, paid)
                        .await
                }
                Err(unpaid) => Err(unpaid),
            };
            match proved {
                Ok(won) => {
                    self.give_back_all(&won, &paid).await;
                    if let Some(factor) = factor {
                        self.renew_after_use(attempt.subject, id, factor).await;
                    }
                    return Ok(Verified {
                        subject: attempt.subject.clone(),
                        factor: factor.map(OpenFactor::id),
                        provider: id,
                        channel: provider.channel(),
                        epoch: attempt.epoch,
                        at: self.now(),
                        address: attempt.address,
                        flow: attempt.flow.cloned(),
                    });
                }
                Err(NotProved::Refused(rejected, cost)) => {
                    let reason = rejected.reason();
                    let what = match factor {
                        Some(factor) => What::FactorRefused(factor.id, reason),
                        None => What::ProviderRefused(id, reason),
                    };
                    self.tokens.emit(Some(attempt.subject), what);
                    refusal = TwoFactorError::Rejected(rejected);
                    paid.extend(cost);
                }
                Err(NotProved::Failed(error)) => return Err(error),
            }
        }
        Err(refusal)
    }

    async fn prove_one(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        provider: &dyn Provider,
        factor: Option<&OpenFactor>,
        response: &Response<'_>,
        paid: Paid,
    ) -> Result<Paid, NotProved> {
        let verified = provider
            .verify(&self.context(attempt, occasion, factor), response)
            .await;
        let claim = match verified {
            Ok(claim) => claim,
            Err(VerifyError::Provider(error)) => {
                self.forgive(&paid).await;
                return Err(self.provider_failed(error).into());
            }
            Err(VerifyError::Rejected(rejected)) if rejected.reason() == Reason::Malformed => {
                // Nothing was compared, so nothing was learnt: a slip of the finger is free.
                self.give_back(&paid.whole(), 1).await;
                return Err(NotProved::Refused(rejected, None));
            }
            Err(VerifyError::Rejected(rejected)) => {
                return Err(NotProved::Refused(rejected, Some(paid)));
            }
        };
        match self.burn(attempt, occasion, factor, claim).await {
            Err(TwoFactorError::Rejected(rejected)) => {
                Err(NotProved::Refused(rejected, Some(paid)))
            }
            Err(TwoFactorError::KeyMissing(key)) => {
                // The store compared nothing.
                self.give_back(&paid.whole(), 1).await;
                Err(TwoFactorError::KeyMissing(key).into())
            }
            Err(failed) => {
                self.forgive(&paid).await;
                Err(failed.into())
            }
            Ok(()) => Ok(paid),
        }
    }

    /// Performs a claim: the one place where a code stops being good.
    async fn burn(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        factor: Option<&OpenFactor>,
        claim: Claim,
    ) -> Result<(), TwoFactorError> {
        let now = self.tokens.now();
        let counter = match claim {
            Claim::Advance {
                factor: claimed,
                counter,
            } if factor.is_some_and(|factor| factor.id == claimed) => Some(counter),
            Claim::Advance { .. } => {
                return Err(TwoFactorError::Misuse("a provider claimed another factor"));
            }
            Claim::Redeem { policy, presented } => {
                let tokens = self.tokens.without_limits("the engine spent its own");
                let record = tokens.redeem(&policy, &presented).await?;
                if record.stored().owner().as_ref() != Some(attempt.subject) {
                    return Err(TwoFactorError::Misuse("a provider claimed another's token"));
                }
                None
            }
        };
        let advanced = match (factor, occasion, counter) {
            (Some(factor), Occasion::Confirm, _) => {
                self.factors.confirm(&factor.id, counter, now).await
            }
            (Some(factor), Occasion::Verify, Some(counter)) => {
                self.factors.advance(&factor.id, counter, now).await
            }
            // The token was redeemed, and there is no counter whose step would notice that the factor
            // was removed or disabled since it was read.
            (Some(factor), Occasion::Verify, None) => {
                let stored = self.stored(attempt.subject).await?;
                let active = stored
                    .iter()
                    .any(|stored| stored.id == factor.id && stored.state == FactorState::Active);
                Ok(if active {
                    Advanced::Accepted
                } else {
                    Advanced::Absent
                })
            }
            (None, Occasion::Verify, None) => Ok(Advanced::Accepted),
            (None, _, _) => return Err(TwoFactorError::Misuse("a counter without a factor")),
        };
        match advanced.map_err(|error| self.outage("advance", error))? {
            Advanced::Accepted => Ok(()),
            Advanced::Replayed => Err(Reason::Spent.into()),
            // Removed, disabled or confirmed by somebody else in the meantime.
            Advanced::Absent => Err(Reason::Revoked.into()),
        }
    }
}

/// Why one candidate did not prove it: the next may, or nothing goes on.
pub(super) enum NotProved {
    /// What it cost, where something was compared.
    Refused(Rejected, Option<Paid>),
    Failed(TwoFactorError),
}

impl From<TwoFactorError> for NotProved {
    fn from(error: TwoFactorError) -> Self {
        Self::Failed(error)
    }
}
