//! Bearer tokens in axum and tower.
//!
//! [`Authenticated`] and [`Authorized`] are extractors: a handler that takes one is not reached without. [`BearerLayer`]
//! keeps everything behind it from whoever has no token, and leaves the token in the request's extensions, for extractors of
//! the same door. The state of the routes has `FromRef` for the [`Door`]: a type of the application's own, and no `Arc`, for
//! which nobody can write that. [`Session`] is the same for the cookie [`SESSION_COOKIE`]. A [`Network`] in the extensions is
//! noted, if the kind notes networks. This file is the adapter of tokens; [`Answered`], for all errors, is beside it.

mod answered;

use core::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

pub use answered::Answered;
use axum_core::{
    extract::{FromRef, FromRequestParts},
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, Request,
    header::{AUTHORIZATION, COOKIE},
    request::Parts,
};
use ott_bearer::{Admitted, Bearer, Door, Granted, Needs, NoScope, Refused, Scope};
pub use ott_bearer::{Network, SESSION_COOKIE};
use tower_layer::Layer;
use tower_service::Service;

/// The token of a request.
#[derive(Clone, Debug)]
pub struct Authenticated<S = NoScope>(pub Bearer<S>);

/// The token of a request, with the scopes of `N`.
#[derive(Clone, Debug)]
pub struct Authorized<N: Needs>(pub Granted<N>);

/// The session of a request, from [`SESSION_COOKIE`]. A page takes `Result<Session, Rejection>`, and leads whoever has none to
/// the sign-in.
#[derive(Clone, Debug)]
pub struct Session<S = NoScope>(pub Bearer<S>);

/// What is answered where there is none.
#[derive(Debug)]
pub struct Rejection(pub Refused);

async fn admit<S: Scope>(door: &Door<S>, parts: &Parts) -> Result<Admitted<S>, Rejection> {
    let values = parts.headers.get_all(AUTHORIZATION).iter();
    let (values, known) = (values.map(HeaderValue::as_bytes), &parts.extensions);
    let admitted = door.admit_once(known.get(), values, known.get()).await;
    admitted.map_err(Rejection)
}

impl<S: Scope, T: Send + Sync> FromRequestParts<T> for Authenticated<S>
where
    Door<S>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Rejection> {
        let admitted = admit(&Door::from_ref(state), parts).await?;
        Ok(Self(admitted.into_bearer()))
    }
}

impl<N: Needs, T: Send + Sync> FromRequestParts<T> for Authorized<N>
where
    Door<N::Scope>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Rejection> {
        let door = Door::from_ref(state);
        let bearer = admit(&door, parts).await?.into_bearer();
        Ok(Self(door.grant(bearer).map_err(Rejection)?))
    }
}

impl<S: Scope, T: Send + Sync> FromRequestParts<T> for Session<S>
where
    Door<S>: FromRef<T>,
{
    type Rejection = Rejection;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Rejection> {
        let values = parts.headers.get_all(COOKIE).iter();
        let (values, network) = (values.map(HeaderValue::as_bytes), parts.extensions.get());
        let door = Door::from_ref(state);
        let admitted = door.admit_cookie_from(values, SESSION_COOKIE, network);
        Ok(Self(admitted.await.map_err(Rejection)?))
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
            match admit(&door, &parts).await {
                Ok(admitted) => parts.extensions.insert(admitted),
                Err(rejection) => return Ok(rejection.into_response()),
            };
            ready.call(Request::from_parts(parts, body)).await
        })
    }
}
