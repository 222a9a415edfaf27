//! What a client is answered.

use core::{error::Error, fmt};

use actix_web::{HttpResponse, ResponseError, http::StatusCode};
use ott_bearer::Reply;
use token_store::Answer;

use crate::Rejection;

/// What a handler that fails answers: a status, at most one header, and no body that says why. A handler that returns
/// `Result<_, Answered>` ends with `?`.
#[derive(Debug)]
pub struct Answered(Reply);

/// An error of these crates, or of the application where it says `impl From<OwnError> for Answer`. Mistakes and outages
/// are recorded: see [`Answer::traced`].
impl<E: Error> From<E> for Answered
where
    Answer: From<E>,
{
    fn from(error: E) -> Self {
        Self(Answer::traced(error).into())
    }
}

/// What a door of bearer tokens answers, with its challenge.
impl From<Rejection> for Answered {
    fn from(rejection: Rejection) -> Self {
        Self(Reply::from(&rejection.0))
    }
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Answered {
    fn status_code(&self) -> StatusCode {
        status(&self.0)
    }

    fn error_response(&self) -> HttpResponse {
        response(&self.0)
    }
}

pub(crate) fn status(reply: &Reply) -> StatusCode {
    StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

pub(crate) fn response(reply: &Reply) -> HttpResponse {
    let mut response = HttpResponse::build(status(reply));
    if let Some(header) = reply.header() {
        response.insert_header(header);
    }
    response.finish()
}
