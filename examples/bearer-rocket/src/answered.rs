//! What a client is answered.

use core::error::Error;

use ott_bearer::Reply;
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
        let refused = rejection.0.as_ref();
        Self(refused.map_or_else(|| Answer::Misuse.into(), Reply::from))
    }
}

impl<'r> Responder<'r, 'static> for Answered {
    fn respond_to(self, _: &'r Request<'_>) -> Result<'static> {
        let mut response = Response::build();
        response.status(Status::new(self.0.status()));
        if let Some((name, value)) = self.0.header() {
            response.raw_header(name, value.to_owned());
        }
        response.ok()
    }
}
