//! The middleware and the extractors, in an application.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use std::sync::Arc;

use actix_web::{
    App, HttpMessage as _,
    dev::{Service, ServiceResponse},
    http::{StatusCode, header::HeaderMap},
    middleware::from_fn,
    test,
    web::{self, Data, ServiceConfig},
};
use bearer_actix::{Authenticated, Authorized, Network, SESSION_COOKIE, Session, guard};
use ott_bearer::{
    Bearers, Door, Kind, Needs, New, NoScope,
    token_store::{
        MemoryStore, Tokens,
        ott_core::{KeyRing, Purpose, Subject},
    },
};

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
    door: Data<Door<Mail>>,
}

fn site() -> Site {
    let keys = KeyRing::generate().unwrap();
    let tokens = Tokens::builder(keys, MemoryStore::new()).policy(KIND.policy());
    let tokens: Arc<Tokens> = tokens.build().unwrap().shared();
    let bearers = Bearers::new(&tokens, KIND).unwrap();
    let door = Data::new(Door::new(bearers.clone(), "Example"));
    Site { bearers, door }
}

fn routes(config: &mut ServiceConfig) {
    let behind = web::scope("")
        .wrap(from_fn(guard::<Mail>))
        .route("/open-inside", web::get().to(async || "behind"))
        .route("/who-inside", web::get().to(who));
    config
        .route("/who", web::get().to(who))
        .route("/send", web::get().to(send))
        .service(behind);
}

async fn ask(site: &Site, path: &str, headers: &[&str]) -> (StatusCode, HeaderMap) {
    let app = App::new().app_data(site.door.clone()).configure(routes);
    let app = test::init_service(app).await;
    let mut request = test::TestRequest::get().uri(path);
    for header in headers {
        request = request.append_header(("authorization", *header));
    }
    let response = match app.call(request.to_request()).await {
        Ok(response) => {
            ServiceResponse::map_into_boxed_body(response)
                .into_parts()
                .1
        }
        Err(error) => error.error_response(),
    };
    (response.status(), response.headers().clone())
}

/// Without a token nothing behind the middleware or an extractor is reached, and the answer says what is missing.
#[actix_web::test]
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
            let (answered, told) = ask(&site, path, headers).await;
            assert_eq!(answered.as_u16(), status, "{path} {headers:?}");
            assert_eq!(told.get("www-authenticate").unwrap(), challenge);
        }
    }
}

/// With a token each is reached that it is good for; a revoked one is refused from then on.
#[actix_web::test]
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
            ask(&site, path, &[&header]).await.0,
            StatusCode::OK,
            "{path}"
        );
    }
    let (answered, told) = ask(&site, "/send", &[&header]).await;
    assert_eq!(answered, StatusCode::FORBIDDEN);
    let challenge = r#"Bearer realm="Example", error="insufficient_scope", scope="mail:send""#;
    assert_eq!(told.get("www-authenticate").unwrap(), challenge);
    let sender = site
        .bearers
        .issue(&New::of(&alice).scope(Mail::Send))
        .await
        .unwrap();
    let sends = format!("Bearer {}", sender.token.expose_secret());
    assert_eq!(ask(&site, "/send", &[&sends]).await.0, StatusCode::OK);
    site.bearers
        .revoke(&alice, issued.facts.id())
        .await
        .unwrap();
    for path in ["/who", "/open-inside", "/who-inside"] {
        assert_eq!(
            ask(&site, path, &[&header]).await.0,
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

async fn text_of(bearers: &Bearers<NoScope>, alice: &Subject) -> String {
    let issued = bearers.issue(&New::of(alice)).await.unwrap();
    issued.token.expose_secret().to_owned()
}

async fn owner(Authenticated(bearer): Authenticated<NoScope>) -> String {
    bearer.subject().id().into()
}

async fn mine(Session(session): Session) -> String {
    session.subject().id().into()
}

/// What one door let in is nothing for an extractor of another door, of another kind or tenant, with the same scopes.
#[actix_web::test]
async fn token_of_another_door_is_refused() {
    let [sessions, keys] = two_kinds();
    let alice = Subject::new("", "alice").unwrap();
    let (session, key) = (
        text_of(&sessions, &alice).await,
        text_of(&keys, &alice).await,
    );
    let outer = Data::new(Door::new(sessions, "Outer"));
    let other_tenant = Door::clone(&outer).tenant("umbrella");
    for (inner, text, status) in [
        (outer.clone(), &session, 200),
        (Data::new(Door::new(keys, "Inner")), &session, 401),
        (Data::new(other_tenant), &session, 401),
        (outer.clone(), &key, 401),
    ] {
        let routes = web::scope("/inner")
            .app_data(inner)
            .route("", web::get().to(owner));
        let guarded = web::scope("")
            .wrap(from_fn(guard::<NoScope>))
            .service(routes);
        let app = test::init_service(App::new().app_data(outer.clone()).service(guarded)).await;
        let request = test::TestRequest::get().uri("/inner");
        let request = request.append_header(("authorization", format!("Bearer {text}")));
        let answered = match app.call(request.to_request()).await {
            Ok(response) => response.status(),
            Err(error) => error.error_response().status(),
        };
        assert_eq!(answered.as_u16(), status);
    }
}

/// The class of networks that the application put with a request is noted with the use, of a header and of a cookie.
#[actix_web::test]
async fn network_of_a_request_is_noted() {
    let [sessions, keys] = two_kinds();
    let alice = Subject::new("", "alice").unwrap();
    let (session, key) = (
        text_of(&sessions, &alice).await,
        text_of(&keys, &alice).await,
    );
    for (bearers, path, header, value) in [
        (keys, "/owner", "authorization", format!("Bearer {key}")),
        (
            sessions,
            "/mine",
            "cookie",
            format!("{SESSION_COOKIE}={session}"),
        ),
    ] {
        let app = App::new()
            .app_data(Data::new(Door::new(bearers.clone(), "Example")))
            .wrap_fn(|request, next| {
                let office = Network("office".into());
                request.extensions_mut().insert(office);
                next.call(request)
            })
            .route("/owner", web::get().to(owner))
            .route("/mine", web::get().to(mine));
        let app = test::init_service(app).await;
        let request = test::TestRequest::get().uri(path);
        let request = request.append_header((header, value)).to_request();
        assert_eq!(app.call(request).await.unwrap().status(), StatusCode::OK);
        let listed = bearers.list(&alice).await.unwrap();
        assert_eq!(listed[0].used_from(), Some("office"), "{header}");
    }
}

/// The adapter of tokens is one file that is read in a sitting.
#[actix_web::test]
async fn adapter_has_at_most_150_lines() {
    let lines = include_str!("../src/lib.rs").lines().count();
    assert!(lines <= 150, "{lines}");
}
