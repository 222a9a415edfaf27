//! The contract for comparing a code between two steps of a store: a look, and a step that counts.

use std::collections::HashMap;

use async_trait::async_trait;
use ott_core::{
    LimitKey, LimitState, Subject,
    chrono::{DateTime, Utc},
};

use crate::{
    Advanced, Charge, Charged, FactorId, StoreError, StoredFactor, check_charges, check_counter,
};

/// Looks at factors and limits at once, and burns a code with its charges in one linearisable step: for a store that keeps
/// both.
///
/// The secret of a factor is sealed, so whoever holds the keys compares the code, between the look and the step. Until the
/// step has answered, nobody may be told whether the code was right.
///
/// # Errors
/// As [`FactorStore`](crate::FactorStore): then the step was done, charges included, or not at all.
#[async_trait]
pub trait ChargedFactors: Send + Sync {
    /// The subject's factors, as [`FactorStore::factors`](crate::FactorStore::factors) lists them; and what was spent under these keys and
    /// under the [`failures_key`](FactorId::failures_key) of each factor. Changes nothing.
    ///
    /// A look decides nothing: it spares comparing what the step would refuse.
    async fn look(&self, subject: &Subject, keys: &[LimitKey]) -> Result<Looked, StoreError>;

    /// Answers a guess, if each limit allows one more. A code that was right is burnt as
    /// [`FactorStore::advance`](crate::FactorStore::advance) does, and then charges nothing and clears what
    /// [`Guess::cleared`] names. Every other guess is charged.
    ///
    /// What a limit refuses burns nothing, charges nothing and clears nothing. The result is the one of
    /// [`spend`](crate::LimitStore::spend), `advance`, [`refund`](crate::LimitStore::refund) and
    /// [`clear`](crate::LimitStore::clear) one after another, for clocks that go forward.
    ///
    /// The answer is `None` where the guess was wrong.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] where a key is charged twice, or for a counter above
    /// [`HIGHEST_COUNTER`](crate::HIGHEST_COUNTER).
    async fn advance_charged(
        &self,
        guess: Guess<'_>,
        now: DateTime<Utc>,
    ) -> Result<Charged<Option<Advanced>>, StoreError>;
}

/// A guess at a factor that was compared, and is not told yet.
#[derive(Clone, Copy, Debug)]
pub struct Guess<'g> {
    /// The factor and the counter whose code it was; `None` where it was wrong.
    pub right: Option<(FactorId, u64)>,
    /// One of each, asked in this order.
    pub charges: &'g [Charge],
    /// What a success clears, charged here or not: failures in a row.
    pub cleared: &'g [LimitKey],
}

impl Guess<'_> {
    /// What each store asks first.
    ///
    /// # Errors
    /// [`StoreError::Misuse`], as [`ChargedFactors::advance_charged`] says.
    pub fn check(&self) -> Result<(), StoreError> {
        check_charges(self.charges)?;
        check_counter(self.right.map(|(_, counter)| counter))
    }
}

/// What [`ChargedFactors::look`] saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// The subject's factors.
    pub factors: Vec<StoredFactor>,
    /// What was spent, where something was.
    pub limits: HashMap<LimitKey, LimitState>,
}

impl Looked {
    /// Whether each limit allowed one more.
    #[must_use]
    pub fn allows(&self, charges: &[Charge], now: DateTime<Utc>) -> bool {
        charges.iter().all(|Charge { key, limit }| {
            let mut state = self.limits.get(key).copied().unwrap_or_default();
            limit.spend(&mut state, now).is_ok()
        })
    }
}
