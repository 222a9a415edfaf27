//! How often a user may open and ask.

use serde_json::{Value, json};

use crate::support::{Site, Visitor, code, whole, wrong};

fn too_often(response: &contract_server::testing::Response, at_most: u64) {
    assert_eq!(response.status, 429);
    assert_eq!(response.json()["status"], "error");
    let wait = response
        .header("retry-after")
        .and_then(|wait| wait.parse::<u64>().ok());
    assert!(
        wait.is_some_and(|wait| (1..=at_most).contains(&wait)),
        "{wait:?}"
    );
}

/// 000-12: ten tries to open within thirty seconds, over all of a user's clients, successes and unreadable ones too.
#[test]
fn row_12_ten_opens_in_thirty_seconds() {
    let site = Site::of(
        &[whole("alice"), whole("bob")],
        &json!({"failed_attempts": 100}),
    );
    let mut clients: Vec<Visitor> = (1..4).map(|at| site.with_token("alice", at)).collect();
    let mut open = |at: usize, body: &Value| clients[at % 3].post("session/open", body);
    for at in 0..10 {
        assert!(open(at, &json!({})).status < 429, "{at}");
    }
    site.server.ahead(15);
    too_often(&open(10, &json!({})), 30);
    too_often(&open(11, &json!([])), 30);
    assert_eq!(
        site.with_token("bob", 1)
            .post("session/open", &json!({}))
            .status,
        401
    );
    site.server.ahead(31);
    // What was refused was not counted.
    for at in 0..10 {
        assert!(open(at, &json!({})).status < 429, "{at}");
    }
    too_often(&open(10, &json!({})), 30);
}

/// 000-12: three requests within sixty seconds, over all providers, known or not.
#[test]
fn row_12_three_requests_in_sixty_seconds() {
    let site = Site::start();
    let (mut first, mut second) = (site.with_token("alice", 1), site.with_token("alice", 2));
    assert_eq!(first.get("token/totp/request").status, 200);
    assert_eq!(second.get("token/email/request").status, 200);
    assert_eq!(first.get("token/nothing/request").status, 400);
    too_often(&second.get("token/email/request"), 60);
    site.server.ahead(30);
    too_often(&first.get("token/totp/request"), 60);
    assert_eq!(
        site.with_token("bob", 1).get("token/email/request").status,
        200
    );
    site.server.ahead(61);
    for _ in 0..3 {
        assert_eq!(second.get("token/email/request").status, 200);
    }
    too_often(&second.get("token/email/request"), 60);
    assert_eq!(site.server.outbox().len(), 5);
}

/// 000-12: whoever asks at once is answered as if one came after the other.
#[test]
fn row_12_requests_at_once_are_counted() {
    let site = Site::start();
    let site = &site;
    let path = "token/twofactor_nextcloud_notification/request";
    let mut answers: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..6)
            .map(|at| scope.spawn(move || site.with_token("alice", at).get(path).status))
            .collect();
        let answers = threads.into_iter().map(|thread| thread.join());
        answers.map(|answer| answer.expect("an answer")).collect()
    });
    answers.sort_unstable();
    assert_eq!(answers, [200, 200, 200, 429, 429]);
    assert_eq!(site.server.outbox().len(), 3);
}

/// 000-12: both are settings.
#[test]
fn row_12_limits_are_settings() {
    let settings = json!({"open_limit": {"count": 1, "seconds": 50}, "token_request_limit": {"count": 1, "seconds": 70}});
    let site = Site::of(&[whole("alice")], &settings);
    let mut alice = site.with_token("alice", 1);
    assert_eq!(alice.post("session/open", &json!({})).status, 401);
    too_often(&alice.post("session/open", &json!({})), 50);
    assert_eq!(alice.get("token/totp/request").status, 200);
    too_often(&alice.get("token/totp/request"), 70);
}

/// 000-11: a hundred and twenty wrong codes refuse no right one: the count of failures alone is the contract's.
#[test]
fn row_11_wrong_codes_use_up_nothing_else() {
    let settings = json!({"failed_attempts": 1_000, "open_limit": {"count": 1_000, "seconds": 1}});
    let site = Site::of(&[whole("alice")], &settings);
    let mut alice = site.with_token("alice", 1);
    assert_eq!(alice.get("token/email/request").status, 200);
    let sent = site.server.outbox();
    let right = sent[0]["token"].as_str().expect("a code").to_owned();
    for at in 0..120 {
        for provider in ["email", "totp"] {
            let wrong = alice.open(&json!({provider: wrong()}));
            assert_eq!(wrong.status, 401, "{provider} {at}");
        }
    }
    assert_eq!(alice.open(&json!({"email": right})).status, 200);
    let mut second = site.with_token("alice", 2);
    assert_eq!(second.open(&json!({"totp": code(0)})).status, 200);
}

/// 000-12: limits of a clock that was ahead are forgotten, whether the next start has one or not.
#[test]
fn row_12_limits_ahead_are_no_outage() {
    let mut site = Site::start();
    site.server.ahead(100_000);
    let mut alice = site.with_token("alice", 1);
    assert_eq!(alice.post("session/open", &json!({})).status, 401);
    assert_eq!(alice.get("token/email/request").status, 200);
    site.server.restart_without("--clock");
    let mut alice = site.with_token("alice", 2);
    assert_eq!(alice.get("token/email/request").status, 200);
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
}
