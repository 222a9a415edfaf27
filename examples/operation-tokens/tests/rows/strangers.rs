//! What somebody outside learns, and what they reach.

use contract_server::testing::Request;
use serde_json::json;

use crate::support::{EMAIL, PHONE, Site, user, with};

/// A recovery answers alike, byte for byte, for an account and for nobody, and sends nothing for nobody.
#[test]
fn known_and_unknown_are_answered_alike() {
    let users = [
        user("alice", 1),
        user("bob", 2),
        with("carol", 3, &json!({"phone": null})),
    ];
    let site = Site::of(&users, &json!({}));
    let mut all = Vec::new();
    for name in ["alice", "nobody", "carol"] {
        let key = format!("{name}@example.org");
        let mut answers = Vec::new();
        let mut told = |response: contract_server::testing::Response, id: &str| {
            let mut headers = response.headers.clone();
            headers.retain(|(name, _)| name != "date");
            let text = String::from_utf8(response.body)
                .unwrap()
                .replace(&key, "KEY")
                .replace(id, "ID");
            headers.retain(|(name, _)| name != "content-length");
            answers.push((response.status, headers, text));
        };
        for kind in [EMAIL, PHONE] {
            let id = site.process("password/recovery", &json!({"userKey": key}));
            told(
                site.post(
                    "token/password/recovery",
                    &json!({"processingId": id, "destination": kind}),
                ),
                &id,
            );
            for _ in 0..6 {
                let body = json!({"processingId": id, "oneTimeToken": "not a token", "newPassword": "long enough"});
                told(site.post("password/recovery/verification", &body), &id);
            }
            let id = site.process(
                "userKeys/recovery",
                &json!({"userKey": key, "keyType": kind}),
            );
            told(
                site.post(
                    "token/userKeys/recovery/verification",
                    &json!({"processingId": id}),
                ),
                &id,
            );
            told(
                site.post(
                    "userKeys/recovery/verification",
                    &json!({"processingId": id, "oneTimeToken": "123"}),
                ),
                &id,
            );
        }
        all.push(answers);
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
    let sent = site.wait_for(4);
    let to_nobody = sent
        .iter()
        .filter(|sent| sent["to"].as_str().unwrap().contains("nobody"));
    assert_eq!(to_nobody.count(), 0);
}

/// A mail is the same whatever the request says about hosts, its token aside.
#[test]
fn mail_is_the_same_under_poisoned_hosts() {
    let site = Site::start();
    let mut texts = Vec::new();
    for (name, value) in [
        ("x-nothing", "x"),
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
        ("x-original-url", "https://evil.example/"),
    ] {
        let path = "/api/v1/token/password/changing";
        let bob = if name == "x-nothing" { "alice" } else { "bob" };
        let bearer = format!("Bearer {bob}-bearer");
        let request = Request::new("POST", path)
            .header("authorization", &bearer)
            .header("content-length", "0");
        let request = request.header(name, value);
        if name == "host" {
            let bytes = format!(
                "POST http://user@evil.example:99{path} HTTP/1.1\r\nhost: evil.example\r\nauthorization: {bearer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let (_, mail) = site.mail(|| site.bytes(bytes.as_bytes()));
            texts.push(mail.text.replace(&mail.token, "TOKEN"));
            continue;
        }
        let (_, mail) = site.mail(|| site.send(&request));
        texts.push(mail.text.replace(&mail.token, "TOKEN"));
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(!texts[0].contains("evil"));
}

/// A key in the request that is no single text, or a twin of a stored one, reaches nobody's mailbox.
#[test]
fn mail_goes_to_a_stored_key_or_nowhere() {
    let site = Site::start();
    for key in [
        json!(["alice@example.org", "mallory@example.com"]),
        json!({"0": "alice@example.org"}),
        json!(7),
    ] {
        let response = site.post("password/recovery", &json!({"userKey": key}));
        crate::support::refused(&response, 400);
    }
    for twin in [
        "Alice@example.org",
        "alice+x@example.org",
        "аlice@example.org",
        "alice@example.com",
    ] {
        let id = site.process("password/recovery", &json!({"userKey": twin}));
        let wanted = json!({"processingId": id, "destination": EMAIL});
        assert_eq!(site.post("token/password/recovery", &wanted).status, 200);
    }
    site.nothing_more(0);
}
