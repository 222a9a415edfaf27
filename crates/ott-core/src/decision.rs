//! An approval or denial from elsewhere.

use alloc::vec::Vec;
use core::fmt;

use chrono::{DateTime, Utc};

use crate::Subject;

/// What a decider says to a waiting record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, repeating the matching number where there is one.
    Approve {
        /// The number that the waiting side shows.
        number: Option<u8>,
    },
    /// No.
    Deny,
}

/// A decision about one record: who, what, when, under a tag.
///
/// [`Issuer::decide`](crate::Issuer::decide) makes it, and only for that record: the tag covers
/// the record's own. A store writes it and reads it back, and may hold nothing of its meaning dear:
/// [`Issuer::open`](crate::Issuer::open) verifies the tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it approves. A wrong matching number denies.
    pub approved: bool,
    /// Who decided.
    pub decider: Subject,
    /// The application's own data, in clear.
    pub data: Vec<u8>,
    /// When, in whole microseconds.
    pub at: DateTime<Utc>,
    /// HMAC-SHA-256 over the record's tag and everything above.
    pub tag: [u8; 32],
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("approved", &self.approved)
            .field("decider", &self.decider)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
