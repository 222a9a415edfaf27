//! Refusal, limit, outage and misuse, each another answer to the client.

use core::error::Error;

use ott_core::{
    DecideError, IssueError, KeyId, Reason, Rejected,
    chrono::{DateTime, TimeDelta, Utc},
};

use crate::{Answer, StoreError};

/// Why [`Tokens`](crate::Tokens) did not do what was asked. [`TokensError::answer`] says what the
/// client is told.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensError {
    /// The application could not load the account that a token names.
    #[error("the account could not be loaded")]
    Account(#[source] Box<dyn Error + Send + Sync>),
    /// No token could be made: no key, no randomness, no time left in the calendar, or a given text
    /// that is no token of the format.
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
        /// How long until then.
        retry_after: Option<TimeDelta>,
    },
    /// The store did not answer: nothing is known about the token.
    #[error("the store is unavailable")]
    Unavailable(#[source] StoreError),
}

impl TokensError {
    /// What the client is told. What waits for a decision is [`Answer::Conflict`], every other refusal
    /// [`Answer::Refused`].
    #[must_use]
    pub const fn answer(&self) -> Answer {
        match self {
            // The token is right, and the client asks again.
            Self::Rejected(rejected) if matches!(rejected.reason(), Reason::Pending) => {
                Answer::Conflict
            }
            Self::Issue(IssueError::Malformed) | Self::Rejected(_) => Answer::Refused,
            Self::Misuse(_) => Answer::Misuse,
            Self::Throttled { retry_at, .. } => Answer::RetryAt(*retry_at),
            Self::Account(_) | Self::Issue(_) | Self::KeyMissing(_) | Self::Unavailable(_) => {
                Answer::Unavailable
            }
        }
    }

    /// Why it was refused, where it was. For logs.
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Rejected(rejected) => Some(rejected.reason()),
            _ => None,
        }
    }

    /// Whether the token is right and its record waits for a decision: ask again later.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.reason() == Some(Reason::Pending)
    }
}

impl From<StoreError> for TokensError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Misuse(what) => Self::Misuse(what),
            error => Self::Unavailable(error),
        }
    }
}

impl From<IssueError> for TokensError {
    fn from(error: IssueError) -> Self {
        Self::Misuse(match error {
            IssueError::ExpiresAt => "an end that has passed, or later than the policy's",
            IssueError::NoneAsked => "at least one token has to be asked for",
            IssueError::Policy(_) => "a policy whose parts do not fit together",
            IssueError::SubjectMissing => "the policy needs a subject",
            IssueError::Tenant => "a tenant that is not a valid name",
            IssueError::TooMuchData => "more data than a record carries",
            IssueError::Verb => "a policy with tokens issues them, and one without parks",
            other => return Self::Issue(other),
        })
    }
}

impl From<DecideError> for TokensError {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Stranger => Self::Rejected(Rejected::new(Reason::Stranger)),
            DecideError::System => {
                Self::Misuse("a system that decides has a name of 1 to 255 bytes")
            }
            DecideError::Policy => {
                Self::Misuse("a decision under another policy than the record's")
            }
            DecideError::TooMuchData => Self::Misuse("more data than a decision carries"),
            _ => Self::Misuse("a decision about a record that was not opened here"),
        }
    }
}

impl From<TokensError> for Answer {
    fn from(error: TokensError) -> Self {
        error.answer()
    }
}

impl From<Rejected> for Answer {
    fn from(rejected: Rejected) -> Self {
        TokensError::from(rejected).answer()
    }
}
