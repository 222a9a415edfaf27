//! The challenge of the master password, the keychain, and the reset of an account.

use contract_server::testing::Response;
use serde_json::{Value, json};

use crate::support::{Site, Visitor, at_once, code, refused, salts, solution, whole, with};

fn open(site: &Site) -> Visitor {
    let mut alice = site.with_token("alice", 1);
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    alice
}

fn set(visitor: &mut Visitor, secret: &Value, data: &Value, old: Option<&str>) -> Response {
    let mut body = json!({"secret": secret, "data": data});
    if let Some(old) = old {
        body["oldSecret"] = old.into();
    }
    visitor.post("account/challenge/set", &body)
}

/// 000-14: the challenge is read, and changed by whoever knows the old solution.
#[test]
fn row_14_challenge_is_changed_with_the_old_secret() {
    let site = Site::start();
    let mut alice = open(&site);
    let told = alice.get("account/challenge/get");
    let expected = json!({"type": "PWDv1r1", "salts": salts()});
    assert_eq!((told.status, told.json()), (200, expected));
    let (new, data) = (
        "cd".repeat(32),
        json!(["0a".repeat(300), "0b".repeat(64), "0c".repeat(16)]),
    );
    for old in [None, Some(""), Some("00"), Some(new.as_str())] {
        let response = set(&mut alice, &json!(new), &data, old);
        refused(&response, 401, "Passphrase invalid", "ab6e13ba");
    }
    let changed = set(&mut alice, &json!(new), &data, Some(&solution()));
    assert_eq!(
        (changed.status, changed.json()),
        (200, json!({"success": true}))
    );
    assert_eq!(alice.get("account/challenge/get").json()["salts"], data);
    let mut second = site.with_token("alice", 2);
    let backup = |at: u8| json!({"backup_codes": format!("Backup000000000{at}")});
    refused(
        &second.open(&backup(1)),
        401,
        "Passphrase invalid",
        "ab6e13ba",
    );
    let body = json!({"challenge": new, "token": backup(2)});
    assert_eq!(second.post("session/open", &body).status, 200);
}

/// 000-14: who has none sets one, and the session is open.
#[test]
fn row_14_first_challenge_opens_the_session() {
    let site = Site::of(
        &[with("alice", &json!({"challenge": null, "keychain": null}))],
        &json!({}),
    );
    let mut alice = site.with_token("alice", 1);
    assert_eq!(
        set(&mut alice, &json!(solution()), &json!(salts()), None).status,
        200
    );
    assert_eq!(alice.get("session/request").json(), json!({}));
    let stored = alice.post("keychain/set", &json!({"id": "CSEv1r1", "data": "0123"}));
    assert_eq!(
        (stored.status, stored.json()),
        (200, json!({"id": "CSEv1r1"}))
    );
    assert_eq!(alice.get("keychain/get").json(), json!({"CSEv1r1": "0123"}));
    let mut second = site.with_token("alice", 2);
    let opened = second.open(&json!({"totp": code(0)}));
    assert_eq!(opened.json()["keys"], json!({"CSEv1r1": "0123"}));
}

/// 000-14: what is no secret, and what are no salts.
#[test]
fn row_14_secret_and_salts_have_their_lengths() {
    let site = Site::start();
    let mut alice = open(&site);
    let old = solution();
    let old = Some(old.as_str());
    let good = json!(salts());
    for secret in [
        json!("ab"),
        json!(null),
        json!(1),
        json!([solution()]),
        json!("a".repeat(65)),
    ] {
        let response = set(&mut alice, &secret, &good, old);
        refused(&response, 400, "Secret invalid", "92312b66");
    }
    let [first, second, third] = salts();
    for data in [
        json!([]),
        json!([first, second]),
        json!(["01".repeat(255), second, third]),
        json!([first, "02".repeat(63), third]),
        json!([first, second, "03".repeat(17)]),
        json!([first, second, 3]),
        json!(["zz".repeat(256), second, third]),
        json!(null),
        json!("salts"),
        json!({"0": first, "1": second, "2": third}),
    ] {
        let response = set(&mut alice, &json!(solution()), &data, old);
        refused(&response, 400, "Salt length invalid", "ee858005");
    }
    // The old secret is asked for first.
    let response = set(&mut alice, &json!("ab"), &json!([]), None);
    refused(&response, 401, "Passphrase invalid", "ab6e13ba");
}

/// 000-15: a code, and the code sent back; then nothing of the challenge is left.
#[test]
fn row_15_reset_takes_two_steps() {
    for by_query in [true, false] {
        let site = Site::start();
        let mut alice = open(&site);
        let older = alice.get("account/reset").json()["code"].clone();
        let accepted = alice.post("account/reset", &json!({}));
        assert_eq!(
            (accepted.status, &accepted.json()["status"]),
            (202, &json!("accepted"))
        );
        let code = accepted.json()["code"].as_str().expect("a code").to_owned();
        let groups: Vec<_> = code.split('-').map(str::len).collect();
        assert_eq!(groups, [4; 4]);
        for wrong in [json!("aaaa-aaaa-aaaa-aaaa"), json!(""), json!(1), older] {
            let response = alice.post("account/reset", &json!({"code": wrong}));
            refused(&response, 403, "Invalid reset code", "7e130744");
        }
        refused(
            &alice.get("account/reset?code="),
            403,
            "Invalid reset code",
            "7e130744",
        );
        let id = alice.session.clone();
        let done = if by_query {
            alice.get(&format!("account/reset?code={code}"))
        } else {
            alice.post("account/reset", &json!({"code": code}))
        };
        assert_eq!((done.status, done.json()), (200, json!({"status": "ok"})));
        alice.session = id.clone();
        assert_eq!(alice.get("session/request").json(), json!({}));
        assert_ne!(alice.session, id, "the session is gone");
        assert_eq!(alice.get("keychain/get").json(), json!([]));
        assert_eq!(alice.get("account/challenge/get").status, 404);
        assert_eq!(
            site.with_token("alice", 2).get("session/request").status,
            200
        );
    }
}

/// 000-15: a code is of the session that asked.
#[test]
fn row_15_reset_code_is_of_its_session() {
    let users = [with("alice", &json!({"challenge": null})), whole("bob")];
    let site = Site::of(&users, &json!({}));
    let (mut first, mut second) = (site.with_token("alice", 1), site.with_token("alice", 2));
    let code = first.get("account/reset").json()["code"].clone();
    let response = second.post("account/reset", &json!({"code": code}));
    refused(&response, 403, "Invalid reset code", "7e130744");
}

/// 000-15: of twelve that send the code back at once one resets; the others have an invalid code.
#[test]
fn row_15_reset_once() {
    let site = Site::start();
    let mut alice = open(&site);
    let asked = alice.get("account/reset").json();
    let path = format!(
        "account/reset?code={}",
        asked["code"].as_str().expect("a code")
    );
    let mut answers = at_once(&alice, &path);
    answers.sort_unstable();
    assert_eq!(answers[0], 200);
    assert!(
        answers[1..].iter().all(|status| *status == 403),
        "{answers:?}"
    );
}
