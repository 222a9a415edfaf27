//! The errors of these crates as responses of actix-web.

#![expect(
    clippy::unwrap_used,
    reason = "what panics here fails its test, and says why"
)]

use actix_web::{
    App,
    body::to_bytes,
    test::{TestRequest, call_service, init_service},
    web::{Data, get},
};
use bearer_actix::{Answered, Rejection};
use ott_bearer::{Bearers, Door, Kind, NoScope};
use testing::{
    Traced,
    answers::{ERRORS, LATER, door_that_is_down, fail, is_outage},
};
use token_store::{
    MemoryStore, Tokens,
    ott_core::{KeyRing, Purpose},
};

async fn page(name: Data<&'static str>) -> Result<&'static str, Answered> {
    fail::<Answered>(&name)?;
    Ok("no error")
}

async fn door() -> Result<&'static str, Answered> {
    let kind = Kind::session(Purpose::new("session"));
    let tokens = Tokens::builder(KeyRing::generate().unwrap(), MemoryStore::new());
    let tokens = tokens.policy(kind.policy()).build().unwrap().shared();
    let door = Door::<NoScope>::new(Bearers::new(&tokens, kind).unwrap(), "Example");
    door.admit([]).await.map_err(Rejection)?;
    Ok("nobody gets here")
}

struct Headers {
    later: Option<String>,
    challenge: Option<String>,
}

async fn ask(path: &str, name: &'static str) -> (u16, Headers, String) {
    let app = App::new().app_data(Data::new(name));
    let app = app
        .route("/", get().to(page))
        .route("/door", get().to(door));
    let request = TestRequest::get().uri(path).to_request();
    let response = call_service(&init_service(app).await, request).await;
    let header = |name| {
        let value = response.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    let headers = Headers {
        later: header("retry-after"),
        challenge: header("www-authenticate"),
    };
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body()).await.unwrap_or_default();
    (status, headers, String::from_utf8(body.to_vec()).unwrap())
}

/// `?` takes each error of these crates: its status, when to come back, and nothing that says why. A mistake in the program
/// and an outage are recorded instead, with their cause.
#[actix_web::test]
async fn errors_end_a_handler() {
    let (traced, _guard) = Traced::here();
    for (name, status, recorded) in ERRORS {
        let (told, headers, body) = ask("/", name).await;
        assert_eq!((told, body.as_str()), (status, ""), "{name}");
        assert_eq!(
            headers.later.as_deref(),
            (status == 429).then_some(LATER),
            "{name}"
        );
        let lines = traced.take();
        assert_eq!(
            lines.len(),
            usize::from(recorded.is_some()),
            "{name}: {lines:?}"
        );
        for ((_, line), end) in lines.iter().zip(recorded) {
            let end = format!("{end}\"");
            assert!(
                line.starts_with(&format!("status={status} ")) && line.ends_with(&end),
                "{line}"
            );
        }
    }
}

/// What a door of bearer tokens says keeps its challenge.
#[actix_web::test]
async fn rejection_keeps_its_challenge() {
    let (told, headers, body) = ask("/door", "").await;
    assert_eq!((told, body.as_str()), (401, ""));
    assert_eq!(
        headers.challenge.as_deref(),
        Some("Bearer realm=\"Example\"")
    );
}

/// What keeps a door from answering is recorded, with its cause: the client learns nothing of it.
#[actix_web::test]
async fn outage_of_a_door_is_recorded() {
    let (down, header) = door_that_is_down().await;
    let (traced, _guard) = Traced::here();
    let refused = down.admit([header.as_bytes()]).await.unwrap_err();
    assert_eq!(refused.status(), 503);
    let recorded = traced.take();
    assert!(is_outage(&recorded), "{recorded:?}");
}
