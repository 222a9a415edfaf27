//! The contract for limits.

use core::ptr;

use async_trait::async_trait;
use ott_core::{
    Limit, LimitKey, LimitKind,
    chrono::{DateTime, Utc},
};

use crate::StoreError;

/// Keeps what was spent. Each method is one linearisable step on each key.
///
/// It is never part of the caller's transaction: a rollback would give guesses back.
///
/// # Errors
/// Every method answers [`StoreError`] if the back end does not answer; then nothing may go on.
#[async_trait]
pub trait LimitStore: Send + Sync {
    /// Whether it keeps limits of this kind, for as long as they count. Builders ask it, so that an
    /// application whose limits would get lost does not start.
    fn keeps(&self, kind: LimitKind) -> bool;

    /// Spends one of each limit, in the order given, as [`Limit::spend`]; stops at the first
    /// refusal, which changes nothing on its key. What was spent before it stays spent.
    ///
    /// Of `n` concurrent calls against a burst of `k`, exactly `k` are allowed. No key may stand in
    /// `charges` twice ([`StoreError::Misuse`]).
    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError>;

    /// Gives back `times` of each, as [`Limit::refund`].
    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError>;

    /// Forgets everything spent under this key: how a success clears a ceiling.
    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError>;

    /// Which store it is, for [`FactorStore::charged_factors`](crate::FactorStore::charged_factors). `None` where no other contract charges
    /// these limits in its step.
    fn store_id(&self) -> Option<StoreId> {
        None
    }

    /// Removes at most `limit` keys that are as good as new at `before`, and says how many.
    async fn purge_limits(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError>;
}

/// Tells whether two handles are of one store in this process, such as clones: by the address of what they share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreId(usize);

impl StoreId {
    /// Of whatever is behind all handles of a store, for as long as one of them is held.
    pub fn of<T: ?Sized>(shared: &T) -> Self {
        Self(ptr::from_ref(shared).addr())
    }
}

/// One limit of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Whose.
    pub key: LimitKey,
    /// How often.
    pub limit: Limit,
}

/// What [`LimitStore::spend`] asks first.
///
/// # Errors
/// [`StoreError::Misuse`] where a key stands twice.
pub fn check_charges(charges: &[Charge]) -> Result<(), StoreError> {
    // A call charges a handful: comparing all is less than hashing them.
    let mut rest = charges;
    while let [charge, others @ ..] = rest {
        if others.iter().any(|other| other.key == charge.key) {
            return Err(StoreError::Misuse("a limit is charged twice in one call"));
        }
        rest = others;
    }
    Ok(())
}

/// The answer of [`LimitStore::spend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// The stored time of this key lies beyond every clock ([`Overspent::Ahead`](ott_core::Overspent)):
    /// a fault, not a refusal.
    Ahead(LimitKey),
    /// All were spent.
    Allowed,
    /// This ceiling is reached; time does not help.
    Locked(LimitKey),
    /// The limit of this key allows the next one at this time.
    RetryAt(LimitKey, DateTime<Utc>),
}
