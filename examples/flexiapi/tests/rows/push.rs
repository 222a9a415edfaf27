//! Rows 003-1 and 003-2: the parameters of a push, and what becomes of it.

use core::time::Duration;
use std::time::Instant;

use serde_json::{Value, json};

use crate::{
    gateway::{Answer, Gateway},
    support::{PUSH, RECOVER, Site, count, device, empty, invalid, is_alphanumeric, refused},
};

/// Each of the three parameters has its rule, and its words; both kinds of push have the same.
#[test]
fn push_parameters_have_their_rules() {
    let site = Site::start();
    let with = |field: &str, value: Value| {
        let mut body = device("id");
        body[field] = value;
        body
    };
    for path in [PUSH, RECOVER] {
        for (field, values, message) in [
            (
                "pn_provider",
                vec![
                    json!("FCM"),
                    json!("gcm"),
                    json!("apns.prod"),
                    json!(" fcm"),
                    json!("fcm\u{0}"),
                ],
                "The pn_provider should be in apns.dev, apns, fcm",
            ),
            (
                "pn_param",
                vec![
                    json!("a-b"),
                    json!("a b"),
                    json!("é"),
                    json!("a\n"),
                    json!("a:b"),
                ],
                "The pn_param should be null or contain only alphanumeric, dots and underscore characters",
            ),
            (
                "pn_prid",
                vec![
                    json!("a.b"),
                    json!("a b"),
                    json!("a\u{0}"),
                    json!("a\n"),
                    json!("a/b"),
                ],
                "The pn_prid should be null or contain only alphanumeric, dashes, underscore and colon characters",
            ),
        ] {
            for value in values {
                let response = site.post(path, &with(field, value));
                assert_eq!(invalid(&response, field), message);
                assert_eq!(response.json()["message"], message);
            }
            for value in [
                json!(7),
                json!(["fcm"]),
                json!({}),
                json!(true),
                json!("a".repeat(256)),
            ] {
                invalid(&site.post(path, &with(field, value)), field);
            }
        }
        for value in [json!(null), json!("")] {
            let response = site.post(path, &with("pn_provider", value));
            assert_eq!(
                invalid(&response, "pn_provider"),
                "The pn_provider field is required."
            );
        }
        let nothing = site.post(path, &json!({}));
        invalid(&nothing, "pn_provider");
        assert!(site.server.outbox().is_empty(), "nothing was sent");
        for (provider, param, prid) in [
            ("apns", json!("com.example_1.app"), json!("a-b_c:d")),
            ("apns.dev", json!(null), json!(null)),
            ("fcm", json!(""), json!("x".repeat(255))),
        ] {
            let body = json!({"pn_provider": provider, "pn_param": param, "pn_prid": prid});
            empty(&site.post(path, &body));
        }
        let sent = site.server.outbox();
        assert_eq!(sent.len(), 3);
        for line in sent {
            let token = line["token"].as_str().unwrap();
            assert!(is_alphanumeric(token, 13), "{line}");
            assert_eq!(line["channel"], "push");
            assert!(line["text"].as_str().unwrap().contains(token));
        }
        std::fs::write(site.server.folder().join("outbox"), "").unwrap();
    }
}

/// A push goes to the provider's address, as JSON, and into no outbox; what the device gets there works.
#[test]
fn push_goes_to_the_providers_address() {
    let gateway = Gateway::start(Answer::Status(204, ""));
    let site = Site::of(&json!({}), &json!({"apns.dev": gateway.url()}));
    let body = json!({"pn_provider": "apns.dev", "pn_param": "param", "pn_prid": "id"});
    empty(&site.post(PUSH, &body));
    assert!(site.server.outbox().is_empty());
    let received = gateway.received();
    let [(head, sent)] = received.as_slice() else {
        panic!("one push: {received:?}")
    };
    assert!(head.starts_with("POST /push?key=1 HTTP/1.1"), "{head}");
    assert!(
        head.to_lowercase()
            .contains("content-type: application/json"),
        "{head}"
    );
    let sent: Value = serde_json::from_str(sent).unwrap();
    let token = sent["payload"]["token"].as_str().unwrap();
    let whole = json!({
        "pn_provider": "apns.dev", "pn_param": "param", "pn_prid": "id", "payload": {"token": token},
    });
    assert_eq!(sent, whole);
    assert_eq!(site.consume("bob", token).status, 200);
    // Another provider has no address: the outbox is its own.
    empty(&site.post(PUSH, &device("id")));
    assert_eq!(site.server.outbox().len(), 1);
}

/// An address that refuses, hangs, drops, answers late or half: 503, in time, in one attempt, and nothing is kept.
#[test]
fn push_that_fails_keeps_nothing() {
    let gateway = Gateway::start(Answer::Drop);
    let closed = {
        let gone = Gateway::start(Answer::Drop);
        gone.url()
    };
    let settings = json!({"push_timeout_seconds": 1});
    let site = Site::of(&settings, &json!({"fcm": gateway.url(), "apns": closed}));
    let answers = [
        Answer::Drop,
        Answer::Hang,
        Answer::Half,
        Answer::Late(Duration::from_secs(3)),
        Answer::Status(500, ""),
        Answer::Status(404, "{}"),
        Answer::Status(302, ""),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        gateway.answers(answer);
        let began = Instant::now();
        let response = site.post(PUSH, &device("id"));
        refused(&response, 503, "Token not sent");
        assert!(began.elapsed() < Duration::from_millis(5_000), "{at}");
        assert_eq!(gateway.received().len(), at + 1, "one attempt");
    }
    let refusing = json!({"pn_provider": "apns", "pn_param": "param", "pn_prid": "id"});
    refused(&site.post(PUSH, &refusing), 503, "Token not sent");
    for (_, body) in gateway.received() {
        let body: Value = serde_json::from_str(&body).unwrap();
        let token = body["payload"]["token"].as_str().unwrap();
        assert_eq!(
            site.consume("bob", token).status,
            404,
            "what was not sent is worth nothing"
        );
    }
    // None of them counts against the device; an answer that comes twice is one.
    gateway.answers(Answer::Twice);
    empty(&site.post(PUSH, &device("id")));
    refused(
        &site.post(PUSH, &device("id")),
        403,
        "A similar token was already used",
    );
    assert!(site.server.outbox().is_empty());
}

/// Twenty requests for one device at once: one is sent. Where the push fails, all are told so at once.
#[test]
fn pushes_at_once_send_one() {
    let gateway = Gateway::start(Answer::Late(Duration::from_millis(100)));
    let settings = json!({"push_timeout_seconds": 1});
    let site = Site::of(&settings, &json!({"fcm": gateway.url()}));
    let ask = |prid: &'static str| site.at_once(20, |_| site.post(PUSH, &device(prid)).status);
    let statuses = ask("one");
    assert_eq!((count(&statuses, 200), count(&statuses, 403)), (1, 19));
    assert_eq!(gateway.received().len(), 1);
    gateway.answers(Answer::Hang);
    let began = Instant::now();
    let statuses = ask("two");
    assert_eq!(count(&statuses, 503), 20);
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}
