//! Why a step was not taken.

use core::error::Error;

use token_store::{
    Answer, StoreError, TokensError,
    ott_core::chrono::{DateTime, Utc},
};

/// What an application's own part may fail with: an outage, never a refusal.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Why a step was not taken. Nothing was granted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlowError {
    /// The application could not say how the account stands, or whether a check is met.
    #[error("the account could not be loaded")]
    Account(#[source] BoxError),
    /// Tokens of this operation do not go over this channel.
    #[error("the operation does not use this channel")]
    Channel,
    /// There is no such flow, or not any more: it ended, was used up, is another operation's or another holder's, or
    /// its account changed since.
    #[error("no such flow")]
    Ended,
    /// The token was wrong, and it was the last that the flow allows: the flow is over.
    #[error("too many wrong tokens")]
    Exhausted,
    /// As many messages wait as the queue holds.
    #[error("the queue is full")]
    Full,
    /// A mistake in the program.
    #[error("misuse: {0}")]
    Misuse(&'static str),
    /// The operation is switched off.
    #[error("the operation is switched off")]
    Off,
    /// Too many tokens were asked for.
    #[error("too many tokens were asked for")]
    Throttled {
        /// When the next may be asked for; `None` where time does not help.
        retry_at: Option<DateTime<Utc>>,
    },
    /// An outage, or a misuse, below.
    #[error(transparent)]
    Tokens(TokensError),
    /// This precondition is not met.
    #[error("the precondition `{0}` is not met")]
    Unmet(&'static str),
    /// The token is wrong: mistyped, used, expired, replaced, or of another operation.
    #[error("the token is wrong")]
    Wrong,
}

impl FlowError {
    /// What the client is answered.
    #[must_use]
    pub const fn answer(&self) -> Answer {
        match self {
            Self::Account(_) | Self::Full => Answer::Unavailable,
            Self::Channel | Self::Unmet(_) => Answer::Conflict,
            Self::Ended | Self::Off | Self::Wrong => Answer::Refused,
            Self::Exhausted => Answer::RetryAt(None),
            Self::Misuse(_) => Answer::Misuse,
            Self::Throttled { retry_at } => Answer::RetryAt(*retry_at),
            Self::Tokens(error) => error.answer(),
        }
    }

    /// Whether the store did not answer: whatever else is asked of it would wait as long.
    pub(crate) const fn is_of_the_store(&self) -> bool {
        matches!(
            self,
            Self::Tokens(TokensError::Unavailable(
                StoreError::Timeout | StoreError::Unavailable(_)
            ))
        )
    }
}

impl From<FlowError> for Answer {
    fn from(error: FlowError) -> Self {
        error.answer()
    }
}

impl From<TokensError> for FlowError {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::Misuse(what) => Self::Misuse(what),
            TokensError::Rejected(_) => Self::Ended,
            TokensError::Throttled { retry_at, .. } => Self::Throttled { retry_at },
            error => Self::Tokens(error),
        }
    }
}
