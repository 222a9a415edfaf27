//! The layer and the extractors, in an application.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    http::{Request, StatusCode},
    response::Response,
    routing::get,
};
use bearer_axum::{
    Authenticated, Authorized, BearerLayer, Network, Rejection, SESSION_COOKIE, Session,
};
use ott_bearer::{
    Bearers, Door, Kind, Needs, New, NoScope,
    token_store::{
        MemoryStore, Tokens,
        ott_core::{KeyRing, Purpose, Subject},
    },
};
use tower::ServiceExt as _;

ott_bearer::scopes! { enum Mail { Read = "mail:read", Send = "mail:send" } }

#[derive(Debug)]
struct Sends;
impl Needs for Sends {
    type Scope = Mail;
    const SCOPES: &'static [Mail] = &[Mail::Send];
}

const KIND: Kind = Kind::access_token(Purpose::new("access"), "exa_pat_");

async fn who(Authenticated(bearer): Authenticated<Mail>) -> String {
    bearer.subject().id().into()
}

async fn send(Authorized(granted): Authorized<Sends>) -> String {
    granted.subject().id().into()
}

struct Site {
    bearers: Bearers<Mail>,
    app: Router,
}

fn site() -> Site {
    let keys = KeyRing::generate().unwrap();
    let tokens = Tokens::builder(keys, MemoryStore::new()).policy(KIND.policy());
    let tokens: Arc<Tokens> = tokens.build().unwrap().shared();
    let bearers = Bearers::new(&tokens, KIND).unwrap();
    let door = Door::new(bearers.clone(), "Example");
    let behind = Router::new()
        .route("/open-inside", get(async || "behind"))
        .route("/who-inside", get(who));
    let app = Router::new()
        .route("/who", get(who))
        .route("/send", get(send))
        .merge(behind.layer(BearerLayer(door.clone())))
        .with_state(door);
    Site { bearers, app }
}

async fn ask(site: &Site, path: &str, headers: &[&str]) -> Response {
    let mut request = Request::get(path);
    for header in headers {
        request = request.header("authorization", *header);
    }
    let request = request.body(Body::empty()).unwrap();
    site.app.clone().oneshot(request).await.unwrap()
}

