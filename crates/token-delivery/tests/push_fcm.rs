//! Firebase Cloud Messaging, by a service that answers in every way that its vendor documents.

use core::time::Duration;
use std::{sync::Arc, time::Instant};

use ring::{
    rsa,
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use serde_json::{Value, json};
use token_delivery::{
    Delivery as _, DeliveryError, Fcm, Message, PushAddress, PushConfigError, PushOptions,
    ott_core::{Destination, chrono::TimeDelta},
};
use token_store::ManualClock;
use tokio_rustls::rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};

use crate::{
    gateway::{Received, Say, Server},
    push::{ID, Outcome, PATIENCE, PROMPT, START, options, outcome, parts, wake, words},
    words::{SIGN_IN, everything, token},
};

#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/push.rs"]
mod push;
#[path = "support/words.rs"]
#[expect(dead_code, reason = "no mail")]
mod words;

const KEY: &str = include_str!("keys/rsa.pem");
const DEVICE: &str = "cKq0:APA91b-the_device";

fn account(server: &Server) -> Value {
    json!({
        "type": "service_account",
        "project_id": "example-1234",
        "private_key_id": "key-1",
        "private_key": KEY,
        "client_email": "push@example-1234.iam.gserviceaccount.com",
        "token_uri": server.url("/token"),
    })
}

fn fcm_with(server: &Server, options: PushOptions) -> Fcm {
    let account = account(server).to_string();
    let options = options.address(server.url(""));
    Fcm::new(account.as_bytes(), words(), options).expect("set up")
}

fn fcm(server: &Server) -> (Arc<ManualClock>, Fcm) {
    let (clock, options) = options();
    (clock, fcm_with(server, options))
}

/// One that waits for a moment.
fn hasty(server: &Server) -> Fcm {
    fcm_with(server, options().1.patience(PATIENCE))
}

fn device() -> Destination {
    PushAddress::fcm(DEVICE).expect("a token").destination()
}

fn access(text: &str) -> Say {
    let answer = json!({"access_token": text, "expires_in": 3_600, "token_type": "Bearer"});
    Say::body(200, &answer.to_string())
}

/// An error of FCM's: status, its name, and the code in its details.
fn error(status: u16, name: &str, code: Option<&str>) -> Say {
    Say::body(status, &error_body(status, name, code))
}

fn error_body(status: u16, name: &str, code: Option<&str>) -> String {
    let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
    let details = code.map(|code| json!([{"@type": kind, "errorCode": code}]));
    let message = format!("no such {DEVICE}");
    let error = json!({"code": status, "message": message, "status": name, "details": details});
    json!({"error": error}).to_string()
}

fn is_token(received: &Received) -> bool {
    received.line.starts_with("POST /token ")
}

