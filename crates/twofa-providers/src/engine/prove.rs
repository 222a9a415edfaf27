//! Proving: pay, ask the provider, burn what it claims.

use token_store::{
    Advanced, FactorId, What,
    ott_core::{Channel, Reason, Rejected},
};

use crate::{
    Attempt, Claim, Occasion, OpenFactor, Provider, Response, TwoFactor, TwoFactorError,
    VerifyError, limits::Price,
};

impl TwoFactor {
    /// Tries the response at each candidate in turn, paying for each.
    pub(crate) async fn prove(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        response: &Response<'_>,
    ) -> Result<(FactorId, &'static str, Option<Channel>), TwoFactorError> {
        let (provider, factors) = self.candidates(attempt, occasion).await?;
        let id = provider.descriptor().id;
        let mut refusal = TwoFactorError::from(Reason::Unknown);
        let mut paid = Vec::new();
        for factor in &factors {
            let price = self
                .limits
                .of_guess(attempt.subject, &factor.id, attempt.address);
            match self
                .prove_one(attempt, occasion, &*provider, factor, response, &price)
                .await
            {
                Ok(()) => {
                    self.give_back_all(&price, &paid).await;
                    return Ok((factor.id, id, provider.channel()));
                }
                Err(NotProved::Refused(rejected, cost)) => {
                    self.tokens.emit(
                        Some(attempt.subject),
                        What::FactorRefused(factor.id, rejected.reason()),
                    );
                    refusal = TwoFactorError::Rejected(rejected);
                    if cost == Cost::Paid {
                        paid.push(price.ceiling);
                    }
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
        factor: &OpenFactor,
        response: &Response<'_>,
        price: &Price,
    ) -> Result<(), NotProved> {
        self.spend_guess(attempt, factor, price).await?;
        let verified = provider
            .verify(&self.context(attempt, occasion, factor), response)
            .await;
        let claim = match verified {
            Ok(claim) => claim,
            Err(VerifyError::Provider(error)) => return Err(self.provider_failed(error).into()),
            Err(VerifyError::Rejected(rejected)) if rejected.reason() == Reason::Malformed => {
                // Nothing was compared, so nothing was learnt: a slip of the finger is free.
                self.give_back(&price.whole(), 1).await;
                return Err(NotProved::Refused(rejected, Cost::Free));
            }
            Err(VerifyError::Rejected(rejected)) => {
                return Err(NotProved::Refused(rejected, Cost::Paid));
            }
        };
        match self.burn(attempt, occasion, factor, claim).await {
            Err(TwoFactorError::Rejected(rejected)) => {
                Err(NotProved::Refused(rejected, Cost::Paid))
            }
            Err(TwoFactorError::KeyMissing(key)) => {
                // The store compared nothing.
                self.give_back(&price.whole(), 1).await;
                Err(TwoFactorError::KeyMissing(key).into())
            }
            burnt => Ok(burnt?),
        }
    }

    /// Performs a claim: the one place where a code stops being good.
    async fn burn(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        factor: &OpenFactor,
        claim: Claim,
    ) -> Result<(), TwoFactorError> {
        let now = self.tokens.now();
        let counter = match claim {
            Claim::Advance {
                factor: claimed,
                counter,
            } if claimed == factor.id => Some(counter),
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
        let advanced = match (occasion, counter) {
            (Occasion::Confirm, _) => self.factors.confirm(&factor.id, counter, now).await,
            (Occasion::Verify, Some(counter)) => {
                self.factors.advance(&factor.id, counter, now).await
            }
            (Occasion::Verify, None) => Ok(Advanced::Accepted),
        };
        match advanced.map_err(|error| self.outage("advance", error))? {
            Advanced::Accepted => Ok(()),
            Advanced::Replayed => Err(Reason::Spent.into()),
            // Removed, disabled or confirmed by somebody else in the meantime.
            Advanced::Absent => Err(Reason::Revoked.into()),
        }
    }
}

/// Whether a refusal was paid for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Free,
    Paid,
}

/// Why one candidate did not prove it: the next may, or nothing goes on.
pub(super) enum NotProved {
    Refused(Rejected, Cost),
    Failed(TwoFactorError),
}

impl From<TwoFactorError> for NotProved {
    fn from(error: TwoFactorError) -> Self {
        Self::Failed(error)
    }
}
