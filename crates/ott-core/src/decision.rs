//! An approval, denial or report from elsewhere.

use alloc::{string::String, vec::Vec};
use core::fmt;

use chrono::{DateTime, Utc};

use crate::{RecordId, Subject};

/// Who decides about a waiting record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Decider {
    /// The person who is signed in where the decision is made.
    Subject(Subject),
    /// A part of the application, or an operator, by a name such as `captcha`: 1 to 255 bytes
    /// without control characters. It never becomes the record's subject.
    System(String),
}

impl Decider {
    /// The person, where a person decided.
    #[must_use]
    pub const fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Subject(subject) => Some(subject),
            Self::System(_) => None,
        }
    }
}

impl From<&Subject> for Decider {
    fn from(subject: &Subject) -> Self {
        Self::Subject(subject.clone())
    }
}

/// What a decider says to a waiting record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, repeating the matching number where there is one.
    Approve {
        /// The number that the waiting side shows.
        number: Option<u32>,
    },
    /// No.
    Deny,
    /// No, and the decider never asked for this: somebody else started it.
    Report,
}

/// What a decision came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// The record may be redeemed.
    Approved = 1,
    /// It may not. A wrong or missing matching number denies.
    Denied = 2,
    /// It may not, and its decider reported it as a stranger's.
    Reported = 3,
}

impl Outcome {
    /// Every outcome, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Approved, Self::Denied, Self::Reported];

    /// The outcome's number in a store's column.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The outcome with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.number() == number)
    }
}

/// What a store keeps of a decision and returns: unverified until
/// [`Issuer::open`](crate::Issuer::open) checked its tag.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredDecision {
    /// What it came to.
    pub outcome: Outcome,
    /// Who decided.
    pub decider: Decider,
    /// The application's own data, in clear.
    pub data: Vec<u8>,
    /// When, in whole microseconds.
    pub at: DateTime<Utc>,
    /// HMAC-SHA-256 over the record's tag and everything above.
    pub tag: [u8; 32],
}

/// A decision about one record, as [`Issuer::decide`](crate::Issuer::decide) makes it, and nothing else.
///
/// Its tag covers the record's own, so it counts for that record alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    record: RecordId,
    stored: StoredDecision,
}

impl Decision {
    pub(crate) const fn new(record: RecordId, stored: StoredDecision) -> Self {
        Self { record, stored }
    }

    /// Which record it is about.
    #[must_use]
    pub const fn record(&self) -> &RecordId {
        &self.record
    }

    /// What a store keeps of it.
    #[must_use]
    pub const fn stored(&self) -> &StoredDecision {
        &self.stored
    }
}

impl fmt::Debug for StoredDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredDecision")
            .field("outcome", &self.outcome)
            .field("decider", &self.decider)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
