//! Bearer tokens in poem.
//!
//! [`Authenticated`] and [`Authorized`] are extractors: a handler that takes one is not reached without. [`guard`], for
//! `EndpointExt::around`, keeps everything behind it from whoever has no token, and leaves the token in the request's
//! data, for extractors of the same door. Either answers as RFC 6750 says. [`Session`] is the same for the cookie
//! [`SESSION_COOKIE`]. The application has the door as `.data(Door<S>)`; without one, nobody gets in. A [`Network`] in the
//! request's data is noted, if the kind notes networks. This file is the adapter of tokens; [`Answered`], what an error of
//! these crates answers, stands beside it.

mod answered;

use core::fmt;
use std::sync::Arc;

pub use answered::Answered;
use ott_bearer::{Admitted, Bearer, Door, Granted, Needs, NoScope, Refused, Reply, Scope};
pub use ott_bearer::{Network, SESSION_COOKIE};
use poem::{
    Endpoint, Error, FromRequest, Request, RequestBody, Response, Result,
    error::ResponseError,
    http::{
        HeaderValue, StatusCode,
        header::{AUTHORIZATION, COOKIE},
    },
};

/// The token of a request.
#[derive(Clone, Debug)]
pub struct Authenticated<S = NoScope>(pub Bearer<S>);

/// The token of a request, with the scopes of `N`.
#[derive(Clone, Debug)]
pub struct Authorized<N: Needs>(pub Granted<N>);

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

async fn admit<S: Scope>(request: &Request) -> Result<Admitted<S>> {
    let values = request.headers().get_all(AUTHORIZATION).iter();
    let values = values.map(HeaderValue::as_bytes);
    let admitted = door(request)?.admit_once(request.data(), values, request.data());
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
    let admitted = admit::<S>(&request).await?;
    request.set_data(admitted);
    behind.call(request).await
}

impl<'a, S: Scope> FromRequest<'a> for Authenticated<S> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Ok(Self(admit(request).await?.into_bearer()))
    }
}

impl<'a, N: Needs> FromRequest<'a> for Authorized<N> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let bearer = admit(request).await?.into_bearer();
        let granted = door(request)?.grant(bearer);
        Ok(Self(granted.map_err(Rejection)?))
    }
}

impl<'a, S: Scope> FromRequest<'a> for Session<S> {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let values = request.headers().get_all(COOKIE).iter();
        let (door, values) = (door(request)?, values.map(HeaderValue::as_bytes));
        let admitted = door.admit_cookie_from(values, SESSION_COOKIE, request.data());
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
        answered::status(&Reply::from(&self.0))
    }

    fn as_response(&self) -> Response {
        answered::response(&Reply::from(&self.0))
    }
}
