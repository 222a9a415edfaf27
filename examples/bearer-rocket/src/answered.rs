//! What a client is answered.

use core::error::Error;

use ott_bearer::Refused;
use rocket::{
    Request, Response,
    http::Status,
    response::{Responder, Result},
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

impl<'r> Responder<'r, 'static> for Answered {
    fn respond_to(self, _: &'r Request<'_>) -> Result<'static> {
        let mut response = Response::build();
        match self {
            Self::Answer(answer) => {
                response.status(Status::new(answer.status()));
                if let Some(later) = answer.retry_after() {
                    response.raw_header("Retry-After", later);
                }
            }
            Self::Rejection(Rejection(refused)) => {
                let status = refused.as_ref().map_or(500, Refused::status);
                response.status(Status::new(status));
                if let Some(challenge) = refused.as_ref().and_then(Refused::challenge) {
                    response.raw_header("WWW-Authenticate", challenge.to_owned());
                }
            }
        }
        response.ok()
    }
}
