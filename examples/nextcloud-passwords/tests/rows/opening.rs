//! What a session needs, and how it is opened.

use contract_server::testing::Request;
use serde_json::{Value, json};

use crate::support::{BASE, PASSWORD, Site, code, now, refused, salts, solution, with, wrong};

/// 000-1: nothing, a challenge, or a challenge and tokens are asked for.
#[test]
fn row_01_request_says_what_is_needed() {
    let site = Site::of(
        &[
            with("alice", &json!({})),
            with("bob", &json!({"challenge": null})),
            with(
                "carol",
                &json!({"totp": null, "notification": false, "mail": false}),
            ),
        ],
        &json!({}),
    );
    let challenge = json!({"type": "PWDv1r1", "salts": salts()});
    let mut alice = site.with_token("alice", 1);
    let needed = alice.get("session/request");
    assert_eq!(needed.status, 200);
    assert_eq!(needed.json()["challenge"], challenge);
    assert_eq!(needed.json()["token"].as_array().map(Vec::len), Some(4));
    // Without a challenge nothing is needed, whatever else there is; backup codes alone are no second factor.
    assert_eq!(
        site.with_token("bob", 1).get("session/request").json(),
        json!({})
    );
    let carol = site.with_token("carol", 1).get("session/request").json();
    assert_eq!(carol, json!({"challenge": challenge}));
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    assert_eq!(alice.get("session/request").json(), json!({}));
}

/// 000-2: a token has five fields, of either kind, and says whether it has to be asked for.
#[test]
fn row_02_tokens_have_five_fields() {
    let site = Site::start();
    let needed = site.with_token("alice", 1).get("session/request").json();
    let tokens = needed["token"].as_array().expect("a list").clone();
    let told =
        |field: &str| -> Vec<Value> { tokens.iter().map(|token| token[field].clone()).collect() };
    assert_eq!(
        told("id"),
        [
            "totp",
            "twofactor_nextcloud_notification",
            "email",
            "backup_codes"
        ]
    );
    assert_eq!(
        told("type"),
        ["user-token", "request-token", "user-token", "user-token"]
    );
    assert_eq!(told("request"), [false, true, true, false]);
    for token in tokens {
        assert_eq!(token.as_object().map(serde_json::Map::len), Some(5));
        assert!(token["label"].is_string() && token["description"].is_string());
    }
}

/// 000-7: a TOTP and the solution open, with the keychain; without one the keys are an empty list.
#[test]
fn row_07_totp_and_challenge_open() {
    let other = with("bob", &json!({"keychain": null}));
    let site = Site::of(&[with("alice", &json!({})), other], &json!({}));
    let opened = site.with_token("alice", 1).open(&json!({"totp": code(0)}));
    let expected = json!({"success": true, "keys": {"CSEv1r1": "keychain of alice"}});
    assert_eq!((opened.status, opened.json()), (200, expected));
    let opened = site.with_token("bob", 1).open(&json!({"totp": code(0)}));
    let expected = json!({"success": true, "keys": []});
    assert_eq!((opened.status, opened.json()), (200, expected));
}

/// 000-7: who has no challenge has nothing to prove.
#[test]
fn row_07_without_a_challenge_anything_opens() {
    let site = Site::of(&[with("alice", &json!({"challenge": null}))], &json!({}));
    let opened = site.with_token("alice", 1).post("session/open", &json!({}));
    assert_eq!(opened.status, 200);
}

/// 000-8: a window of three steps either way, and no step that is not newer than the last one used.
#[test]
fn row_08_codes_within_three_steps_once() {
    let site = Site::start();
    // The server's clock stands in the middle of a step, so that none ends meanwhile.
    let ahead = 45 - i64::try_from(now() % 30).expect("seconds");
    site.server.ahead(ahead.unsigned_abs());
    let open = |at: u8, steps: i64| {
        let mut alice = site.with_token("alice", at);
        let code = code(ahead + steps * 30);
        alice.open(&json!({"totp": code})).status
    };
    // Outside, and nothing is used up by that.
    assert_eq!(open(1, -4), 401);
    assert_eq!(open(1, 4), 401);
    assert_eq!(open(1, -3), 200);
    assert_eq!(open(2, -3), 401, "replayed");
    assert_eq!(open(2, 3), 200);
    assert_eq!(open(3, 0), 401, "older than the last");
    assert_eq!(open(3, 3), 401, "replayed");
    site.server.ahead(ahead.unsigned_abs() + 30);
    assert_eq!(open(4, 4), 200);
}

/// 000-8: what is no digit is dropped from what was typed.
#[test]
fn row_08_other_than_digits_is_dropped() {
    let site = Site::start();
    let code = code(0);
    let (first, last) = code.split_at(3);
    let typed = format!(" {first}\u{a0}-{last}x");
    let opened = site.with_token("alice", 1).open(&json!({"totp": typed}));
    assert_eq!(opened.status, 200);
}

