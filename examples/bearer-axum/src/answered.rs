//! What a client is answered.

use core::error::Error;

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode};
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

impl IntoResponse for Answered {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        let status = StatusCode::from_u16(self.0.status());
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some((name, value)) = self.0.header()
            && let Ok(value) = HeaderValue::from_str(value)
        {
            let name = HeaderName::from_static(name);
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        Answered::from(self).into_response()
    }
}
