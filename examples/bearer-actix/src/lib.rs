//! Bearer tokens in actix-web.
//!
//! [`Authenticated`] and [`Authorized`] are extractors: a handler that takes one is not reached without. [`guard`] is a
//! middleware, for `middleware::from_fn`: it keeps everything behind it from whoever has no token, and leaves the token
//! in the request's extensions, for extractors of the same door. Either answers as RFC 6750 says. The application has the
//! door as `Data<Door<S>>`. [`Session`] is the same for the cookie [`SESSION_COOKIE`]. A [`Network`] in the extensions of
//! the request is noted, if the kind notes networks. This file is the adapter of tokens; [`Answered`], what an error of
//! these crates answers, stands beside it.

mod answered;

use core::{fmt, pin::Pin};

use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::ErrorInternalServerError,
    http::{
        StatusCode,
        header::{AUTHORIZATION, COOKIE, HeaderValue},
    },
    middleware::Next,
    web::Data,
};
pub use answered::Answered;
use ott_bearer::{Admitted, Bearer, Door, Granted, Needs, NoScope, Refused, Reply, Scope};
pub use ott_bearer::{Network, SESSION_COOKIE};

/// The token of a request.
#[derive(Clone, Debug)]
pub struct Authenticated<S = NoScope>(pub Bearer<S>);

/// The token of a request, with the scopes of `N`.
#[derive(Clone, Debug)]
pub struct Authorized<N: Needs>(pub Granted<N>);

/// The session of a request, from [`SESSION_COOKIE`]. A page takes `Result<Session, Error>`, and leads whoever has none to the
/// sign-in.
#[derive(Clone, Debug)]
pub struct Session<S = NoScope>(pub Bearer<S>);

/// What is answered where there is none.
#[derive(Debug)]
pub struct Rejection(pub Refused);

fn door<S: Scope>(request: &HttpRequest) -> Result<Data<Door<S>>, Error> {
    let door = request.app_data::<Data<Door<S>>>().cloned();
    door.ok_or_else(|| ErrorInternalServerError("the application has no door"))
}

/// What an earlier part of the request's way left with it.
fn left<T: Clone + 'static>(request: &HttpRequest) -> Option<T> {
    request.extensions().get().cloned()
}

async fn admit<S: Scope>(request: &HttpRequest) -> Result<Admitted<S>, Error> {
    let values = request.headers().get_all(AUTHORIZATION);
    let (before, network) = (left::<Admitted<S>>(request), left(request));
    let door = door(request)?;
    let values = values.map(HeaderValue::as_bytes);
    let admitted = door.admit_once(before.as_ref(), values, network.as_ref());
    Ok(admitted.await.map_err(Rejection)?)
}

/// Lets nobody through without a token.
///
/// # Errors
/// The answer, where there is none.
pub async fn guard<S: Scope>(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let admitted = admit::<S>(request.request()).await?;
    request.extensions_mut().insert(admitted);
    next.call(request).await
}

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

impl<S: Scope> FromRequest for Authenticated<S> {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Extracting<Self> {
        let request = request.clone();
        Box::pin(async move { Ok(Self(admit(&request).await?.into_bearer())) })
    }
}

impl<N: Needs> FromRequest for Authorized<N> {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Extracting<Self> {
        let request = request.clone();
        Box::pin(async move {
            let bearer = admit(&request).await?.into_bearer();
            let granted = door(&request)?.grant(bearer);
            Ok(Self(granted.map_err(Rejection)?))
        })
    }
}

impl<S: Scope> FromRequest for Session<S> {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Extracting<Self> {
        let request = request.clone();
        Box::pin(async move {
            let values = request.headers().get_all(COOKIE);
            let (door, network) = (door(&request)?, left(&request));
            let values = values.map(HeaderValue::as_bytes);
            let admitted = door.admit_cookie_from(values, SESSION_COOKIE, network.as_ref());
            Ok(Self(admitted.await.map_err(Rejection)?))
        })
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Rejection {
    fn status_code(&self) -> StatusCode {
        answered::status(&Reply::from(&self.0))
    }

    fn error_response(&self) -> HttpResponse {
        answered::response(&Reply::from(&self.0))
    }
}
