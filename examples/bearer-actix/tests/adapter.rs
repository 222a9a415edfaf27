//! The middleware and the extractors, in an application.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use std::sync::Arc;

use actix_web::{
    App,
    dev::{Service, ServiceResponse},
    http::{StatusCode, header::HeaderMap},
    middleware::from_fn,
    test,
    web::{self, Data, ServiceConfig},
};
use bearer_actix::{Authenticated, Authorized, guard};
use ott_bearer::{
    Bearers, Door, Kind, Needs, New,
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