fn sent() -> Say {
    Say::body(200, r#"{"name":"projects/example-1234/messages/1"}"#)
}

/// The request for an access token is signed by the account's key, the push has it, and the payload has the prompt's id
/// and the words alone.
#[tokio::test]
async fn push_is_as_google_says() {
    let server = Server::start([access("ya29.first"), sent()]);
    let (_, fcm) = fcm(&server);
    wake(&fcm, &device()).await.expect("sent");
    let [asked, pushed] = server.received().try_into().expect("two requests");
    assert_eq!(asked.line, "POST /token HTTP/1.1");
    let form = "application/x-www-form-urlencoded";
    assert_eq!(asked.header("content-type"), Some(form));
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let assertion = asked.body.strip_prefix(grant).expect("the grant");
    let (header, claims, signed, signature) = parts(assertion);
    assert_eq!(
        header,
        json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"})
    );
    let expected = json!({
        "iss": "push@example-1234.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": server.url("/token"),
        "iat": START,
        "exp": START + 3_600,
    });
    assert_eq!(claims, expected);
    let key = PrivatePkcs8KeyDer::from_pem_slice(KEY.as_bytes()).expect("a key");
    let key = rsa::KeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("a key");
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
        .verify(signed.as_bytes(), &signature)
        .expect("the account's signature");

    assert_eq!(
        pushed.line,
        "POST /v1/projects/example-1234/messages:send HTTP/1.1"
    );
    assert_eq!(pushed.header("authorization"), Some("Bearer ya29.first"));
    assert_eq!(pushed.header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_str(&pushed.body).expect("JSON");
    let expected = json!({"message": {
        "token": DEVICE,
        "notification": {"title": "Sign in to Example?", "body": "Open the app."},
        "data": {"prompt": ID},
        "android": {"priority": "HIGH", "ttl": "600s", "notification": {"tag": ID}},
    }});
    assert_eq!(body, expected);
}

/// Each code that is documented: what becomes of the device, of the set-up and of the push, and how often it is tried.
#[tokio::test]
async fn documented_errors_have_their_meaning() {
    use Outcome::{Misconfigured, Refused, Unavailable, Unregistered};
    for (status, name, code, meaning, tries) in [
        (
            400,
            "INVALID_ARGUMENT",
            Some("INVALID_ARGUMENT"),
            Refused,
            1,
        ),
        (404, "NOT_FOUND", Some("UNREGISTERED"), Unregistered, 1),
        (
            403,
            "PERMISSION_DENIED",
            Some("SENDER_ID_MISMATCH"),
            Misconfigured,
            1,
        ),
        (
            429,
            "RESOURCE_EXHAUSTED",
            Some("QUOTA_EXCEEDED"),
            Unavailable,
            1,
        ),
        (503, "UNAVAILABLE", Some("UNAVAILABLE"), Unavailable, 3),
        (500, "INTERNAL", Some("INTERNAL"), Unavailable, 3),
        (
            401,
            "UNAUTHENTICATED",
            Some("THIRD_PARTY_AUTH_ERROR"),
            Misconfigured,
            1,
        ),
        (
            400,
            "INVALID_ARGUMENT",
            Some("UNSPECIFIED_ERROR"),
            Refused,
            1,
        ),
        // Without a code: the project is none, the account may not, the API is off.
        (404, "NOT_FOUND", None, Misconfigured, 1),
        (403, "PERMISSION_DENIED", None, Misconfigured, 1),
        (401, "UNAUTHENTICATED", None, Misconfigured, 1),
        (400, "INVALID_ARGUMENT", None, Refused, 1),
        (502, "", None, Unavailable, 3),
        (307, "", None, Misconfigured, 1),
    ] {
        let server = Server::start([access("ya29"), error(status, name, code)]);
        let (_, fcm) = fcm(&server);
        let result = wake(&fcm, &device()).await;
        assert_eq!(outcome(&result), meaning, "{status} {code:?}");
        let received = server.received();
        assert_eq!(received.len(), tries + 1, "{status} {code:?}");
        assert_eq!(received.iter().filter(|one| is_token(one)).count(), 1);
        // Of what the service said, the reason stays, and never its words.
        let told = everything(&result.expect_err("refused"));
        assert!(!told.contains("APA91b") && !told.contains("ya29"), "{told}");
        assert!(code.is_none_or(|code| told.contains(code)), "{told}");
    }
}

/// An access token is kept, exchanged five minutes before its end, and by one of many at once.
#[tokio::test]
async fn access_token_is_kept_until_its_end_nears() {
    let server = Server::start([
        access("ya29.first"),
        sent(),
        sent(),
        access("ya29.second"),
        sent(),
    ]);
    let (clock, fcm) = fcm(&server);
    let device = device();
    wake(&fcm, &device).await.expect("sent");
    clock.advance(TimeDelta::minutes(55) - TimeDelta::seconds(1));
    wake(&fcm, &device).await.expect("sent");
    clock.advance(TimeDelta::seconds(1));
    let all = core::array::from_fn::<_, 8, _>(|_| wake(&fcm, &device));
    for sent in join(all).await {
        sent.expect("sent");
    }
    let received = server.received();
    assert_eq!(received.iter().filter(|one| is_token(one)).count(), 2);
    let tokens: Vec<_> = received
        .iter()
        .filter_map(|one| one.header("authorization"))
        .collect();
    assert_eq!(
        &tokens[..3],
        [
            "Bearer ya29.first",
            "Bearer ya29.first",
            "Bearer ya29.second"
        ]
    );
    assert!(
        tokens[2..]
            .iter()
            .all(|token| *token == "Bearer ya29.second")
    );
    assert_eq!(tokens.len(), 10);
}

/// An access token that ends soon is kept for half of its time, and not exchanged for each push.
#[tokio::test]
async fn short_access_token_is_kept_too() {
    let short = r#"{"access_token":"ya29","expires_in":60}"#;
    let server = Server::start([
        Say::body(200, short),
        sent(),
        sent(),
        Say::body(200, short),
        sent(),
    ]);
    let (clock, fcm) = fcm(&server);
    for seconds in [0, 29, 1] {
        clock.advance(TimeDelta::seconds(seconds));
        wake(&fcm, &device()).await.expect("sent");
    }
    assert_eq!(
        server.received().iter().filter(|one| is_token(one)).count(),
        2
    );
}

async fn join<F: Future<Output = Result<(), DeliveryError>>>(
    all: [F; 8],
) -> Vec<Result<(), DeliveryError>> {
    let mut all = all.map(|one| (Box::pin(one), None));
    core::future::poll_fn(|context| {
        for (one, done) in &mut all {
            if done.is_none()
                && let core::task::Poll::Ready(result) = one.as_mut().poll(context)
            {
                *done = Some(result);
            }
        }
        match all.iter().all(|(_, done)| done.is_some()) {
            true => core::task::Poll::Ready(()),
            false => core::task::Poll::Pending,
        }
    })
    .await;
    all.into_iter().filter_map(|(_, done)| done).collect()
}

/// A refused access token is exchanged once more, where it is not quite new: not without end.
#[tokio::test]
async fn refused_access_token_is_exchanged_once() {
    let refused = || error(401, "UNAUTHENTICATED", None);
    let server = Server::start([
        access("ya29.first"),
        sent(),
        refused(),
        access("ya29.second"),
        sent(),
    ]);
    let (clock, fcm_1) = fcm(&server);
    wake(&fcm_1, &device()).await.expect("sent");
    clock.advance(TimeDelta::minutes(1));
    wake(&fcm_1, &device())
        .await
        .expect("sent with another one");
    let received = server.received();
    let last = received.last().and_then(|one| one.header("authorization"));
    assert_eq!((received.len(), last), (5, Some("Bearer ya29.second")));

    let server = Server::start([
        access("ya29.first"),
        sent(),
        refused(),
        access("ya29.second"),
        refused(),
    ]);
    let (clock, fcm_2) = fcm(&server);
    wake(&fcm_2, &device()).await.expect("sent");
    clock.advance(TimeDelta::minutes(1));
    let result = wake(&fcm_2, &device()).await;
    assert_eq!(outcome(&result), Outcome::Misconfigured);
    assert_eq!(server.received().len(), 5);
}

/// Without an access token nothing is pushed; whose fault that is says the status. Many who wait for one that fails wait
/// once.
#[tokio::test]
async fn push_without_an_access_token_is_not_sent() {
    use Outcome::{Misconfigured, Unavailable};
    for (say, meaning) in [
        (
            Say::body(400, r#"{"error":"invalid_grant"}"#),
            Misconfigured,
        ),
        (Say::status(401), Misconfigured),
        (Say::status(403), Misconfigured),
        (Say::status(429), Unavailable),
        (Say::status(500), Unavailable),
        (Say::body(200, "{}"), Unavailable),
        (Say::body(200, "<html>"), Unavailable),
        (
            Say::body(200, r#"{"access_token":"a b","expires_in":3600}"#),
            Unavailable,
        ),
        (
            Say::body(
                200,
                r#"{"access_token":"a","expires_in":9223372036854775807}"#,
            ),
            Unavailable,
        ),
        (Say::body(200, r#"{"access_token":"a"}"#), Unavailable),
        (Say::Cut, Unavailable),
        (Say::Drop, Unavailable),
        (Say::Garbage, Unavailable),
    ] {
        let server = Server::start([say.clone()]);
        let (_, fcm) = fcm(&server);
        let result = wake(&fcm, &device()).await;
        assert_eq!(outcome(&result), meaning, "{say:?}");
        assert!(server.received().iter().all(is_token), "{say:?}");
    }
    let server = Server::start([Say::Hang]);
    let fcm = hasty(&server);
    let (device, began) = (device(), Instant::now());
    let all = core::array::from_fn::<_, 8, _>(|_| wake(&fcm, &device));
    for sent in join(all).await {
        assert_eq!(outcome(&sent), Outcome::Unavailable);
    }
    assert!(began.elapsed() < PATIENCE * 3, "{:?}", began.elapsed());
    assert_eq!(server.received().len(), 1);
}

/// A service that refuses, hangs, drops, answers half, late or twice costs as many tries as are set and no more; the first
/// answer counts.
#[tokio::test]
async fn unreliable_service_is_tried_again() {
    for say in [
        Say::Drop,
        Say::Garbage,
        Say::Hang,
        Say::Late(PATIENCE * 2, 200),
    ] {
        let server = Server::start([access("ya29"), say.clone(), sent()]);
        let fcm = hasty(&server);
        wake(&fcm, &device()).await.expect("the second is taken");
        let received = server.received();
        assert_eq!(received.len(), 3, "{say:?}");
        assert_eq!(received[1].body, received[2].body, "{say:?}");
    }
    for (say, meaning) in [
        (Say::Cut, Outcome::Sent),
        (Say::Late(PATIENCE / 3, 200), Outcome::Sent),
        (Say::Twice(200, 500), Outcome::Sent),
        (Say::Twice(400, 200), Outcome::Refused),
    ] {
        let server = Server::start([access("ya29"), say.clone()]);
        let fcm = hasty(&server);
        assert_eq!(outcome(&wake(&fcm, &device()).await), meaning, "{say:?}");
        assert_eq!(server.received().len(), 2, "{say:?}");
    }
    let closed = {
        let server = Server::start([sent()]);
        hasty(&server)
    };
    let refused = wake(&closed, &device()).await;
    assert_eq!(outcome(&refused), Outcome::Unavailable);
}

/// A short wait is waited for. A long one is left to the caller, and until it is over the service is left alone: all of
/// it after 503, one device after 429.
#[tokio::test]
async fn service_is_left_alone_as_it_asks() {
    let later = |status, wait| {
        let name = if status == 429 {
            "RESOURCE_EXHAUSTED"
        } else {
            "UNAVAILABLE"
        };
        Say::Answer(status, wait, error_body(status, name, None))
    };
    let server = Server::start([access("ya29"), later(503, "retry-after: 1\r\n"), sent()]);
    let (_, short) = fcm(&server);
    let began = Instant::now();
    wake(&short, &device()).await.expect("sent");
    assert!(began.elapsed() >= Duration::from_secs(1));

    let other = PushAddress::fcm("another").expect("a token").destination();
    for (status, reaches_another) in [(503, Outcome::Unavailable), (429, Outcome::Sent)] {
        let server = Server::start([
            access("ya29"),
            later(status, "retry-after: 120\r\n"),
            sent(),
        ]);
        let (_, fcm) = fcm(&server);
        for _ in 0..2 {
            assert_eq!(outcome(&wake(&fcm, &device()).await), Outcome::Unavailable);
            assert_eq!(server.received().len(), 2, "{status}");
        }
        assert_eq!(
            outcome(&wake(&fcm, &other).await),
            reaches_another,
            "{status}"
        );
    }
    // Where none is named, a quota is waited for as long as the vendor asks.
    let server = Server::start([access("ya29"), later(429, ""), sent()]);
    let (_, fcm) = fcm(&server);
    for _ in 0..2 {
        assert_eq!(outcome(&wake(&fcm, &device()).await), Outcome::Unavailable);
    }
    assert_eq!(server.received().len(), 2);
}

/// No token, and nothing for another channel or service, goes out.
#[tokio::test]
async fn push_carries_prompts_alone() {
    let server = Server::start([access("ya29"), sent()]);
    let (_, fcm) = fcm(&server);
    let (device, token) = (device(), token());
    let sent = fcm
        .deliver(&Message::new(SIGN_IN.purpose(), &device, &token))
        .await;
    assert!(
        matches!(sent, Err(DeliveryError::Unsendable { .. })),
        "{sent:?}"
    );
    for other in [
        format!("apns:{}", "ab".repeat(32)),
        "phone".into(),
        "fcm:a b".into(),
    ] {
        let other = Destination::device(other).expect("a device");
        let sent = wake(&fcm, &other).await;
        assert!(
            matches!(sent, Err(DeliveryError::Unsendable { .. })),
            "{sent:?}"
        );
    }
    let mail = Destination::email("alice@example.org").expect("an address");
    let sent = wake(&fcm, &mail).await;
    assert!(
        matches!(sent, Err(DeliveryError::WrongChannel { .. })),
        "{sent:?}"
    );
    assert!(fcm.sends_prompts(PROMPT.purpose()) && !fcm.sends(PROMPT.purpose()));
    assert!(server.received().is_empty());
}

/// A key file that lacks something, or would send its key elsewhere in clear, is an error before the first push.
#[test]
fn bad_key_files_are_refused() {
    let server = Server::start([sent()]);
    let of = |account: &Value| {
        let account = account.to_string();
        Fcm::new(account.as_bytes(), words(), PushOptions::default())
    };
    assert!(of(&account(&server)).is_ok());
    for name in ["project_id", "private_key", "client_email", "token_uri"] {
        let mut less = account(&server);
        less.as_object_mut().expect("an object").remove(name);
        let refused = of(&less).expect_err(name);
        assert!(matches!(refused, PushConfigError::Account(what) if what == name));
    }
    for (name, value) in [
        ("token_uri", "http://oauth2.example.org/token"),
        (
            "private_key",
            "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
        ),
        ("project_id", "a/../b"),
    ] {
        let mut other = account(&server);
        other[name] = value.into();
        let refused = of(&other).expect_err(name);
        let told = everything(&refused);
        assert!(!told.contains("AA=="), "{told}");
    }
    let http = PushOptions::default().address("http://fcm.example.org");
    let text = account(&server).to_string();
    let refused = Fcm::new(text.as_bytes(), words(), http);
    assert!(matches!(refused, Err(PushConfigError::Address)));
    let told = format!("{:?}", of(&account(&server)));
    assert!(
        !told.contains("PRIVATE") && !told.contains("push@"),
        "{told}"
    );
}
