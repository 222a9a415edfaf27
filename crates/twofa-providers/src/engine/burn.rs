//! Performing a claim: the one place where a code stops being good.

use token_store::{
    Advanced, FactorState, TokensError,
    ott_core::{Lookup, Policy, Presented, Reason},
};

use super::TwoFactor;
use crate::{
    attempt::Attempt,
    claim::Claim,
    context::Occasion,
    open_factor::OpenFactor,
    provider_error::{ProviderError, VerifyError},
};

impl TwoFactor {
    /// Redeems the token, has burnt what is burnt elsewhere, moves the counter, keeps a changed secret; and
    /// the factor must still stand where it stood.
    pub(super) async fn burn(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        factor: Option<&OpenFactor>,
        claim: Claim,
    ) -> Result<(), VerifyError> {
        let Claim {
            token,
            elsewhere,
            counter,
            secret,
        } = claim;
        if let Some((policy, presented)) = token {
            self.redeem(&policy, &presented).await?;
        }
        if let Some(burning) = elsewhere {
            burning.await?;
        }
        let Some(factor) = factor else {
            return match (counter, secret) {
                (None, None) => Ok(()),
                _ => Err(ProviderError::Misuse("a claim of a factor where there is none").into()),
            };
        };
        match (secret, occasion) {
            (None, _) => self.advance(attempt, occasion, factor, counter).await,
            // Of two answers at once, each with a credential, the one that is kept counts.
            (Some(secret), Occasion::Confirm) => {
                self.keep(attempt, factor, secret).await?;
                self.advance(attempt, occasion, factor, counter).await
            }
            // What was used before keeps nothing.
            (Some(secret), Occasion::Verify) => {
                self.advance(attempt, occasion, factor, counter).await?;
                self.keep(attempt, factor, secret).await
            }
        }
    }

    /// Makes a code that came too early worth nothing, before anybody is told that it did. What is not confirmed yet
    /// proves nothing to whoever guesses its code, so that nothing has to be burnt there.
    pub(super) async fn burn_early(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        factor: Option<&OpenFactor>,
        counter: u64,
    ) -> Result<(), VerifyError> {
        match (occasion, factor) {
            (Occasion::Confirm, _) => Ok(()),
            (Occasion::Verify, Some(factor)) => {
                self.advance(attempt, occasion, factor, Some(counter)).await
            }
            (Occasion::Verify, None) => {
                Err(ProviderError::Misuse("a counter of a factor where there is none").into())
            }
        }
    }

    async fn redeem(&self, policy: &Policy, presented: &Presented) -> Result<(), VerifyError> {
        let tokens = self.tokens().without_limits("the engine spent its own");
        match tokens.redeem(policy, presented).await {
            Ok(_) => Ok(()),
            Err(TokensError::Rejected(rejected)) if is_no_flow(policy, rejected.reason()) => {
                Err(VerifyError::NoFlow)
            }
            Err(TokensError::Rejected(rejected)) if rejected.reason() == Reason::Pending => {
                Err(VerifyError::Pending)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn advance(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        factor: &OpenFactor,
        counter: Option<u64>,
    ) -> Result<(), VerifyError> {
        let (store, now) = (&self.rows.store, self.rows.now());
        let advanced = match (occasion, counter) {
            (Occasion::Confirm, _) => {
                let only = factor.enrolled.under.condition();
                store.confirm(&factor.id, counter, only, now).await
            }
            (Occasion::Verify, Some(counter)) => store.advance(&factor.id, counter, now).await,
            // What was burnt is burnt, and there is no counter whose step would notice that the factor
            // was removed or disabled since it was read.
            (Occasion::Verify, None) => {
                let stored = store.factors(attempt.subject).await;
                stored.map(|stored| {
                    let active = stored.iter().any(|stored| {
                        stored.id == factor.id && stored.state == FactorState::Active
                    });
                    if active {
                        Advanced::Accepted
                    } else {
                        Advanced::Absent
                    }
                })
            }
        };
        match advanced.map_err(|error| {
            self.rows.store_failed("advance");
            TokensError::from(error)
        })? {
            Advanced::Accepted => Ok(()),
            Advanced::Replayed => Err(Reason::Spent.into()),
            // Removed, disabled or confirmed by somebody else in the meantime; or what vouched for it was.
            Advanced::Absent | Advanced::Unvouched => Err(Reason::Revoked.into()),
        }
    }
}

/// Whether nothing was compared: a handle found no record. A code that is found by itself, or within its
/// subject, and finds none, is a wrong guess.
const fn is_no_flow(policy: &Policy, reason: Reason) -> bool {
    matches!(
        policy.token_lookup(),
        Lookup::ByHandle { .. } | Lookup::Parked
    ) && matches!(reason, Reason::Unknown)
}
