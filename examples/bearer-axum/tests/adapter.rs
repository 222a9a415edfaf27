//! The layer and the extractors, in an application.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
    response::Response,
    routing::get,
};
use bearer_axum::{Authenticated, Authorized, BearerLayer};
use ott_bearer::{
    Bearers, Door, Kind, Needs, New,
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
