//! Bearer tokens in poem.
//!
//! [`Authenticated`] and [`Authorized`] are extractors: a handler that takes one is not reached without. [`guard`], for
//! `EndpointExt::around`, keeps everything behind it from whoever has no token, and leaves the token in the request's
//! data. Either answers as RFC 6750 says. [`Session`] is the same for the cookie [`SESSION_COOKIE`]. The application has the
//! door as `.data(Door<S>)`; without one, nobody gets in.

mod answered;

use core::fmt;
use std::sync::Arc;

pub use answered::Answered;
use ott_bearer::{Bearer, Door, Granted, Needs, NoScope, Refused, Scope};
use poem::{
    Endpoint, Error, FromRequest, Request, RequestBody, Response, Result,
    error::ResponseError,
    http::{
        HeaderValue, StatusCode,
        header::{AUTHORIZATION, COOKIE, WWW_AUTHENTICATE},
    },
};

/// The token of a request.
#[derive(Clone, Debug)]
pub struct Authenticated<S = NoScope>(pub Bearer<S>);

/// The token of a request, with the scopes of `N`.
#[derive(Clone, Debug)]
pub struct Authorized<N: Needs>(pub Granted<N>);

/// The cookie of a session. The prefix keeps other hosts of the domain, and pages without TLS, from setting it.
pub const SESSION_COOKIE: &str = "__Host-session";

/// The session of a request, from [`SESSION_COOKIE`]. A page takes `poem::Result<Session>`, and leads whoever has none to the
/// sign-in.
#[derive(Clone, Debug)]
pub struct Session<S = NoScope>(pub Bearer<S>);

/// What is answered where there is none.
#[derive(Debug)]
pub struct Rejection(pub Refused);

fn door<S: Scope>(request: &Request) -> Result<&Door<S>> {
    let missing = || Error::from_status(StatusCode::INTERNAL_SERVER_ERROR);
    request.data::<Door<S>>().ok_or_else(missing)
}

async fn admit<S: Scope>(request: &Request) -> Result<Bearer<S>> {
    // Behind the guard it was proved already.
    if let Some(bearer) = request.data::<Bearer<S>>() {
        return Ok(bearer.clone());
    }
    let values = request.headers().get_all(AUTHORIZATION).iter();
    let admitted = door(request)?.admit(values.map(HeaderValue::as_bytes));
    Ok(admitted.await.map_err(Rejection)?)
}

/// Lets nobody through without a token: `routes.around(guard::<Scopes, _>)`.
///
/// # Errors
/// The answer, where there is none.
pub async fn guard<S: Scope, E: Endpoint>(
    behind: Arc<E>,
    mut request: Request,
) -> Result<E::Output> {
    let bearer = admit::<S>(&request).await?;
    request.set_data(bearer);
    behind.call(request).await
}

impl<'a, S: Scope> FromRequest<'a> for Authenticated<S> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        admit(request).await.map(Self)
    }
}

impl<'a, N: Needs> FromRequest<'a> for Authorized<N> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let bearer = admit(request).await?;
        let granted = door(request)?.grant(bearer);
        Ok(Self(granted.map_err(Rejection)?))
    }
}

impl<'a, S: Scope> FromRequest<'a> for Session<S> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let values = request.headers().get_all(COOKIE).iter();
        let door = door(request)?;
        let admitted = door.admit_cookie(values.map(HeaderValue::as_bytes), SESSION_COOKIE);
        Ok(Self(admitted.await.map_err(Rejection)?))
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for Rejection {}

impl ResponseError for Rejection {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        let response = Response::builder().status(self.status());
        match self.0.challenge() {
            Some(challenge) => response.header(WWW_AUTHENTICATE, challenge).finish(),
            None => response.finish(),
        }
    }
}
