//! The guard and the extractors, in an application.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use std::sync::Arc;

use bearer_poem::{Authenticated, Authorized, Network, SESSION_COOKIE, Session, guard};
use ott_bearer::{
    Bearers, Door, Kind, Needs, New, NoScope,
    token_store::{
        MemoryStore, Tokens,
        ott_core::{KeyRing, Purpose, Subject},
    },
};
use poem::{Endpoint as _, EndpointExt as _, Request, Response, Route, get, handler};

ott_bearer::scopes! { enum Mail { Read = "mail:read", Send = "mail:send" } }

#[derive(Debug)]
struct Sends;
impl Needs for Sends {
    type Scope = Mail;
    const SCOPES: &'static [Mail] = &[Mail::Send];
}

const ACCESS: Kind = Kind::access_token(Purpose::new("access"), "exa_pat_");
const SESSION: Kind =
    Kind::session(Purpose::new("session")).noting_networks(Purpose::new("session-network"));
const KEY: Kind = Kind::api_key(Purpose::new("api-key"), "exa_key_")
    .noting_networks(Purpose::new("api-key-network"));

#[handler]
async fn who(Authenticated(bearer): Authenticated<Mail>) -> String {
    bearer.subject().id().into()
}

#[handler]
async fn send(Authorized(granted): Authorized<Sends>) -> String {
    granted.subject().id().into()
}

#[handler]
async fn behind() -> &'static str {
    "behind"
}

#[handler]
async fn page(session: poem::Result<Session>) -> String {
    session.map_or("the sign-in".into(), |Session(session)| {
        session.subject().id().into()
    })
}

#[handler]
async fn mine(Session(session): Session) -> String {
    session.subject().id().into()
}

#[handler]
async fn owner(Authenticated(bearer): Authenticated<NoScope>) -> String {
    bearer.subject().id().into()
}

struct Site {
    access: Bearers<Mail>,
    sessions: Bearers,
    keys: Bearers,
}

fn site() -> Site {
    let keys = KeyRing::generate().unwrap();
    let mut tokens = Tokens::builder(keys, MemoryStore::new());
    for policy in [ACCESS, SESSION, KEY].iter().flat_map(Kind::policies) {
        tokens = tokens.policy(policy);
    }
    let tokens: Arc<Tokens> = tokens.build().unwrap().shared();
    Site {
        access: Bearers::new(&tokens, ACCESS).unwrap(),
        sessions: Bearers::new(&tokens, SESSION).unwrap(),
        keys: Bearers::new(&tokens, KEY).unwrap(),
    }
}

fn routes() -> Route {
    let inside = Route::new()
        .at("/open", get(behind))
        .at("/who", get(who))
        .at("/send", get(send));
    Route::new()
        .at("/who", get(who))
        .at("/send", get(send))
        .at("/page", get(page))
        .at("/mine", get(mine))
        .nest("/inside", inside.around(guard::<Mail, _>))
}

async fn ask(site: &Site, path: &str, header: &str, values: &[&str]) -> Response {
    let app = routes()
        .data(Door::new(site.access.clone(), "Example"))
        .data(Door::<NoScope>::new(site.sessions.clone(), "Example"));
    let mut request = Request::builder().uri_str(path);
    for value in values {
        request = request.header(header, *value);
    }
    app.get_response(request.finish()).await
}

