//! Bearer tokens in Rocket.
//!
//! [`Authenticated`] and [`Authorized`] are request guards: a handler that takes one is not reached without. [`Session`] is
//! the same for the cookie [`SESSION_COOKIE`]. [`BearerFairing`] gives them their door, and answers as RFC 6750 says; where it
//! is not attached, nobody gets in, and a second one of the same scopes does not launch. A fairing of the application says
//! where a request comes from, if the kind notes networks: `request.local_cache(|| Some(Network("office".into())))`. This
//! file is the adapter of tokens; [`Answered`], what an error of these crates answers, stands beside it.

mod answered;

use std::sync::{Mutex, PoisonError};

pub use answered::Answered;
use ott_bearer::{Bearer, Door, Granted, Needs, NoScope, Refused, Scope};
pub use ott_bearer::{Network, SESSION_COOKIE};
use rocket::{
    Build, Request, Response, Rocket,
    fairing::{self, Fairing, Info, Kind},
    http::Status,
    request::{FromRequest, Outcome},
};

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

/// Why a request does not get in. `None`: no [`BearerFairing`] of these scopes is attached.
#[derive(Debug)]
pub struct Rejection(pub Option<Refused>);

/// What the guards need: `rocket.attach(BearerFairing(door))`.
#[derive(Clone, Debug)]
pub struct BearerFairing<S = NoScope>(pub Door<S>);

/// What the last guard of a request answers, which makes no header by itself.
#[derive(Default)]
struct Challenged(Mutex<Option<(Status, String)>>);

#[rocket::async_trait]
impl<S: Scope> Fairing for BearerFairing<S> {
    fn info(&self) -> Info {
        Info {
            name: "bearer tokens",
            kind: Kind::Ignite | Kind::Response,
        }
    }

    async fn on_ignite(&self, rocket: Rocket<Build>) -> fairing::Result {
        // The guards have their scopes alone to find a door by.
        match rocket.state::<Door<S>>() {
            Some(_) => Err(rocket),
            None => Ok(rocket.manage(self.0.clone())),
        }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        let challenged = &request.local_cache(Challenged::default).0;
        let challenged = challenged.lock().unwrap_or_else(PoisonError::into_inner);
        // A handler that took the rejection, and answers something else, challenges nobody.
        if let Some((_, challenge)) = challenged
            .as_ref()
            .filter(|(status, _)| *status == response.status())
        {
            response.set_raw_header("WWW-Authenticate", challenge.clone());
        }
    }
}

fn door<'r, S: Scope>(request: &'r Request<'_>) -> Result<&'r Door<S>, Rejection> {
    request.rocket().state::<Door<S>>().ok_or(Rejection(None))
}

fn outcome<T>(request: &Request<'_>, admitted: Result<T, Rejection>) -> Outcome<T, Rejection> {
    let rejection = match admitted {
        Ok(admitted) => return Outcome::Success(admitted),
        Err(rejection) => rejection,
    };
    let refused = rejection.0.as_ref();
    let status = refused.map_or(Status::InternalServerError, |refused| {
        Status::new(refused.status())
    });
    if let Some(challenge) = refused.and_then(Refused::challenge) {
        let challenged = &request.local_cache(Challenged::default).0;
        *challenged.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((status, challenge.into()));
    }
    Outcome::Error((status, rejection))
}

fn refused(refused: Refused) -> Rejection {
    Rejection(Some(refused))
}

fn network<'r>(request: &'r Request<'_>) -> Option<&'r Network> {
    request.local_cache(|| None).as_ref()
}

async fn admit<S: Scope>(request: &Request<'_>) -> Result<Bearer<S>, Rejection> {
    let values = request.headers().get("authorization").map(str::as_bytes);
    let admitted = door(request)?.admit_from(values, network(request));
    admitted.await.map_err(refused)
}

async fn grant<N: Needs>(request: &Request<'_>) -> Result<Granted<N>, Rejection> {
    let bearer = admit(request).await?;
    door(request)?.grant(bearer).map_err(refused)
}

async fn session<S: Scope>(request: &Request<'_>) -> Result<Bearer<S>, Rejection> {
    let values = request.headers().get("cookie").map(str::as_bytes);
    let admitted = door(request)?.admit_cookie_from(values, SESSION_COOKIE, network(request));
    admitted.await.map_err(refused)
}

#[rocket::async_trait]
impl<'r, S: Scope> FromRequest<'r> for Authenticated<S> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Rejection> {
        outcome(request, admit(request).await.map(Self))
    }
}

#[rocket::async_trait]
impl<'r, N: Needs> FromRequest<'r> for Authorized<N> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Rejection> {
        outcome(request, grant(request).await.map(Self))
    }
}

#[rocket::async_trait]
impl<'r, S: Scope> FromRequest<'r> for Session<S> {
    type Error = Rejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Rejection> {
        outcome(request, session(request).await.map(Self))
    }
}
