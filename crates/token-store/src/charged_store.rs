//! The contract for counting and comparing in one step.

use async_trait::async_trait;
use ott_core::{
    Presented, Reason, Record,
    chrono::{DateTime, Utc},
};

use crate::{Charge, Inserted, Redeemed, Spent, StoreError};

/// Asks the limits, does the verb, and charges, in one linearisable step: for a store that keeps tokens and limits together.
///
/// What a limit refuses is not compared, not inserted and charges nothing. Nobody sees a charge that is given back later, and
/// none stays behind if the process ends between two verbs. The result is the one of [`spend`](crate::LimitStore::spend), the
/// verb, [`refund`](crate::LimitStore::refund), and the insert of what was earned, one after another, for clocks that go forward.
///
/// # Errors
/// As [`TokenStore`](crate::TokenStore): then the step was done, charges included, or not at all.
/// [`StoreError::Misuse`] where a key stands twice. A record that cannot be read is [`StoreError::Corrupt`]: whether its guess stays counted
/// is the store's own, and what it earned may be there or not.
#[async_trait]
pub trait ChargedStore: Send + Sync {
    /// Redeems as [`TokenStore::redeem`](crate::TokenStore::redeem), if each limit allows one more. What the answer does not
    /// give back stays charged: see [`Cost::given_back`].
    ///
    /// What it earns is inserted in the same step, as [`TokenStore::insert`](crate::TokenStore::insert), if this very call redeemed,
    /// and otherwise not looked at. An id of it that exists already, or stands in it twice, is [`StoreError::ID_TWICE`]: then nothing was redeemed either,
    /// and nothing charged. Where nothing is earned it is empty.
    async fn redeem_charged(
        &self,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: DateTime<Utc>,
    ) -> Result<Charged<Redeemed>, StoreError>;

    /// Inserts as [`TokenStore::insert`](crate::TokenStore::insert), if each limit allows one more, and charges it. A collision
    /// charges nothing.
    async fn insert_charged(
        &self,
        batch: &[Record],
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Charged<Inserted>, StoreError>;
}

/// What a redeem costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost<'c> {
    /// One of each, asked in this order.
    pub charges: &'c [Charge],
    /// Whether a record that is not there costs nothing. It does so where a handle leads to it, which names nobody's; a token that
    /// finds its record by itself was a guess.
    pub unknown_is_free: bool,
}

impl Cost<'_> {
    /// How often each charge is given back after this answer.
    ///
    /// A success gives back what its own record counted, and nothing that others spent. What was refused without a
    /// comparison costs nothing.
    #[must_use]
    pub fn given_back(&self, redeemed: &Redeemed) -> u32 {
        match redeemed {
            Redeemed::Redeemed(stored) => stored.attempts.max(1),
            Redeemed::Refused(reason) => u32::from(self.is_free(*reason)),
        }
    }

    pub(crate) const fn is_free(&self, reason: Reason) -> bool {
        match reason {
            Reason::KeyMissing | Reason::KeyRetired | Reason::Pending => true,
            Reason::Unknown => self.unknown_is_free,
            _ => false,
        }
    }
}

/// The answer of a verb that asks the limits first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charged<T> {
    /// What the verb answered.
    Answered(T),
    /// A limit refused, and nothing happened. It is not [`Spent::Allowed`].
    Refused(Spent),
}
