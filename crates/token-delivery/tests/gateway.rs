//! SMS and voice over a gateway that answers in every way that gateways do.

use core::time::Duration;
use std::{collections::BTreeSet, time::Instant};

use serde_json::Value;
use token_delivery::{
    Delivery as _, DeliveryError, Gateway, GatewayBuilder, GatewayConfigError, Message, Receipt,
    ReceiptOutcome, ReceiptRule,
    ott_core::{Destination, Token},
};

use crate::{
    gateway::{Say, Server},
    words::{SIGN_IN, alice, everything, templates, token},
};

#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/words.rs"]
mod words;

const BODY: &str = r#"{"to": "{to}", "from": "Example", "text": "{text}"}"#;

fn builder(server: &Server) -> GatewayBuilder {
    Gateway::builder(server.url("/v1/messages?to={number}&key={id}"), templates())
        .json(BODY)
        .header("authorization", "Bearer the-operators-key")
        .idempotency_header("idempotency-key")
        .tries(3, Duration::from_millis(1))
        .patience(Duration::from_secs(20))
}

fn phone() -> Destination {
    Destination::phone("+4915112345678").expect("a number")
}

async fn send(builder: GatewayBuilder, token: &Token) -> Result<Option<String>, DeliveryError> {
    let gateway = builder.build().expect("a gateway");
    let sent = gateway
        .send(&Message::new(SIGN_IN.purpose(), &phone(), token))
        .await;
    sent.map(|taken| taken.reference)
}