/// Without a token nothing behind the guard or an extractor is reached, and the answer says what is missing.
#[tokio::test]
async fn request_without_a_token_is_challenged() {
    let site = site();
    for path in ["/who", "/send", "/inside/open", "/inside/who"] {
        for (values, status, more) in [
            (&[][..], 401, ""),
            (&["Basic YTpi"], 401, ""),
            (&["Bearer"], 400, r#", error="invalid_request""#),
            (
                &["Bearer a", "Bearer b"],
                400,
                r#", error="invalid_request""#,
            ),
            (&["Bearer made-up"], 401, r#", error="invalid_token""#),
        ] {
            let response = ask(&site, path, "authorization", values).await;
            assert_eq!(response.status().as_u16(), status, "{path} {values:?}");
            let challenge = response.header("www-authenticate").unwrap();
            assert_eq!(challenge, format!(r#"Bearer realm="Example"{more}"#));
        }
    }
}

/// With a token each is reached that it is good for; a revoked one is refused from then on.
#[tokio::test]
async fn token_reaches_what_it_is_good_for() {
    let site = site();
    let alice = Subject::new("", "alice").unwrap();
    let issue = async |scope| site.access.issue(&New::of(&alice).scope(scope)).await;
    let reads = issue(Mail::Read).await.unwrap();
    let header = format!("bearer  {}", reads.token.expose_secret());
    for (path, told) in [
        ("/who", "alice"),
        ("/inside/open", "behind"),
        ("/inside/who", "alice"),
    ] {
        let response = ask(&site, path, "authorization", &[&header]).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.into_body().into_string().await.unwrap(), told);
    }
    let sends = issue(Mail::Send).await.unwrap();
    let sends = format!("Bearer {}", sends.token.expose_secret());
    for path in ["/send", "/inside/send"] {
        let response = ask(&site, path, "authorization", &[&header]).await;
        assert_eq!(response.status(), 403);
        let challenge = r#"Bearer realm="Example", error="insufficient_scope", scope="mail:send""#;
        assert_eq!(response.header("www-authenticate"), Some(challenge));
        let response = ask(&site, path, "authorization", &[&sends]).await;
        assert_eq!(response.status(), 200);
    }
    site.access.revoke(&alice, reads.facts.id()).await.unwrap();
    for path in ["/who", "/inside/open", "/inside/who"] {
        let response = ask(&site, path, "authorization", &[&header]).await;
        assert_eq!(response.status(), 401, "{path}");
    }
}

/// A session comes by its cookie alone, which is there once. A page may take its absence.
#[tokio::test]
async fn session_comes_by_its_cookie() {
    let site = site();
    let alice = Subject::new("", "alice").unwrap();
    let issued = site.sessions.issue(&New::of(&alice)).await.unwrap();
    let token = issued.token.expose_secret();
    let cookie = format!("theme=dark; {SESSION_COOKIE}={token}");
    let twice = format!("{cookie}; {SESSION_COOKIE}={token}");
    for (cookie, status, told) in [
        (&*cookie, 200, "alice"),
        ("theme=dark", 401, "the sign-in"),
        (&twice, 400, "the sign-in"),
    ] {
        let response = ask(&site, "/mine", "cookie", &[cookie]).await;
        assert_eq!(response.status().as_u16(), status, "{told}");
        let response = ask(&site, "/page", "cookie", &[cookie]).await;
        assert_eq!(response.header("www-authenticate"), None);
        assert_eq!(response.into_body().into_string().await.unwrap(), told);
    }
    let bearer = format!("Bearer {token}");
    let response = ask(&site, "/mine", "authorization", &[&bearer]).await;
    assert_eq!(response.status(), 401);
}

/// Without a door nobody gets in.
#[tokio::test]
async fn application_without_a_door_lets_nobody_in() {
    for path in ["/who", "/send", "/mine", "/inside/open"] {
        let request = Request::builder().uri_str(path);
        let request = request.header("authorization", "Bearer made-up").finish();
        let response = routes().get_response(request).await;
        assert_eq!(response.status(), 500, "{path}");
    }
}

/// What one door let in is nothing for an extractor of another door, of another kind or tenant, with the same scopes.
#[tokio::test]
async fn token_of_another_door_is_refused() {
    let site = site();
    let alice = Subject::new("", "alice").unwrap();
    let session = site.sessions.issue(&New::of(&alice)).await.unwrap();
    let key = site.keys.issue(&New::of(&alice)).await.unwrap();
    let outer = Door::<NoScope>::new(site.sessions.clone(), "Outer");
    for (inner, token, status) in [
        (outer.clone(), &session, 200),
        (Door::new(site.keys.clone(), "Inner"), &session, 401),
        (outer.clone().tenant("umbrella"), &session, 401),
        (outer.clone(), &key, 401),
    ] {
        let app = Route::new()
            .at("/", get(owner))
            .data(inner)
            .around(guard::<NoScope, _>)
            .data(outer.clone());
        let header = format!("Bearer {}", token.token.expose_secret());
        let request = Request::builder().header("authorization", header);
        let response = app.get_response(request.finish()).await;
        assert_eq!(response.status().as_u16(), status);
    }
}

/// The class of networks that the application put with a request is noted with the use, of a header and of a cookie.
#[tokio::test]
async fn network_of_a_request_is_noted() {
    let site = site();
    let alice = Subject::new("", "alice").unwrap();
    let session = site.sessions.issue(&New::of(&alice)).await.unwrap();
    let cookie = format!("{SESSION_COOKIE}={}", session.token.expose_secret());
    let key = site.keys.issue(&New::of(&alice)).await.unwrap();
    let bearer = format!("Bearer {}", key.token.expose_secret());
    for (bearers, path, header, value) in [
        (&site.keys, "/owner", "authorization", bearer),
        (&site.sessions, "/mine", "cookie", cookie),
    ] {
        let app = Route::new()
            .at("/owner", get(owner))
            .at("/mine", get(mine))
            .data(Door::<NoScope>::new(bearers.clone(), "Example"))
            .data(Network("office".into()));
        let request = Request::builder().uri_str(path).header(header, value);
        let response = app.get_response(request.finish()).await;
        assert_eq!(response.status(), 200);
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
