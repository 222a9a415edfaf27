//! The fairing and the guards, in an application.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use std::sync::Arc;

use bearer_rocket::{
    Authenticated, Authorized, BearerFairing, Network, Rejection, SESSION_COOKIE, Session,
};
use ott_bearer::{
    Bearers, Door, Kind, Needs, New, NoScope,
    token_store::{
        MemoryStore, Tokens,
        ott_core::{KeyRing, Purpose, Subject},
    },
};
use rocket::{
    Build, Rocket,
    error::ErrorKind,
    fairing::AdHoc,
    get,
    http::Header,
    local::asynchronous::{Client, LocalResponse},
    routes,
};

ott_bearer::scopes! { enum Mail { Read = "mail:read", Send = "mail:send" } }

#[derive(Debug)]
struct Sends;
impl Needs for Sends {
    type Scope = Mail;
    const SCOPES: &'static [Mail] = &[Mail::Send];
}

const ACCESS: Kind = Kind::access_token(Purpose::new("access"), "exa_pat_")
    .noting_networks(Purpose::new("access-network"));
const SESSION: Kind =
    Kind::session(Purpose::new("session")).noting_networks(Purpose::new("session-network"));

#[get("/who")]
fn who(bearer: Authenticated<Mail>) -> String {
    bearer.0.subject().id().into()
}

#[get("/send")]
fn send(granted: Authorized<Sends>) -> String {
    granted.0.subject().id().into()
}

#[get("/page")]
fn page(session: Result<Session, Rejection>) -> String {
    session.map_or("the sign-in".into(), |Session(session)| {
        session.subject().id().into()
    })
}

#[get("/mine")]
fn mine(session: Session) -> String {
    session.0.subject().id().into()
}

struct Site {
    access: Bearers<Mail>,
    sessions: Bearers,
    client: Client,
}

fn routes() -> Rocket<Build> {
    rocket::build().mount("/", routes![who, send, page, mine])
}

async fn site() -> Site {
    let keys = KeyRing::generate().unwrap();
    let mut tokens = Tokens::builder(keys, MemoryStore::new());
    for policy in [ACCESS, SESSION].iter().flat_map(Kind::policies) {
        tokens = tokens.policy(policy);
    }
    let tokens: Arc<Tokens> = tokens.build().unwrap().shared();
    let access = Bearers::new(&tokens, ACCESS).unwrap();
    let sessions = Bearers::new(&tokens, SESSION).unwrap();
    let rocket = routes()
        .attach(BearerFairing(Door::new(access.clone(), "Example")))
        .attach(BearerFairing(Door::<NoScope>::new(
            sessions.clone(),
            "Example",
        )))
        .attach(AdHoc::on_request("network", |request, _| {
            let office = request.headers().get_one("x-office").map(String::from);
            request.local_cache(|| office.map(Network));
            Box::pin(async {})
        }));
    let client = Client::untracked(rocket).await.unwrap();
    Site {
        access,
        sessions,
        client,
    }
}

async fn ask<'c>(
    client: &'c Client,
    path: &'c str,
    header: &'static str,
    values: &[&str],
) -> LocalResponse<'c> {
    let mut request = client.get(path);
    for value in values {
        request.add_header(Header::new(header, String::from(*value)));
    }
    request.dispatch().await
}

/// Every value of `WWW-Authenticate`.
fn challenges<'r>(response: &'r LocalResponse<'_>) -> Vec<&'r str> {
    response.headers().get("www-authenticate").collect()
}

/// Without a token nothing behind a guard is reached, and the answer says what is missing, once.
#[tokio::test]
async fn request_without_a_token_is_challenged() {
    let site = site().await;
    for path in ["/who", "/send"] {
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
            let response = ask(&site.client, path, "authorization", values).await;
            assert_eq!(response.status().code, status, "{path} {values:?}");
            let challenge = format!(r#"Bearer realm="Example"{more}"#);
            assert_eq!(challenges(&response), [challenge]);
        }
    }
}

