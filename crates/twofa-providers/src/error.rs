//! Refusal, limit, outage and misuse, each another answer to the client.

use core::error::Error;

use token_store::{
    Answer, StoreError, TokensError,
    ott_core::{
        KeyId, Reason, Rejected,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

use crate::{labels::InvalidLabel, provider_error::ProviderError};

/// Why a second factor was not proved, or something about one not done.
///
/// | variant | [`Answer`] | what the client may learn |
/// | --- | --- | --- |
/// | `Rejected` | `Refused` | that it was refused, never why; of `Reason::Ahead`, that the clock of the device is ahead and that the next code is right |
/// | `ProofNeeded` | `Forbidden` | that the second factor is asked for first |
/// | `FactorUnnamed`, `Label`, `LastFactor`, `Pending`, `TooMany` | `Conflict` | which of them |
/// | `Throttled` | `RetryAt` | when to come back |
/// | `Unavailable`, `KeyMissing` | `Unavailable` | that it is not its fault |
/// | `Misuse` | `Misuse` | nothing: a mistake in the program |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TwoFactorError {
    /// Several factors could be meant, and the attempt names none: nothing was sent.
    #[error("several factors could be meant: name one")]
    FactorUnnamed,
    /// A record or seal names a key that the ring lacks: an operator must add it.
    #[error("the key ring lacks key {}", .0.0)]
    KeyMissing(KeyId),
    /// A label that cannot be one.
    #[error(transparent)]
    Label(#[from] InvalidLabel),
    /// The last active factor stays, where the account requires one.
    #[error("this is the last active factor")]
    LastFactor,
    /// A mistake in the program.
    #[error("misuse: {0}")]
    Misuse(&'static str),
    /// Nobody decided yet: ask again. It cost nothing.
    #[error("nobody decided yet")]
    Pending,
    /// Changing what guards an account takes a fresh proof of a factor that still proves.
    #[error("a fresh proof of a second factor is needed first")]
    ProofNeeded,
    /// Refused.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// A limit is reached. Whether the response was right is not told, and not known to anybody.
    #[error("too many tries")]
    Throttled {
        /// When the next try is allowed; `None` where time does not help.
        retry_at: Option<DateTime<Utc>>,
        /// How long that is from now.
        retry_after: Option<TimeDelta>,
    },
    /// The subject has as many factors of this provider as one may have.
    #[error("there are enough factors of this provider")]
    TooMany,
    /// Something that second factors depend on did not answer. Nothing was proved.
    #[error("second factors are unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl TwoFactorError {
    /// What to answer the client.
    #[must_use]
    pub const fn answer(&self) -> Answer {
        match self {
            Self::Rejected(_) => Answer::Refused,
            Self::ProofNeeded => Answer::Forbidden,
            Self::FactorUnnamed
            | Self::Label(_)
            | Self::LastFactor
            | Self::Pending
            | Self::TooMany => Answer::Conflict,
            Self::Throttled { retry_at, .. } => Answer::RetryAt(*retry_at),
            Self::KeyMissing(_) | Self::Unavailable(_) => Answer::Unavailable,
            Self::Misuse(_) => Answer::Misuse,
        }
    }
}

impl From<TwoFactorError> for Answer {
    fn from(error: TwoFactorError) -> Self {
        error.answer()
    }
}

impl From<Reason> for TwoFactorError {
    fn from(reason: Reason) -> Self {
        Self::Rejected(Rejected::new(reason))
    }
}

impl From<StoreError> for TwoFactorError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Misuse(what) => Self::Misuse(what),
            other => Self::Unavailable(other.into()),
        }
    }
}

impl From<TokensError> for TwoFactorError {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::Rejected(rejected) => Self::Rejected(rejected),
            TokensError::Throttled {
                retry_at,
                retry_after,
            } => Self::Throttled {
                retry_at,
                retry_after,
            },
            TokensError::KeyMissing(key) => Self::KeyMissing(key),
            TokensError::Misuse(what) => Self::Misuse(what),
            other => Self::Unavailable(other.into()),
        }
    }
}

impl From<ProviderError> for TwoFactorError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Misuse(what) => Self::Misuse(what),
            ProviderError::Tokens(error) => error.into(),
            other => Self::Unavailable(other.into()),
        }
    }
}
