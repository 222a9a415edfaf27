//! What a try spends, and when it gets that back.

use token_store::{
    Charge, Spent, What,
    ott_core::{
        LimitKey, Reason, Rejected,
        chrono::{DateTime, Utc},
    },
};

use super::prove::{Cost, NotProved};
use crate::{Attempt, OpenFactor, TwoFactor, TwoFactorError, limits::Price};

impl TwoFactor {
    pub(super) async fn spend_guess(
        &self,
        attempt: &Attempt<'_>,
        factor: Option<&OpenFactor>,
        price: &Price,
    ) -> Result<(), NotProved> {
        match self.spend(attempt, &price.whole()).await {
            Err(Overspent::Locked(key)) if key == price.ceiling.key => {
                // Where there is nothing to disable, the ceiling itself refuses until renewed.
                if let Some(factor) = factor {
                    self.disable(attempt.subject, &factor.id).await?;
                }
                let exhausted = Rejected::new(Reason::Exhausted);
                Err(NotProved::Refused(exhausted, Cost::Free))
            }
            other => Ok(other.map_err(TwoFactorError::from)?),
        }
    }

    pub(super) async fn spend(
        &self,
        attempt: &Attempt<'_>,
        charges: &[Charge],
    ) -> Result<(), Overspent> {
        let spent = self.tokens.limits().spend(charges, self.now()).await;
        let (key, at) = match spent.map_err(|error| self.outage("spend", error))? {
            Spent::Allowed => return Ok(()),
            Spent::Locked(key) => (key, None),
            Spent::RetryAt(key, at) => (key, Some(at)),
        };
        self.tokens
            .emit(Some(attempt.subject), What::Throttled("second-factor", at));
        // Nothing will be compared: who hammers a reached limit must not use up the subject's pace.
        // What the address spent stays spent.
        let of_subject = charges.iter().skip(usize::from(attempt.address.is_some()));
        let before = of_subject.take_while(|charge| charge.key != key).copied();
        let refused_by_address = charges.first().is_some_and(|first| first.key == key);
        if !refused_by_address {
            self.give_back(&before.collect::<Vec<_>>(), 1).await;
        }
        Err(at.map_or(Overspent::Locked(key), Overspent::RetryAt))
    }

    /// After a success: clears the factor's ceiling, and gives back what this very try spent, at the
    /// candidates before it too. Else who uses the second of two authenticators would, by nothing
    /// but successes, disable the first and run out of tries.
    pub(super) async fn give_back_all(&self, price: &Price, paid: &[Charge]) {
        let tries = u32::try_from(paid.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        self.give_back(&price.timed, tries).await;
        self.give_back(paid, 1).await;
        let cleared = self.tokens.limits().clear(&price.ceiling.key).await;
        cleared.unwrap_or_else(|_| self.tokens.emit(None, What::StoreFailed("clear")));
    }

    /// The answer stands whether or not this succeeds: losing a proof for a limit that was not given
    /// back would help nobody.
    pub(super) async fn give_back(&self, charges: &[Charge], times: u32) {
        if charges.is_empty() {
            return;
        }
        let refunded = self.tokens.limits().refund(charges, times).await;
        refunded.unwrap_or_else(|_| self.tokens.emit(None, What::StoreFailed("refund")));
    }
}

/// Why nothing was spent.
pub(super) enum Overspent {
    Failed(TwoFactorError),
    Locked(LimitKey),
    RetryAt(DateTime<Utc>),
}

impl From<TwoFactorError> for Overspent {
    fn from(error: TwoFactorError) -> Self {
        Self::Failed(error)
    }
}

impl From<Overspent> for TwoFactorError {
    fn from(overspent: Overspent) -> Self {
        match overspent {
            Overspent::Failed(error) => error,
            Overspent::Locked(_) => Self::Throttled { retry_at: None },
            Overspent::RetryAt(at) => Self::Throttled { retry_at: Some(at) },
        }
    }
}
