//! What a client is answered.

use ott_core::chrono::{DateTime, TimeDelta, Utc};

/// What a client is answered, whatever the cause was. Each error that a handler meets becomes one by `From`:
/// [`TokensError`](crate::TokensError), [`StoreError`](crate::StoreError), [`Rejected`](ott_core::Rejected), the engine's `TwoFactorError`, `FlowError` of `ott-flows`, `NewError`,
/// `StepUpNeeded` and `InsufficientScope` of `ott-bearer`. An application adds its own: `impl From<OwnError> for Answer`.
///
/// It is an error itself, so that a handler can end with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Answer {
    /// It does not go together with what is there: 409.
    #[error("it does not go together with what is there")]
    Conflict,
    /// The client is known, and has to prove more first: 403.
    #[error("more has to be proved first")]
    Forbidden,
    /// A mistake in the program: 500. The client learns nothing of it.
    #[error("a mistake in the program")]
    Misuse,
    /// It was refused, and the client does not learn why: 401.
    #[error("refused")]
    Refused,
    /// Too often: 429, and when to come back, where time helps.
    #[error("too many tries")]
    RetryAt(Option<DateTime<Utc>>),
    /// Something did not answer, and nothing was granted: 503.
    #[error("something did not answer")]
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

    /// The value of the header `Retry-After`, where time helps: a date, rounded up to a whole second (RFC 9110 sections
    /// 5.6.7 and 10.2.3).
    ///
    /// ```
    /// use token_store::{Answer, ott_core::chrono::{DateTime, TimeDelta}};
    /// let at = DateTime::UNIX_EPOCH + TimeDelta::milliseconds(784_111_776_001);
    /// let header = Answer::RetryAt(Some(at)).retry_after();
    /// assert_eq!(header.as_deref(), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    /// assert_eq!(Answer::RetryAt(None).retry_after(), None);
    /// ```
    #[must_use]
    pub fn retry_after(self) -> Option<String> {
        let Self::RetryAt(Some(at)) = self else {
            return None;
        };
        let late = at.checked_add_signed(TimeDelta::nanoseconds(999_999_999))?;
        Some(late.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
    }
    /// The answer to an error. A mistake in the program and an outage are recorded with `tracing`, with every cause, at the
    /// level error under the target `ott`: the client learns nothing of them, and somebody has to.
    #[cfg(feature = "tracing")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
    #[must_use]
    pub fn traced(error: impl core::error::Error + Into<Self>) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(below) = cause {
            text = format!("{text}: {below}");
            cause = below.source();
        }
        let answer = error.into();
        if matches!(answer, Self::Misuse | Self::Unavailable) {
            tracing::error!(target: "ott", status = answer.status(), error = text);
        }
        answer
    }
}
