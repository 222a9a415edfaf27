//! The fairing and the guards, in an application.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use std::sync::Arc;

use bearer_rocket::{Authenticated, Authorized, BearerFairing, Rejection, SESSION_COOKIE, Session};
use ott_bearer::{
    Bearers, Door, Kind, Needs, New, NoScope,
    token_store::{
        MemoryStore, Tokens,
        ott_core::{KeyRing, Purpose, Subject},
    },
};
use rocket::{
    Build, Rocket, get,
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

const ACCESS: Kind = Kind::access_token(Purpose::new("access"), "exa_pat_");
const SESSION: Kind = Kind::session(Purpose::new("session"));

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
    let tokens = Tokens::builder(keys, MemoryStore::new()).policy(ACCESS.policy());
    let tokens: Arc<Tokens> = tokens.policy(SESSION.policy()).build().unwrap().shared();
    let access = Bearers::new(&tokens, ACCESS).unwrap();
    let sessions = Bearers::new(&tokens, SESSION).unwrap();
    let rocket = routes()
        .attach(BearerFairing(Door::new(access.clone(), "Example")))
        .attach(BearerFairing(Door::<NoScope>::new(
            sessions.clone(),
            "Example",
        )));
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
