//! Why no token was made.

use crate::{MAX_DATA, PolicyError, token::RandomFailed};

/// Why no token was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// An end that has passed, or that is later than the policy's.
    #[error("a token ends after it was issued, and not later than its policy says")]
    ExpiresAt,
    /// A text that is no token of the policy's format.
    #[error("the text is no token of the policy's format")]
    Malformed,
    /// The ring has no key.
    #[error("the key ring has no key to make tokens with")]
    NoKey,
    /// Not one token was asked for.
    #[error("at least one token has to be asked for")]
    NoneAsked,
    /// The policy's parts do not fit together.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The random source failed. No weaker token is made instead.
    #[error("the random source failed")]
    Random,
    /// The policy needs a subject, and the binding has none.
    #[error("the policy needs a subject, and the binding names none")]
    SubjectMissing,
    /// The tenant is too long or has control characters.
    #[error("the tenant is not a valid name")]
    Tenant,
    /// The expiry lies outside of the calendar.
    #[error("the expiry lies outside of the calendar")]
    Time,
    /// More data than a record carries.
    #[error("a record carries at most {MAX_DATA} bytes of data")]
    TooMuchData,
    /// A text stands there twice, in whatever spelling.
    #[error("a text stands there twice")]
    Twice,
    /// What has a token is issued, what has none is parked.
    #[error("a policy with tokens issues them, and one without parks")]
    Verb,
}

impl From<RandomFailed> for IssueError {
    fn from(_: RandomFailed) -> Self {
        Self::Random
    }
}
