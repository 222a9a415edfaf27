//! Rows 003-5 and 003-13: a creation token is linked to an account, once, and unlocks its changes.

use serde_json::json;

use crate::support::{CONSUME, Site, count, device, empty, invalid, refused, refused_somehow};

/// The token with every field that it has, and the account that it is linked to.
#[test]
fn consumed_token_shows_its_account() {
    let site = Site::start();
    let token = site.pushed("id");
    let id = site.get_as("bob", "accounts/me").json()["id"].clone();
    let response = site.consume("bob", &token);
    assert_eq!(response.status, 200);
    let expected = json!({
        "token": token, "pn_provider": "fcm", "pn_param": "param", "pn_prid": "id", "used": true,
        "account_id": id, "ip": "127.0.0.1", "user_agent": "", "expire_at": null,
    });
    assert_eq!(response.json(), expected);
    let issued = site.issued();
    let json = site.consume("alicia", &issued).json();
    assert_eq!(
        (&json["pn_provider"], &json["used"]),
        (&json!(null), &json!(true))
    );
}

/// Nothing, a wrong one, an empty one, a used one, a linked one: 404. What is no text is 422.
#[test]
fn consume_finds_only_a_fresh_token() {
    let site = Site::start();
    let token = site.pushed("id");
    assert_eq!(site.consume("bob", &token).status, 200);
    for body in [
        json!({}),
        json!({"account_creation_token": null}),
        json!({"account_creation_token": ""}),
        json!({"account_creation_token": "0123456789abc"}),
        json!({"account_creation_token": token}),
        json!({"account_creation_token": format!("{} ", site.issued())}),
    ] {
        for name in ["bob", "alicia"] {
            refused_somehow(&site.post_as(name, CONSUME, &body), 404);
        }
    }
    for value in [
        json!(1),
        json!(["a"]),
        json!({"a": 1}),
        json!(true),
        json!("a".repeat(256)),
    ] {
        let body = json!({"account_creation_token": value});
        invalid(
            &site.post_as("bob", CONSUME, &body),
            "account_creation_token",
        );
    }
    // No recovery token and no request token is a creation token.
    let sent = site.sent(|| site.post(crate::support::RECOVER, &device("id")));
    assert_eq!(
        site.consume("bob", sent["token"].as_str().unwrap()).status,
        404
    );
    // A refused request spends nothing.
    let token = site.issued();
    let nobody = site.post(CONSUME, &json!({"account_creation_token": token}));
    refused_somehow(&nobody, 401);
    assert_eq!(site.consume("bob", &token).status, 200);
}

/// Until a token is consumed neither phone nor e-mail can change; each account for itself.
#[test]
fn consume_unlocks_phone_and_email() {
    let site = Site::start();
    let asks = [
        (
            "accounts/me/phone/request",
            json!({"phone": "+4915199999999"}),
        ),
        (
            "accounts/me/email/request",
            json!({"email": "new@example.org"}),
        ),
    ];
    for (path, body) in &asks {
        refused(&site.post_as("bob", path, body), 403, "Account unvalidated");
        refused(
            &site.post_as("bob", path, &json!({})),
            403,
            "Account unvalidated",
        );
    }
    assert!(site.server.outbox().is_empty());
    site.validate("bob");
    for (path, body) in &asks {
        empty(&site.post_as("bob", path, body));
        refused(
            &site.post_as("alicia", path, body),
            403,
            "Account unvalidated",
        );
    }
}

/// Fifty at once with one token: one wins, the others are told what they would be told later.
#[test]
fn consume_at_once_links_one() {
    let site = Site::start();
    for _ in 0..3 {
        let token = site.issued();
        let names = ["bob", "alicia", "admin"];
        let statuses = site.at_once(50, |at| site.consume(names[at % 3], &token).status);
        assert_eq!((count(&statuses, 200), count(&statuses, 404)), (1, 49));
    }
}
