//! Bearer tokens in actix-web.
//!
//! [`Authenticated`] and [`Authorized`] are extractors: a handler that takes one is not reached without. [`guard`] is a
//! middleware, for `middleware::from_fn`: it keeps everything behind it from whoever has no token, and leaves the token
//! in the request's extensions. Either answers as RFC 6750 says. The application has the door as `Data<Door<S>>`.
//! [`Session`] is the same for the cookie [`SESSION_COOKIE`]. [`Answered`] is what an error of these crates answers.

mod answered;

use core::{fmt, future::Future, pin::Pin};

use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError,
    body::MessageBody,
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::ErrorInternalServerError,
    http::{
        StatusCode,
        header::{AUTHORIZATION, COOKIE, HeaderValue, WWW_AUTHENTICATE},
    },
    middleware::Next,
    web::Data,
};
pub use answered::Answered;
use ott_bearer::{Bearer, Door, Granted, Needs, NoScope, Refused, Scope};

/// The token of a request.
#[derive(Clone, Debug)]
pub struct Authenticated<S = NoScope>(pub Bearer<S>);

/// The token of a request, with the scopes of `N`.
#[derive(Clone, Debug)]
pub struct Authorized<N: Needs>(pub Granted<N>);

/// The cookie of a session. The prefix keeps other hosts of the domain, and pages without TLS, from setting it.
pub const SESSION_COOKIE: &str = "__Host-session";

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

async fn admit<S: Scope>(request: &HttpRequest) -> Result<Bearer<S>, Error> {
    // Behind the middleware it was proved already.
    let proved = request.extensions().get::<Bearer<S>>().cloned();
    if let Some(bearer) = proved {
        return Ok(bearer);
    }
    let values = request.headers().get_all(AUTHORIZATION);
    let admitted = door(request)?
        .admit(values.map(HeaderValue::as_bytes))
        .await;
    Ok(admitted.map_err(Rejection)?)
}

/// Lets nobody through without a token.
///
/// # Errors
/// The answer, where there is none.
pub async fn guard<S: Scope>(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let bearer = admit::<S>(request.request()).await?;
    request.extensions_mut().insert(bearer);
    next.call(request).await
}

type Extracting<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

impl<S: Scope> FromRequest for Authenticated<S> {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Extracting<Self> {
        let request = request.clone();
        Box::pin(async move { Ok(Self(admit(&request).await?)) })
    }
}

impl<N: Needs> FromRequest for Authorized<N> {
    type Error = Error;
    type Future = Extracting<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Extracting<Self> {
        let request = request.clone();
        Box::pin(async move {
            let bearer = admit(&request).await?;
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
            let door = door(&request)?;
            let admitted = door.admit_cookie(values.map(HeaderValue::as_bytes), SESSION_COOKIE);
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
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(challenge) = self.0.challenge() {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        response.finish()
    }
}
