//! Refusal, limit, outage and misuse, each another answer to the client.

use core::error::Error;

use token_store::{
    StoreError, TokensError,
    ott_core::{
        GuessBoundExceeded, KeyId, Reason, Rejected,
        chrono::{DateTime, Utc},
    },
};

use crate::ProviderError;

/// Why [`TwoFactor`](crate::TwoFactor) did not do what was asked.
///
/// | variant | answer | what the client may learn |
/// | --- | --- | --- |
/// | `Rejected` | 401 or 403 | that it was refused, never why |
/// | `ProofNeeded` | 403 | that the second factor is asked for first |
/// | `TooMany`, `LastFactor` | 409 | that there are enough already, or no more than one |
/// | `Throttled` | 429 | when to come back |
/// | `Unavailable`, `KeyMissing` | 503 | that it is not its fault |
/// | `Misuse` | 500 | nothing: a mistake in the program |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TwoFactorError {
    /// A record or seal names a key that the ring lacks: an operator must add it.
    #[error("the key ring lacks key {}", .0.0)]
    KeyMissing(KeyId),
    /// The last active factor stays, where the account requires one.
    #[error("this is the last active factor")]
    LastFactor,
    /// A mistake in the program.
    #[error("misuse: {0}")]
    Misuse(&'static str),
    /// A factor is confirmed, so changing factors takes a fresh proof.
    #[error("a fresh proof of a second factor is needed first")]
    ProofNeeded,
    /// Refused.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// A limit is reached. Nothing was compared.
    #[error("too many tries")]
    Throttled {
        /// When the next try is allowed; `None` where time does not help.
        retry_at: Option<DateTime<Utc>>,
    },
    /// The subject has as many authenticators of this kind as one may have.
    #[error("there are enough authenticators of this kind")]
    TooMany,
    /// Something the engine depends on did not answer. Nothing was proved.
    #[error("second factors are unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl From<Reason> for TwoFactorError {
    fn from(reason: Reason) -> Self {
        Self::Rejected(Rejected::new(reason))
    }
}

impl From<StoreError> for TwoFactorError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<TokensError> for TwoFactorError {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::Rejected(rejected) => Self::Rejected(rejected),
            TokensError::Throttled { retry_at } => Self::Throttled { retry_at },
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

/// Why no [`TwoFactor`](crate::TwoFactor) was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A policy for known devices whose tokens do not expire, or are redeemed once.
    #[error("known devices need a policy that `Policy::bearer` makes")]
    DevicePolicy,
    /// The guess budget is too large.
    #[error(transparent)]
    GuessBound(#[from] GuessBoundExceeded),
    /// A policy to say "this was not me" whose tokens are short, do not expire, are not found by
    /// themselves and redeemed once, or void each other; or one that the tokens were not built with.
    #[error("notices need a policy that `Policy::link` makes, and that the tokens know")]
    NotMePolicy,
    /// Two providers share an id.
    #[error("two providers share the id `{0}`")]
    ProviderTwice(&'static str),
    /// A policy for recovery codes whose codes are short, are not found within their subject, or do
    /// not retire the older set.
    #[error("recovery codes need a policy that `Policy::recovery` makes")]
    RecoveryPolicy,
}
