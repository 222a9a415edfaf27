//! What is refused, in which words, and what five failures do.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Site, code, refused, solution, with, wrong};

/// A failed attempt of this client.
fn fail(site: &Site, at: u8) -> (u16, Value) {
    let mut alice = site.with_token("alice", at);
    let response = alice.open(&json!({"totp": wrong()}));
    (response.status, response.json()["message"].clone())
}

/// 000-10: each failure has its status, message and id.
#[test]
fn row_10_failures_have_their_words() {
    let site = Site::of(
        &[with("alice", &json!({}))],
        &json!({"failed_attempts": 100}),
    );
    let mut alice = site.with_token("alice", 1);
    let mut open = |body: Value| {
        site.server.ahead(crate::support::later());
        alice.post("session/open", &body)
    };
    let right = solution();
    let none = open(json!({"challenge": right}));
    refused(&none, 401, "Token invalid", "c0980e3c");
    let null = open(json!({"challenge": right, "token": null}));
    refused(&null, 401, "Token invalid", "c0980e3c");
    for token in [
        json!({"totp": wrong()}),
        json!({"totp": ""}),
        json!({"totp": 123_456}),
        json!({"totp": null}),
        json!({"totp": {"token": "1"}}),
        json!({"nothing": "1"}),
        json!({}),
        json!([]),
        json!("totp"),
        json!(1),
        json!(true),
    ] {
        let wrong = open(json!({"challenge": right, "token": token}));
        refused(&wrong, 401, "Token verification failed", "8b4f02b4");
    }
    let backup = |at: u8| json!({"backup_codes": format!("Backup000000000{at}")});
    let missing = open(json!({"token": backup(1)}));
    refused(&missing, 401, "Passphrase invalid", "ab6e13ba");
    let wrong = open(json!({"challenge": "0".repeat(64), "token": backup(2)}));
    refused(&wrong, 401, "Passphrase invalid", "ab6e13ba");
}

/// 000-10: a challenge that is none is no attempt.
#[test]
fn row_10_secret_that_is_none_is_not_counted() {
    let site = Site::of(
        &[with("alice", &json!({"two_factor_required": false}))],
        &json!({"failed_attempts": 1}),
    );
    let mut alice = site.with_token("alice", 1);
    for challenge in [
        json!("ab"),
        json!("a".repeat(65)),
        json!(1),
        json!([solution()]),
        json!({"a": 1}),
    ] {
        let response = alice.post("session/open", &json!({"challenge": challenge}));
        refused(&response, 400, "Secret invalid", "92312b66");
    }
    let right = json!({"challenge": solution()});
    assert_eq!(alice.post("session/open", &right).status, 200);
}

/// 000-11: the fifth failure over all clients destroys the app token that made it, tells the user, and keeps the
/// password out; another app token goes on, and its success clears the count.
#[test]
fn row_11_five_failures_lock() {
    let site = Site::start();
    for at in 1..5 {
        assert_eq!(fail(&site, at), (401, json!("Token verification failed")));
    }
    assert!(site.server.outbox().is_empty());
    let mut fifth = site.with_token("alice", 5);
    let locked = fifth.open(&json!({"totp": wrong()}));
    refused(&locked, 403, "Too many failed login attempts", "b927b225");
    let told = site.server.outbox();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["channel"], "notice");
    assert_eq!(told[0]["to"], "alice@example.org");
    assert_eq!(told[0]["token"], Value::Null);
    let gone = fifth.get("session/request");
    let expected = json!({"message": "Current user is not logged in"});
    assert_eq!((gone.status, gone.json()), (401, expected));
    assert_eq!(gone.header("x-api-session"), None);

    let mut password = site.visitor("alice", PASSWORD);
    let request = password.get("session/request");
    refused(&request, 403, "Login not allowed", "64a6cf1f");
    let open = password.open(&json!({"totp": code(0)}));
    refused(&open, 403, "Login not allowed", "64a6cf1f");

    // Each further failure takes its own app token with it.
    assert_eq!(
        fail(&site, 6),
        (403, json!("Too many failed login attempts"))
    );
    assert_eq!(
        site.with_token("alice", 6).get("session/keepalive").status,
        401
    );

    let mut first = site.with_token("alice", 1);
    assert_eq!(first.get("session/request").status, 200);
    assert_eq!(first.open(&json!({"totp": code(0)})).status, 200);
    assert_eq!(password.get("session/request").status, 200);
    assert_eq!(fail(&site, 1), (401, json!("Token verification failed")));
}

/// 000-11: the fifth failure with the password locks it, and destroys nothing.
#[test]
fn row_11_password_is_locked_alone() {
    let site = Site::start();
    let mut password = site.visitor("alice", PASSWORD);
    for at in 1..=5 {
        let response = password.open(&json!({"totp": wrong()}));
        let expected = if at < 5 { 401 } else { 403 };
        assert_eq!(response.status, expected, "{at}");
    }
    refused(
        &password.get("session/request"),
        403,
        "Login not allowed",
        "64a6cf1f",
    );
    assert_eq!(
        site.with_token("alice", 1).get("session/request").status,
        200
    );
}

/// 000-11: failures have no end, and a start does not forget them.
#[test]
fn row_11_failures_have_no_end() {
    let mut site = Site::start();
    for at in 1..5 {
        assert_eq!(fail(&site, at).0, 401);
    }
    site.server.ahead(30 * 86_400);
    site.server.kill_and_restart();
    assert_eq!(fail(&site, 1).0, 403);
}

/// 000-11: of wrong answers at once at most four are refused mildly.
#[test]
fn row_11_wrong_answers_at_once_are_counted() {
    let site = Site::start();
    let site = &site;
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..10)
            .map(|at| scope.spawn(move || fail(site, at).0))
            .collect();
        let answers = threads.into_iter().map(|thread| thread.join());
        answers.map(|answer| answer.expect("an answer")).collect()
    });
    let count = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(401), count(403)), (4, 5), "{answers:?}");
}

/// 000-10: a keychain that cannot be read ends the session.
#[test]
fn row_10_unreadable_keychain_ends_the_session() {
    let site = Site::start();
    let spoiled = std::process::Command::new("python3")
        .arg("-c")
        .arg(
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
             c.execute(\"UPDATE contract_documents SET sealed = 'ff' || sealed WHERE kind = 'keychain'\"); c.commit()",
        )
        .arg(site.server.folder().join("data/data.db"))
        .status();
    assert!(spoiled.expect("python3").success());
    let mut alice = site.with_token("alice", 1);
    alice.get("session/keepalive");
    let id = alice.session.clone();
    let response = alice.open(&json!({"totp": code(0)}));
    refused(&response, 500, "Reading user keychain failed", "3476b978");
    alice.session = id.clone();
    alice.get("session/keepalive");
    assert_ne!(alice.session, id);
}
