//! What a client is answered.

use ott_core::chrono::{DateTime, Utc};

/// What a client is answered, whatever the cause was. [`TokensError`](crate::TokensError),
/// [`StoreError`](crate::StoreError) and the engine's `TwoFactorError` tell their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It does not go together with what is there: 409.
    Conflict,
    /// The client is known, and has to prove more first: 403.
    Forbidden,
    /// A mistake in the program: 500. The client learns nothing of it.
    Misuse,
    /// It was refused, and the client does not learn why: 401.
    Refused,
    /// Too often: 429, and when to come back, where time helps.
    RetryAt(Option<DateTime<Utc>>),
    /// Something did not answer, and nothing was granted: 503.
    Unavailable,
}

impl Answer {
    /// The HTTP status (RFC 9110 section 15, RFC 6585 section 4).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Conflict => 409,
            Self::Forbidden => 403,
            Self::Misuse => 500,
            Self::Refused => 401,
            Self::RetryAt(_) => 429,
            Self::Unavailable => 503,
        }
    }
}
