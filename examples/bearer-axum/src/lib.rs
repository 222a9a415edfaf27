//! Bearer tokens in axum and tower.
//!
//! [`Authenticated`] and [`Authorized`] are extractors: a handler that takes one is not reached without. [`BearerLayer`]
//! keeps everything behind it from whoever has no token, and leaves the token in the request's extensions. Either answers
//! as RFC 6750 says. The state of the routes has `FromRef` for the [`Door`]: it is a type of the application's own, and no
//! `Arc`, for which nobody can write that. [`Session`] is the same for the cookie [`SESSION_COOKIE`]. [`Answered`] is what an error of these crates
//! answers.

mod answered;

use core::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

pub use answered::Answered;
use axum_core::{
    body::Body,
    extract::{FromRef, FromRequestParts},
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, HeaderValue, Request, StatusCode,
    header::{AUTHORIZATION, COOKIE, WWW_AUTHENTICATE},
    request::Parts,
};
use ott_bearer::{Bearer, Door, Granted, Needs, NoScope, Refused, Scope};
use tower_layer::Layer;
use tower_service::Service;

/// The token of a request.
#[derive(Clone, Debug)]
pub struct Authenticated<S = NoScope>(pub Bearer<S>);

/// The token of a request, with the scopes of `N`.
#[derive(Clone, Debug)]
pub struct Authorized<N: Needs>(pub Granted<N>);

/// The cookie of a session. The prefix keeps other hosts of the domain, and pages without TLS, from setting it.
pub const SESSION_COOKIE: &str = "__Host-session";

/// The session of a request, from [`SESSION_COOKIE`]. A page takes `Result<Session, Rejection>`, and leads whoever has none to
/// the sign-in.
#[derive(Clone, Debug)]
pub struct Session<S = NoScope>(pub Bearer<S>);

/// What is answered where there is none.
#[derive(Debug)]
pub struct Rejection(pub Refused);

async fn admit<S: Scope>(door: &Door<S>, headers: &HeaderMap) -> Result<Bearer<S>, Rejection> {
    let values = headers.get_all(AUTHORIZATION).iter();
    let admitted = door.admit(values.map(HeaderValue::as_bytes)).await;
    admitted.map_err(Rejection)
}

impl<S: Scope, T: Send + Sync> FromRequestParts<T> for Authenticated<S>
where
    Door<S>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Rejection> {
        // Behind the layer it was proved already.
        if let Some(bearer) = parts.extensions.get::<Bearer<S>>() {
            return Ok(Self(bearer.clone()));
        }
        Ok(Self(admit(&Door::from_ref(state), &parts.headers).await?))
    }
}

impl<N: Needs, T: Send + Sync> FromRequestParts<T> for Authorized<N>
where
    Door<N::Scope>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Rejection> {
        let Authenticated(bearer) = Authenticated::from_request_parts(parts, state).await?;
        let granted = Door::from_ref(state).grant(bearer);
        Ok(Self(granted.map_err(Rejection)?))
    }
}

impl<S: Scope, T: Send + Sync> FromRequestParts<T> for Session<S>
where
    Door<S>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Rejection> {
        let values = parts.headers.get_all(COOKIE).iter();
        let door = Door::from_ref(state);
        let admitted = door.admit_cookie(values.map(HeaderValue::as_bytes), SESSION_COOKIE);
        Ok(Self(admitted.await.map_err(Rejection)?))
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        let status = StatusCode::from_u16(self.0.status());
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let challenge = self.0.challenge().and_then(|text| text.parse().ok());
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// Lets nobody through without a token.
#[derive(Clone, Debug)]
pub struct BearerLayer<S = NoScope>(pub Door<S>);

/// What [`BearerLayer`] makes of a service.
#[derive(Clone, Debug)]
pub struct Guarded<I, S = NoScope> {
    inner: I,
    door: Door<S>,
}

impl<I, S: Scope> Layer<I> for BearerLayer<S> {
    type Service = Guarded<I, S>;

    fn layer(&self, inner: I) -> Guarded<I, S> {
        let door = self.0.clone();
        Guarded { inner, door }
    }
}

impl<B, I, S> Service<Request<B>> for Guarded<I, S>
where
    B: Send + 'static,
    I: Service<Request<B>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    I::Future: Send,
    S: Scope,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that is ready is the one that is called.
        let other = self.inner.clone();
        let mut ready = core::mem::replace(&mut self.inner, other);
        let door = self.door.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match admit(&door, &parts.headers).await {
                Ok(bearer) => parts.extensions.insert(bearer),
                Err(rejection) => return Ok(rejection.into_response()),
            };
            ready.call(Request::from_parts(parts, body)).await
        })
    }
}
