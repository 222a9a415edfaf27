//! Refusal, limit, outage and misuse, each another answer to the client.

use ott_core::{
    DecideError, IssueError, KeyId, Rejected,
    chrono::{DateTime, Utc},
};

use crate::StoreError;

/// Why [`Tokens`](crate::Tokens) did not do what was asked.
///
/// | variant | answer | what the client may learn |
/// | --- | --- | --- |
/// | `Rejected` | 401 or 403 | that it was refused, never why |
/// | `Throttled` | 429 | when to come back |
/// | `Unavailable`, `KeyMissing`, `Issue` | 503 | that it is not its fault |
/// | `Misuse` | 500 | nothing: a mistake in the program |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// No token could be made: no key, no randomness, or no time left in the calendar.
    #[error(transparent)]
    Issue(IssueError),
    /// A record names a key that the ring lacks: nothing was counted, an operator must add it.
    #[error("the key ring lacks key {}", .0.0)]
    KeyMissing(KeyId),
    /// A mistake in the program.
    #[error("misuse: {0}")]
    Misuse(&'static str),
    /// Refused.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// A limit is reached. Nothing was evaluated.
    #[error("too many tries")]
    Throttled {
        /// When the next try is allowed; `None` where time does not help.
        retry_at: Option<DateTime<Utc>>,
    },
    /// The store did not answer: nothing is known about the token.
    #[error("the store is unavailable")]
    Unavailable(#[from] StoreError),
}

impl From<IssueError> for TokensError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::SubjectMissing => Self::Misuse("the policy needs a subject"),
            IssueError::Tenant => Self::Misuse("a tenant that is not a valid name"),
            IssueError::TooMuchData => Self::Misuse("more data than a record carries"),
            other => Self::Issue(other),
        }
    }
}

impl From<DecideError> for TokensError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::TooMuchData => Self::Misuse("more data than a decision carries"),
            _ => Self::Misuse("a decision about a record that was not opened here"),
        }
    }
}