/// 000-8: secrets of other hashes verify.
#[test]
fn row_08_other_hashes_verify() {
    use twofa_providers::oath_otp::{Algorithm, Secret, Totp};
    let secret = "MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK";
    let account = |name: &str, algorithm: &str| {
        with(
            name,
            &json!({"totp": {"secret": secret, "algorithm": algorithm}}),
        )
    };
    let users = [account("alice", "sha256"), account("bob", "sha512")];
    let site = Site::of(&users, &json!({}));
    for (name, algorithm) in [("alice", Algorithm::Sha256), ("bob", Algorithm::Sha512)] {
        let totp = Totp {
            algorithm,
            ..Totp::default()
        };
        let secret = Secret::from_base32(secret).expect("a secret");
        let code = totp.generate(&secret, now());
        let opened = site
            .with_token(name, 1)
            .open(&json!({"totp": code.expose_secret()}));
        assert_eq!(opened.status, 200, "{name}");
    }
}

/// 000-9: a backup code is good once.
#[test]
fn row_09_backup_code_opens_once() {
    let site = Site::start();
    let token = json!({"backup_codes": "Backup0000000001"});
    assert_eq!(site.with_token("alice", 1).open(&token).status, 200);
    let again = site.with_token("alice", 2).open(&token);
    refused(&again, 401, "Token verification failed", "8b4f02b4");
    let of_another = json!({"backup_codes": "Backup0000000002"});
    assert_eq!(site.with_token("bob", 1).open(&of_another).status, 200);
    assert_eq!(site.with_token("alice", 2).open(&of_another).status, 200);
}

/// 000-16: with the second factor off nothing is listed, and what is sent is ignored.
#[test]
fn row_16_switched_off_asks_for_no_token() {
    let site = Site::of(
        &[with("alice", &json!({"two_factor_enabled": false}))],
        &json!({}),
    );
    let mut alice = site.with_token("alice", 1);
    assert!(alice.get("session/request").json().get("token").is_none());
    let wrong = json!({"totp": wrong()});
    assert_eq!(alice.open(&wrong).status, 200);
}

/// 000-16: where it is not required, none is needed, and one that is sent has to be right.
#[test]
fn row_16_not_required_takes_none_or_a_right_one() {
    let optional = json!({"two_factor_required": false});
    let site = Site::of(&[with("alice", &optional)], &json!({}));
    let mut alice = site.with_token("alice", 1);
    assert!(alice.get("session/request").json()["token"].is_array());
    let wrong = alice.open(&json!({"totp": wrong()}));
    refused(&wrong, 401, "Token verification failed", "8b4f02b4");
    let body = json!({"challenge": solution()});
    assert_eq!(alice.post("session/open", &body).status, 200);
}

/// 000-7: every token that is sent has to be right, and one that is not known uses up none.
#[test]
fn row_07_every_token_has_to_be_right() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    let (totp, backup) = (code(0), "Backup0000000001");
    let unknown = json!({"totp": totp, "unknown": "1"});
    refused(
        &alice.open(&unknown),
        401,
        "Token verification failed",
        "8b4f02b4",
    );
    // The first wrong one ends it, and uses up nothing behind it.
    let wrong = json!({"backup_codes": "wrong", "totp": totp});
    assert_eq!(alice.open(&wrong).status, 401);
    let both = json!({"totp": totp, "backup_codes": backup});
    assert_eq!(alice.open(&both).status, 200);
}

/// An already opened session is opened again without proving anything.
#[test]
fn row_07_open_session_needs_nothing() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    let again = alice.post("session/open", &json!({}));
    assert_eq!(
        (again.status, again.json()["keys"].clone()),
        (200, json!({"CSEv1r1": "keychain of alice"}))
    );
}

/// Basic and Bearer, with an app token or the password, in the spellings that clients have.
#[test]
fn credentials_in_every_spelling() {
    let site = Site::start();
    let client = site.client();
    let path = format!("{BASE}/session/request");
    let get = || Request::new("GET", &path);
    for request in [
        get().basic("alice", "alice-token-1"),
        get().basic("alice", PASSWORD),
        get().bearer("alice:alice-token-1"),
        get().bearer("alice-token-1"),
        get().bearer(&format!("alice:{PASSWORD}")),
    ] {
        assert_eq!(client.send(&request).status, 200);
    }
    for request in [
        get(),
        get().basic("alice", "wrong"),
        get().basic("bob", "alice-token-1"),
        get().basic("nobody", PASSWORD),
        get().basic("alice\0", PASSWORD),
        get().basic("", ""),
        get().bearer("nothing"),
        get().header("authorization", "Basic !!!"),
        get().header("authorization", "Digest YWxpY2U6YQ=="),
        get().header("authorization", "Basic"),
        get().header("authorization", "Basic /w=="),
    ] {
        let response = client.send(&request);
        let expected = json!({"message": "Current user is not logged in"});
        assert_eq!((response.status, response.json()), (401, expected));
        assert_eq!(response.header("x-api-session"), None);
    }
}