/// With a token each is reached that it is good for; a revoked one is refused from then on.
#[tokio::test]
async fn token_reaches_what_it_is_good_for() {
    let site = site().await;
    let alice = Subject::new("", "alice").unwrap();
    let issue = async |scope| site.access.issue(&New::of(&alice).scope(scope)).await;
    let reads = issue(Mail::Read).await.unwrap();
    let header = format!("bearer  {}", reads.token.expose_secret());
    let response = ask(&site.client, "/who", "authorization", &[&header]).await;
    assert_eq!(response.status().code, 200);
    assert_eq!(response.into_string().await.as_deref(), Some("alice"));
    let response = ask(&site.client, "/send", "authorization", &[&header]).await;
    assert_eq!(response.status().code, 403);
    let challenge = r#"Bearer realm="Example", error="insufficient_scope", scope="mail:send""#;
    assert_eq!(challenges(&response), [challenge]);
    let sends = issue(Mail::Send).await.unwrap();
    let sends = format!("Bearer {}", sends.token.expose_secret());
    let response = ask(&site.client, "/send", "authorization", &[&sends]).await;
    assert_eq!(response.status().code, 200);
    assert!(challenges(&response).is_empty());
    site.access.revoke(&alice, reads.facts.id()).await.unwrap();
    let response = ask(&site.client, "/who", "authorization", &[&header]).await;
    assert_eq!(response.status().code, 401);
}

/// A session comes by its cookie alone, which is there once. A page may take its absence, and challenges nobody then.
#[tokio::test]
async fn session_comes_by_its_cookie() {
    let site = site().await;
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
        let response = ask(&site.client, "/mine", "cookie", &[cookie]).await;
        assert_eq!(response.status().code, status, "{told}");
        let response = ask(&site.client, "/page", "cookie", &[cookie]).await;
        assert_eq!(response.status().code, 200);
        assert!(challenges(&response).is_empty());
        assert_eq!(response.into_string().await.as_deref(), Some(told));
    }
    let bearer = format!("Bearer {token}");
    let response = ask(&site.client, "/mine", "authorization", &[&bearer]).await;
    assert_eq!(response.status().code, 401);
}

/// Without its fairing a guard lets nobody in.
#[tokio::test]
async fn guard_without_its_fairing_lets_nobody_in() {
    let client = Client::untracked(routes()).await.unwrap();
    for path in ["/who", "/send", "/mine"] {
        let response = ask(&client, path, "authorization", &["Bearer made-up"]).await;
        assert_eq!(response.status().code, 500, "{path}");
    }
}

/// The guards find a door by its scopes alone: an application with two of the same scopes does not launch, and no guard of
/// one takes a token of the other.
#[tokio::test]
async fn second_door_of_the_same_scopes_is_refused() {
    let site = site().await;
    let door = || Door::<NoScope>::new(site.sessions.clone(), "Example");
    let both = routes()
        .attach(BearerFairing(door()))
        .attach(BearerFairing(door().tenant("umbrella")));
    let error = Client::untracked(both).await.err().unwrap();
    assert!(
        matches!(error.kind(), ErrorKind::FailedFairings(_)),
        "{error}"
    );
}

/// The class of networks that the application put with a request is noted with the use, of a header and of a cookie.
#[tokio::test]
async fn network_of_a_request_is_noted() {
    let site = site().await;
    let alice = Subject::new("", "alice").unwrap();
    let access = site.access.issue(&New::of(&alice)).await.unwrap();
    let session = site.sessions.issue(&New::of(&alice)).await.unwrap();
    let bearer = format!("Bearer {}", access.token.expose_secret());
    let cookie = format!("{SESSION_COOKIE}={}", session.token.expose_secret());
    for (path, header, value) in [
        ("/who", "authorization", bearer),
        ("/mine", "cookie", cookie),
    ] {
        let request = site.client.get(path).header(Header::new(header, value));
        let request = request.header(Header::new("x-office", "office"));
        assert_eq!(request.dispatch().await.status().code, 200);
    }
    let listed = site.access.list(&alice).await.unwrap();
    assert_eq!(listed[0].used_from(), Some("office"));
    let listed = site.sessions.list(&alice).await.unwrap();
    assert_eq!(listed[0].used_from(), Some("office"));
}

/// The adapter of tokens is one file that is read in a sitting.
#[test]
fn adapter_has_at_most_150_lines() {
    let lines = include_str!("../src/lib.rs").lines().count();
    assert!(lines <= 150, "{lines}");
}