/// Without a token nothing behind the layer or an extractor is reached, and the answer says what is missing.
#[tokio::test]
async fn request_without_a_token_is_challenged() {
    let site = site();
    for path in ["/who", "/send", "/open-inside", "/who-inside"] {
        for (headers, status, challenge) in [
            (&[][..], 401, r#"Bearer realm="Example""#),
            (&["Basic YTpi"], 401, r#"Bearer realm="Example""#),
            (
                &["Bearer"],
                400,
                r#"Bearer realm="Example", error="invalid_request""#,
            ),
            (
                &["Bearer a", "Bearer b"],
                400,
                r#"Bearer realm="Example", error="invalid_request""#,
            ),
            (
                &["Bearer made-up"],
                401,
                r#"Bearer realm="Example", error="invalid_token""#,
            ),
        ] {
            let response = ask(&site, path, headers).await;
            assert_eq!(response.status().as_u16(), status, "{path} {headers:?}");
            assert_eq!(response.headers()["www-authenticate"], challenge);
        }
    }
}

/// With a token each is reached that it is good for; a revoked one is refused from then on.
#[tokio::test]
async fn token_reaches_what_it_is_good_for() {
    let site = site();
    let alice = Subject::new("", "alice").unwrap();
    let issued = site
        .bearers
        .issue(&New::of(&alice).scope(Mail::Read))
        .await
        .unwrap();
    let header = format!("bearer  {}", issued.token.expose_secret());
    for path in ["/who", "/open-inside", "/who-inside"] {
        assert_eq!(
            ask(&site, path, &[&header]).await.status(),
            StatusCode::OK,
            "{path}"
        );
    }
    let response = ask(&site, "/send", &[&header]).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let challenge = r#"Bearer realm="Example", error="insufficient_scope", scope="mail:send""#;
    assert_eq!(response.headers()["www-authenticate"], challenge);
    let sender = site
        .bearers
        .issue(&New::of(&alice).scope(Mail::Send))
        .await
        .unwrap();
    let sends = format!("Bearer {}", sender.token.expose_secret());
    assert_eq!(
        ask(&site, "/send", &[&sends]).await.status(),
        StatusCode::OK
    );
    site.bearers
        .revoke(&alice, issued.facts.id())
        .await
        .unwrap();
    for path in ["/who", "/open-inside", "/who-inside"] {
        assert_eq!(
            ask(&site, path, &[&header]).await.status(),
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
}

const SESSION: Kind =
    Kind::session(Purpose::new("session")).noting_networks(Purpose::new("session-network"));
const KEY: Kind = Kind::api_key(Purpose::new("api-key"), "exa_key_")
    .noting_networks(Purpose::new("api-key-network"));

/// Two kinds without scopes.
fn two_kinds() -> [Bearers<NoScope>; 2] {
    let mut tokens = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
    for policy in [SESSION, KEY].iter().flat_map(Kind::policies) {
        tokens = tokens.policy(policy);
    }
    let tokens = tokens.build().unwrap().shared();
    [SESSION, KEY].map(|kind| Bearers::new(&tokens, kind).unwrap())
}

async fn header_of(bearers: &Bearers<NoScope>, alice: &Subject) -> String {
    let issued = bearers.issue(&New::of(alice)).await.unwrap();
    format!("Bearer {}", issued.token.expose_secret())
}

async fn owner(Authenticated(bearer): Authenticated<NoScope>) -> String {
    bearer.subject().id().into()
}

/// What one door let in is nothing for an extractor of another door, of another kind or tenant, with the same scopes.
#[tokio::test]
async fn token_of_another_door_is_refused() {
    let [sessions, keys] = two_kinds();
    let alice = Subject::new("", "alice").unwrap();
    let (session, key) = (
        header_of(&sessions, &alice).await,
        header_of(&keys, &alice).await,
    );
    let outer = Door::new(sessions.clone(), "Outer");
    for (inner, header, status) in [
        (outer.clone(), &session, 200),
        (Door::new(keys, "Inner"), &session, 401),
        (outer.clone().tenant("umbrella"), &session, 401),
        (outer.clone(), &key, 401),
    ] {
        let app = Router::new()
            .route("/", get(owner))
            .layer(BearerLayer(outer.clone()))
            .with_state(inner);
        let request = Request::get("/").header("authorization", header);
        let response = app.oneshot(request.body(Body::empty()).unwrap());
        assert_eq!(response.await.unwrap().status().as_u16(), status);
    }
}

/// The class of networks that the application put with a request is noted with the use, of a header and of a cookie.
#[tokio::test]
async fn network_of_a_request_is_noted() {
    let [sessions, keys] = two_kinds();
    let alice = Subject::new("", "alice").unwrap();
    let session = sessions.issue(&New::of(&alice)).await.unwrap();
    let cookie = format!("{SESSION_COOKIE}={}", session.token.expose_secret());
    let mine = async |session: Result<Session, Rejection>| session.map(drop);
    for (bearers, route, header, value) in [
        (
            &keys,
            get(owner),
            "authorization",
            header_of(&keys, &alice).await,
        ),
        (&sessions, get(mine), "cookie", cookie),
    ] {
        let app = Router::new()
            .route("/", route)
            .layer(Extension(Network("office".into())))
            .with_state(Door::new(bearers.clone(), "Example"));
        let request = Request::get("/").header(header, value);
        let response = app.oneshot(request.body(Body::empty()).unwrap());
        assert_eq!(response.await.unwrap().status(), StatusCode::OK);
        let listed = bearers.list(&alice).await.unwrap();
        assert_eq!(listed[0].used_from(), Some("office"), "{header}");
    }
}

/// The adapter of tokens is one file that is read in a sitting.
#[test]
fn adapter_has_at_most_150_lines() {
    let lines = include_str!("../src/lib.rs").lines().count();
    assert!(lines <= 150, "{lines}");
}
