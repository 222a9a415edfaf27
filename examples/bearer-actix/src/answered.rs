//! What a client is answered.

use core::{error::Error, fmt};

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header::RETRY_AFTER},
};
use token_store::Answer;

use crate::Rejection;

/// What a handler that fails answers: a status, at most one header, and no body that says why. A handler that returns
/// `Result<_, Answered>` ends with `?`.
#[derive(Debug)]
pub enum Answered {
    /// The answer to an error, with `Retry-After` where time helps.
    Answer(Answer),
    /// What a door of bearer tokens answers, with its challenge.
    Rejection(Rejection),
}

/// An error of these crates, or of the application where it says `impl From<OwnError> for Answer`. Mistakes and outages
/// are recorded: see [`Answer::traced`].
impl<E: Error> From<E> for Answered
where
    Answer: From<E>,
{
    fn from(error: E) -> Self {
        Self::Answer(Answer::traced(error))
    }
}

impl From<Rejection> for Answered {
    fn from(rejection: Rejection) -> Self {
        Self::Rejection(rejection)
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(answer) => answer.fmt(f),
            Self::Rejection(rejection) => rejection.fmt(f),
        }
    }
}

impl ResponseError for Answered {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Answer(answer) => {
                StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
            Self::Rejection(rejection) => rejection.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        let answer = match self {
            Self::Answer(answer) => answer,
            Self::Rejection(rejection) => return rejection.error_response(),
        };
        let mut response = HttpResponse::build(self.status_code());
        if let Some(later) = answer.retry_after() {
            response.insert_header((RETRY_AFTER, later));
        }
        response.finish()
    }
}