/// Method, address, headers and body are as the templates say, and the answer names the message.
#[tokio::test]
async fn request_is_as_the_templates_say() {
    let server = Server::start([Say::body(202, r#"{"messages": [{"id": 4711}]}"#)]);
    let token = token();
    let sent = send(
        builder(&server).method("PUT").reference("/messages/0/id"),
        &token,
    )
    .await;
    assert_eq!(sent.expect("sent").as_deref(), Some("4711"));
    let [received] = server.received().try_into().expect("one request");
    let key = received.header("idempotency-key").expect("a key");
    assert_eq!(key.len(), 32);
    let line = format!("PUT /v1/messages?to=4915112345678&key={key} HTTP/1.1");
    assert_eq!(received.line, line);
    assert_eq!(
        received.header("authorization"),
        Some("Bearer the-operators-key")
    );
    assert_eq!(received.header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_str(&received.body).expect("JSON");
    let text = format!("Your code: {}\n", token.expose_secret());
    let expected = serde_json::json!({"to": "+4915112345678", "from": "Example", "text": text});
    assert_eq!(body, expected);

    let server = Server::start([Say::status(200)]);
    let form = builder(&server).form(&[("To", "{to}"), ("Body", "{text}")]);
    assert_eq!(send(form, &token).await.expect("sent"), None);
    let received = server.received().remove(0);
    let kind = received.header("content-type");
    assert_eq!(kind, Some("application/x-www-form-urlencoded"));
    let code = token.expose_secret();
    let text = format!("To=%2B4915112345678&Body=Your%20code%3A%20{code}%0A");
    assert_eq!(received.body, text);
}

/// What was left open is repeated with the same code and the same key; another message has another key.
#[tokio::test]
async fn open_tries_repeat_code_and_key() {
    for open in [
        Say::Drop,
        Say::Hang,
        Say::Garbage,
        Say::status(500),
        Say::status(502),
        Say::status(429),
        Say::status(503),
    ] {
        let server = Server::start([open.clone(), open.clone(), Say::status(200)]);
        send(builder(&server).patience(Duration::from_secs(1)), &token())
            .await
            .expect("the third is taken");
        let received = server.received();
        assert_eq!(received.len(), 3, "{open:?}");
        let same: BTreeSet<_> = received
            .iter()
            .map(|one| {
                (
                    one.line.clone(),
                    one.body.clone(),
                    one.header("idempotency-key"),
                )
            })
            .collect();
        assert_eq!(same.len(), 1, "{open:?}");
    }
    let server = Server::start([Say::status(200)]);
    let token = token();
    for _ in 0..2 {
        send(builder(&server), &token).await.expect("taken");
    }
    let received = server.received();
    let keys: BTreeSet<_> = received
        .iter()
        .map(|one| one.header("idempotency-key"))
        .collect();
    assert_eq!(keys.len(), 2);
}

/// Without a key, only what the gateway did not take is repeated: the rest could be sent, and paid, twice.
#[tokio::test]
async fn open_try_without_a_key_stays_one() {
    let without = |server: &Server| {
        Gateway::builder(server.url("/"), templates())
            .json(BODY)
            .tries(3, Duration::from_millis(1))
            .patience(Duration::from_secs(1))
    };
    for (say, tries) in [
        (Say::Drop, 1),
        (Say::Hang, 1),
        (Say::status(500), 1),
        (Say::status(408), 1),
        (Say::status(429), 3),
        (Say::status(503), 3),
    ] {
        let server = Server::start([say.clone()]);
        let error = send(without(&server), &token())
            .await
            .expect_err("never taken");
        assert!(
            matches!(error, DeliveryError::Unavailable(_)),
            "{say:?}: {error:?}"
        );
        assert_eq!(server.received().len(), tries, "{say:?}");
    }
}

/// A refusal and a mistake of the operator's are told apart, and neither is repeated.
#[tokio::test]
async fn refusals_are_not_repeated() {
    for status in [
        400, 402, 404, 409, 410, 413, 422, 451, 301, 302, 307, 401, 403, 405, 407, 411, 415,
    ] {
        let server = Server::start([Say::Answer(status, "location: /elsewhere\r\n", "{}".into())]);
        let error = send(builder(&server), &token()).await.expect_err("refused");
        let refused = matches!(error, DeliveryError::Refused(_));
        let misconfigured = matches!(error, DeliveryError::Misconfigured { .. });
        let operators = matches!(status, 300..=399 | 401 | 403 | 404 | 405 | 407 | 411 | 415);
        assert_eq!(
            (refused, misconfigured),
            (!operators, operators),
            "{status}"
        );
        assert_eq!(server.received().len(), 1, "{status}");
    }
}

/// A 2xx is a yes only where the body says so; one that says neither is open.
#[tokio::test]
async fn body_says_whether_it_was_taken() {
    let rule = |server: &Server| builder(server).taken_where("/result/0/status", &["0", "queued"]);
    for yes in [
        r#"{"result":[{"status":0}]}"#,
        r#"{"result":[{"status":"queued"}]}"#,
    ] {
        let server = Server::start([Say::body(200, yes)]);
        send(rule(&server), &token()).await.expect("taken");
    }
    let server = Server::start([Say::body(200, r#"{"result":[{"status":"4","error":"x"}]}"#)]);
    let error = send(rule(&server), &token()).await.expect_err("refused");
    assert!(matches!(error, DeliveryError::Refused(_)), "{error:?}");
    assert_eq!(server.received().len(), 1);
    let long = format!(
        r#"{{"result":[{{"status":0}}],"x":"{}"}}"#,
        "a".repeat(70_000)
    );
    for neither in [
        Say::body(200, ""),
        Say::body(200, "queued"),
        Say::body(200, "{}"),
        Say::body(200, "null"),
        Say::body(200, r#"{"result":[{"status":{"a":0}}]}"#),
        Say::body(200, "<html>"),
        Say::body(200, &long),
        Say::Cut,
    ] {
        let server = Server::start([neither.clone()]);
        let error = send(rule(&server), &token()).await.expect_err("open");
        assert!(matches!(error, DeliveryError::Unavailable(_)), "{error:?}");
        assert_eq!(server.received().len(), 3, "{neither:?}");
    }
}

/// `Retry-After` is waited for where it is short, and left to the caller where it is long.
#[tokio::test]
async fn gateway_says_how_long_to_wait() {
    let later = |seconds| Say::Answer(429, seconds, String::new());
    let server = Server::start([later("retry-after: 1\r\n"), Say::status(200)]);
    let began = Instant::now();
    send(builder(&server), &token()).await.expect("taken");
    assert!(began.elapsed() >= Duration::from_secs(1));
    let server = Server::start([later("retry-after: 3600\r\n"), Say::status(200)]);
    let error = send(builder(&server), &token())
        .await
        .expect_err("too long");
    assert!(matches!(error, DeliveryError::Unavailable(_)));
    assert_eq!(server.received().len(), 1);
}

/// No error holds the code, the number, the key or what the gateway said.
#[tokio::test]
async fn errors_hold_nothing_of_the_message() {
    let token = token();
    let echo = format!(
        "no: {} +4915112345678 the-operators-key",
        token.expose_secret()
    );
    for say in [
        Say::body(400, &echo),
        Say::body(401, &echo),
        Say::body(500, &echo),
        Say::Drop,
        Say::Garbage,
    ] {
        let server = Server::start([say]);
        let error = send(builder(&server), &token).await.expect_err("not taken");
        let told = everything(&error);
        for secret in [token.expose_secret(), "4915112345678", "the-operators-key"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
    let server = Server::start([Say::status(200)]);
    let gateway = builder(&server);
    let described = format!("{gateway:?}");
    let told = format!("{described} {:?}", gateway.build());
    assert!(!told.contains("the-operators-key"), "{told}");
}

/// A voice is given the digits one by one.
#[tokio::test]
async fn voice_reads_symbols_apart() {
    let server = Server::start([Say::status(200)]);
    let token = token();
    send(builder(&server).spoken(), &token)
        .await
        .expect("taken");
    let body: Value = serde_json::from_str(&server.received().remove(0).body).expect("JSON");
    let apart: Vec<_> = token.expose_secret().chars().map(String::from).collect();
    assert_eq!(body["text"], format!("Your code: {}\n", apart.join(", ")));
}

/// It serves phones alone, and what has words.
#[tokio::test]
async fn gateway_serves_phones_alone() {
    let server = Server::start([Say::status(200)]);
    let (gateway, token, alice) = (
        builder(&server).build().expect("a gateway"),
        token(),
        alice(),
    );
    let sent = gateway
        .deliver(&Message::new(SIGN_IN.purpose(), &alice, &token))
        .await;
    assert!(matches!(sent, Err(DeliveryError::WrongChannel { .. })));
    assert!(gateway.sends(SIGN_IN.purpose()) && !gateway.sends_prompts(SIGN_IN.purpose()));
    assert!(server.received().is_empty());
}

/// What cannot work is an error before the first message.
#[test]
fn bad_descriptions_are_refused() {
    let of = |address: &str| Gateway::builder(address, templates()).json(BODY);
    let https = || of("https://sms.example.net/");
    let error = |builder: GatewayBuilder| builder.build().expect_err("refused");
    for address in [
        "http://sms.example.net/",
        "ftp://127.0.0.1/",
        "sms.example.net",
        "/",
        "",
        "https://",
        "http://127.0.0.1.example.net/",
    ] {
        assert!(
            matches!(error(of(address)), GatewayConfigError::Address),
            "{address}"
        );
    }
    for address in [
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "http://localhost:1/",
        "https://sms.example.net/{to}",
    ] {
        assert!(of(address).build().is_ok(), "{address}");
    }
    let text = error(of("https://sms.example.net/?text={text}"));
    assert!(matches!(text, GatewayConfigError::TextOutside));
    assert!(matches!(error(https().json("{")), GatewayConfigError::Body));
    assert!(matches!(
        error(Gateway::builder("https://a.example/", templates())),
        GatewayConfigError::Body
    ));
    let unknown = error(https().json(r#"{"a": "{text} {to} {token}"}"#));
    assert!(matches!(unknown, GatewayConfigError::Unknown(name) if name == "token"));
    assert!(matches!(
        error(https().json(r#"{"a": "{to}"}"#)),
        GatewayConfigError::Missing("text")
    ));
    assert!(matches!(
        error(https().form(&[("a", "{text}")])),
        GatewayConfigError::Missing("to")
    ));
    assert!(matches!(
        error(https().header("a b", "c")),
        GatewayConfigError::Http(_)
    ));
    assert!(matches!(
        error(https().header("a", "b\r\nc: d")),
        GatewayConfigError::Http(_)
    ));
    assert!(matches!(
        error(https().method("GE T")),
        GatewayConfigError::Http(_)
    ));
    assert!(matches!(
        error(https().authorities("none")),
        GatewayConfigError::Http(_)
    ));
}

/// A receipt says what became of which message; what is none is none.
#[test]
fn receipts_are_read() {
    let rule = ReceiptRule::new("/id", "/state")
        .delivered(&["delivered", "1"])
        .failed(&["failed"]);
    for (body, outcome) in [
        (
            r#"{"id":"a","state":"delivered"}"#,
            ReceiptOutcome::Delivered,
        ),
        (r#"{"id":"a","state":1}"#, ReceiptOutcome::Delivered),
        (r#"{"id":"a","state":"failed"}"#, ReceiptOutcome::Failed),
        (r#"{"id":"a","state":"sent"}"#, ReceiptOutcome::Underway),
    ] {
        let receipt = Receipt {
            reference: "a".into(),
            outcome,
        };
        assert_eq!(rule.read(body.as_bytes()), Some(receipt));
    }
    let (long, deep) = (
        format!(r#"{{"id":"{}","state":"x"}}"#, "a".repeat(256)),
        "[".repeat(10_000),
    );
    for bad in [
        "",
        "{}",
        "[]",
        r#"{"id":"a"}"#,
        r#"{"state":"failed"}"#,
        r#"{"id":{},"state":"failed"}"#,
        &long,
        &deep,
    ] {
        assert_eq!(rule.read(bad.as_bytes()), None, "{bad:.40}");
    }
    assert_eq!(rule.read(b"\xff"), None);
}
