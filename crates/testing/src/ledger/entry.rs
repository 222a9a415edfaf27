//! One call: what was asked, when, and what was answered.

use core::time::Duration;

use token_store::{
    FactorState, StoreError,
    ott_core::{Reason, State},
};

/// One call of a store.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Which store was asked.
    pub station: usize,
    /// What.
    pub asked: Asked,
    /// When, since the ledger was begun.
    pub began: Duration,
    /// When the answer was there.
    pub ended: Duration,
    /// How long the store's verb took: what the application does with it afterwards is not the store's.
    pub took: Duration,
    /// The answer.
    pub told: Told,
}

/// What was asked, of what the stock numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the verbs of the contracts, and the numbers of what they are about"
)]
pub enum Asked {
    Insert {
        batch: usize,
    },
    Redeem {
        token: usize,
        how: Try,
    },
    Decide {
        token: usize,
        approves: bool,
    },
    Find {
        token: usize,
    },
    Revoke {
        token: usize,
    },
    RevokeAll {
        owner: usize,
    },
    List {
        owner: usize,
    },
    Purge,
    Enrol {
        factor: usize,
    },
    Confirm {
        factor: usize,
        counter: u64,
    },
    Advance {
        factor: usize,
        counter: u64,
    },
    /// A guess with its charges, in one step: the code of a counter, or a wrong one. It is charged to this limit and to the factor's
    /// failures.
    Guess {
        factor: usize,
        counter: Option<u64>,
        limit: usize,
    },
    Remove {
        factor: usize,
    },
    Restore {
        factor: usize,
    },
    Factors {
        owner: usize,
    },
    PurgeFactors,
    Spend {
        limit: usize,
    },
    Refund {
        limit: usize,
    },
    PurgeLimits,
    /// What was applied in transactions: no verb of a store.
    Effects,
}

/// How a token is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// The right one.
    Right,
    /// A wrong one.
    Wrong,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Done, or allowed.
    Done,
    /// Refused, for a token's reason.
    Refused(Reason),
    /// Refused: there is nothing in the state that the verb needs.
    Absent,
    /// Refused: the counter is not greater than the last one.
    Replayed,
    /// Refused: the limit is reached.
    Limited,
    /// Refused: the factor had too many failures.
    Locked,
    /// The token as it is found, if it is.
    Found(Option<Seen>),
    /// The tokens of an owner that live.
    Listed(Vec<usize>),
    /// The factors of an owner: which, its state, its last counter.
    Kept(Vec<(usize, FactorState, Option<u64>)>),
    /// The tokens whose effect is there, once for each time.
    Effects(Vec<usize>),
    /// A limit's time lies beyond the clock of whoever asks: another's is ahead.
    Ahead,
    /// Something that no store may answer here.
    Strange(String),
    /// Nothing is known.
    Outage(Outage, String),
}

/// What kind of outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outage {
    /// A row cannot be read.
    Corrupt,
    /// The write may be lost.
    FewReplicas,
    /// Somebody has to accept that writes were lost.
    Lost,
    /// The time is over.
    Timeout,
    /// The process died.
    Unanswered,
    /// Anything else.
    Unavailable,
}

/// What of a token is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it stands.
    pub state: State,
    /// How many tries were counted.
    pub attempts: u32,
}

impl From<StoreError> for Told {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Corrupt(_) => Outage::Corrupt,
            StoreError::Timeout => Outage::Timeout,
            StoreError::Misuse(_) => return Self::Strange(format!("{error:?}")),
            #[cfg(feature = "redis")]
            StoreError::Unavailable(source) => match source.downcast_ref() {
                Some(token_store_redis::Outage::Lost { .. }) => Outage::Lost,
                Some(token_store_redis::Outage::FewReplicas { .. }) => Outage::FewReplicas,
                _ => Outage::Unavailable,
            },
            _ => Outage::Unavailable,
        };
        Self::Outage(kind, format!("{error:?}"))
    }
}

impl Told {
    /// Whether nothing is known.
    #[must_use]
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Outage(..))
    }
}
