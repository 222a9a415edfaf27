//! Outage: says nothing about the token.

use core::error::Error;

use crate::Answer;

/// The store did not do what was asked, and says nothing about the token: answer 503 and fail closed.
///
/// After one of these a write may or may not have happened, but never half and never twice.
/// The texts hold no token, digest, address or statement; a cause, where there is one, is its source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A row cannot be what it should be.
    #[error("the store returned a row that cannot be read: {0}")]
    Corrupt(&'static str),
    /// The verb may not be used in this way.
    #[error("misuse of a store: {0}")]
    Misuse(&'static str),
    /// No answer in time.
    #[error("the store did not answer in time")]
    Timeout,
    /// The back end failed.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl StoreError {
    /// Two records have one id. 128 bits never collide by chance: the store or the random source is broken.
    pub const ID_TWICE: Self = Self::Corrupt("an id came up twice");

    /// What the client is told.
    #[must_use]
    pub const fn answer(&self) -> Answer {
        match self {
            Self::Misuse(_) => Answer::Misuse,
            Self::Corrupt(_) | Self::Timeout | Self::Unavailable(_) => Answer::Unavailable,
        }
    }

    /// The back end failed, with its own error as the source.
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(source.into())
    }
}

impl From<StoreError> for Answer {
    fn from(error: StoreError) -> Self {
        error.answer()
    }
}
