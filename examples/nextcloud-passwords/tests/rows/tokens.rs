//! Codes by mail, and providers that there are not.

use serde_json::{Value, json};

use crate::support::{Site, Visitor, at_once, whole, with};

fn last_code(site: &Site) -> String {
    let sent = site.server.outbox();
    let last = sent.last().expect("a message");
    let code = last["token"].as_str().expect("a code").to_owned();
    let text = last["text"].as_str().expect("a text");
    assert!(text.contains(&code) && code.len() == 6);
    assert_eq!(
        (&last["channel"], &last["to"]),
        (&json!("email"), &json!("alice@example.org"))
    );
    code
}

fn ask(visitor: &mut Visitor) {
    let asked = visitor.get("token/email/request");
    let expected = json!({"success": true, "data": {}});
    assert_eq!((asked.status, asked.json()), (200, expected));
}

/// 000-3: the code is delivered, the answer holds nothing, and the code opens once.
#[test]
fn row_03_mail_code_opens_once() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    ask(&mut alice);
    let token = json!({"email": last_code(&site)});
    assert_eq!(
        alice.open(&json!({"email": "000000"})).status,
        401,
        "a wrong try spends nothing"
    );
    assert_eq!(alice.open(&token).status, 200);
    assert_eq!(site.with_token("alice", 2).open(&token).status, 401);
}

/// 000-3: only the newest of the session that asked, and for ten minutes.
#[test]
fn row_03_mail_code_is_the_newest_of_its_session() {
    let site = Site::start();
    let (mut first, mut second) = (site.with_token("alice", 1), site.with_token("alice", 2));
    ask(&mut first);
    let older = last_code(&site);
    ask(&mut first);
    let newer = last_code(&site);
    if older != newer {
        assert_eq!(first.open(&json!({"email": older})).status, 401);
    }
    assert_eq!(
        second.open(&json!({"email": newer})).status,
        401,
        "another session"
    );
    site.server.ahead(590);
    first.get("session/keepalive");
    site.server.ahead(605);
    assert_eq!(first.open(&json!({"email": newer})).status, 401, "too late");
}

/// 000-3: of codes that one session asked for at once, the one that was sent last opens, and no other.
#[test]
fn row_03_newest_of_codes_at_once_opens() {
    let settings = json!({
        "token_request_limit": {"count": 100, "seconds": 60}, "open_limit": {"count": 100, "seconds": 30},
        "failed_attempts": 100, "send_limit": {"count": 1000, "seconds": 600},
    });
    let site = Site::of(&[whole("alice")], &settings);
    for _ in 0..4 {
        let mut alice = site.with_token("alice", 1);
        alice.get("session/keepalive");
        let before = site.server.outbox().len();
        let asked = at_once(&alice, "token/email/request");
        assert!(asked.iter().all(|status| *status == 200), "{asked:?}");
        let sent = site.server.outbox().split_off(before);
        let mut codes: Vec<_> = sent.iter().map(|line| line["token"].clone()).collect();
        assert_eq!(codes.len(), asked.len());
        let newest = codes.pop().expect("a code");
        let older = codes.into_iter().find(|code| *code != newest);
        let older = older.expect("another one");
        assert_eq!(alice.open(&json!({"email": older})).status, 401);
        assert_eq!(alice.open(&json!({"email": newest})).status, 200);
    }
}

/// 000-3: what needs no request may be asked for, and nothing is sent.
#[test]
fn row_03_nothing_is_sent_for_the_others() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    for provider in ["totp", "backup_codes"] {
        let asked = alice.get(&format!("token/{provider}/request"));
        let expected = json!({"success": true, "data": {}});
        assert_eq!((asked.status, asked.json()), (200, expected));
    }
    assert!(site.server.outbox().is_empty());
}

/// 000-17: a provider that there is not, or that the user has not, in any spelling.
#[test]
fn row_17_unknown_provider_has_no_data() {
    let site = Site::of(
        &[with("alice", &json!({"mail": false}))],
        &json!({"token_request_limit": {"count": 100, "seconds": 60}}),
    );
    let mut alice = site.with_token("alice", 1);
    for provider in [
        "nothing",
        "email",
        "admin",
        "recovery",
        "TOTP",
        "%ff",
        "%zz",
        "a%2Fb",
        "%00",
        "..%2f",
        "totp%20",
        "%74otp",
        "*",
        "'",
        "gateway_sms",
    ] {
        let asked = alice.get(&format!("token/{provider}/request"));
        let expected = json!({"success": false, "data": Value::Null});
        assert_eq!((asked.status, asked.json()), (400, expected), "{provider}");
    }
    let long = alice.get(&format!("token/{}/request", "x".repeat(2_000)));
    assert_eq!(long.status, 400);
}
