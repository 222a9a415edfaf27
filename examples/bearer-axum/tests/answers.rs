//! An error of these crates as a response, and a session from its cookie.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
    routing::{get, post},
};
use ott_bearer::{Bearers, Door, Kind, New};
use tower::ServiceExt as _;

// ANCHOR: handler
use axum::extract::State;
use bearer_axum::{Answered, Session};
use ott_bearer::token_store::Tokens;
use ott_bearer::token_store::ott_core::{Binding, Handle, Policy, Purpose, Subject};

const CODE: Policy = Policy::code(Purpose::new("second-step"));

/// `?` answers 401, 429 with `Retry-After`, or 503. The body is a handle, a blank and a code.
async fn take(
    State(site): State<Site>,
    Session(session): Session,
    body: String,
) -> Result<&'static str, Answered> {
    let (handle, code) = body.split_once(' ').unwrap_or_default();
    let handle = Handle::parse(handle)?;
    let binding = Binding::subject(session.subject());
    site.tokens.redeem(&CODE, &handle, &binding, code).await?;
    Ok("proved")
}
// ANCHOR_END: handler

const SESSION: Kind = Kind::session(Purpose::new("session"));

/// A type of the application's own, and no `Arc`: extractors are told what they need of it.
#[derive(Clone)]
struct Site {
    tokens: Arc<Tokens>,
    door: Door,
}

impl axum::extract::FromRef<Site> for Door {
    fn from_ref(site: &Site) -> Self {
        site.door.clone()
    }
}

/// The status and `Retry-After` of a request with this cookie.
async fn ask(app: &Router, cookie: &str, body: String) -> (StatusCode, Option<String>) {
    let request = Request::post("/take").header(header::COOKIE, cookie);
    let response = app.clone().oneshot(request.body(Body::from(body)).unwrap());
    let response = response.await.unwrap();
    let later = response.headers().get(header::RETRY_AFTER);
    let later = later.map(|value| value.to_str().unwrap().to_owned());
    (response.status(), later)
}

/// A right code is proved once, behind a session; refusals are 401, and the eleventh try is told when to come back.
#[tokio::test]
async fn errors_are_the_answers_of_the_table() {
    use ott_bearer::token_store::{MemoryStore, ott_core::KeyRing};
    let tokens = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
    let tokens = tokens.policy(&CODE).policy(SESSION.policy());
    let tokens = tokens.build().unwrap().shared();
    let bearers = Bearers::new(&tokens, SESSION).unwrap();
    let door = Door::new(bearers.clone(), "Example");
    let site = Site {
        tokens: Arc::clone(&tokens),
        door,
    };
    let app = Router::new()
        .route("/take", post(take))
        .route("/", get(async || "a page"))
        .with_state(site);
    let alice = Subject::new("", "4711").unwrap();
    let session = bearers.issue(&New::of(&alice)).await.unwrap();
    let session = session.token.expose_secret();
    let cookie = format!("theme=dark; __Host-session={session}");
    let issued = tokens
        .issue(&CODE, &Binding::subject(&alice))
        .await
        .unwrap();
    let with = |code: &str| format!("{} {code}", *issued.handle.expose_secret());
    let code = issued.token.expose_secret();
    assert_eq!(ask(&app, "theme=dark", with(code)).await.0, 401);
    let twice = format!("{cookie}; __Host-session={session}");
    assert_eq!(ask(&app, &twice, with(code)).await.0, 400);
    assert_eq!(ask(&app, &cookie, with(code)).await.0, 200);
    assert_eq!(
        ask(&app, &cookie, with(code)).await,
        (StatusCode::UNAUTHORIZED, None)
    );
    assert_eq!(ask(&app, &cookie, "no handle".into()).await.0, 401);
    let (status, later) = loop {
        let answer = ask(&app, &cookie, with("000000")).await;
        if answer.0 != StatusCode::UNAUTHORIZED {
            break answer;
        }
    };
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(later.unwrap().ends_with(" GMT"));
}
