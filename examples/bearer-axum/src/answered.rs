//! What a client is answered.

use core::error::Error;

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
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

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let answer = match self {
            Self::Answer(answer) => answer,
            Self::Rejection(rejection) => return rejection.into_response(),
        };
        let mut response = Response::new(Body::empty());
        let status = StatusCode::from_u16(answer.status());
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let later = answer.retry_after();
        if let Some(later) = later.and_then(|text| HeaderValue::try_from(text).ok()) {
            response.headers_mut().insert(RETRY_AFTER, later);
        }
        response
    }
}
