//! Row 003-7: an account with a creation token.

use serde_json::{Value, json};

use crate::support::{CREATE, Site, count, invalid, key, refused_somehow, token};

const TOKEN: &str = "account_creation_token";

fn new(username: &str, token: &str) -> Value {
    json!({"username": username, "password": "a password", "algorithm": "SHA-256", TOKEN: token})
}

/// The account has the first one's domain, and the token is worth nothing afterwards.
#[test]
fn account_is_made_with_a_token_once() {
    let site = Site::start();
    let token = site.pushed("id");
    let response = site.post(CREATE, &new("carol", &token));
    let json = response.json();
    assert_eq!(response.status, 200, "{json}");
    let id = json["id"].as_u64().unwrap();
    let expected = json!({
        "id": id, "username": "carol", "domain": "sip.example.org", "email": null, "phone": null,
        "activated": true, "admin": false, "blocked": false,
    });
    assert_eq!(json, expected);
    let shown = site.get_as("admin", &format!("accounts/{id}"));
    assert_eq!(shown.json(), expected);
    let again = site.post(CREATE, &new("dave", &token));
    assert_eq!(invalid(&again, TOKEN), "The provided token is already used");
    refused_somehow(&site.consume("bob", &token), 404);
    // And the other way round.
    let token = site.issued();
    assert_eq!(site.consume("bob", &token).status, 200);
    invalid(&site.post(CREATE, &new("dave", &token)), TOKEN);
}

/// What no account can be named is refused field by field, and costs no token.
#[test]
fn account_fields_have_their_rules() {
    let site = Site::start();
    let token = site.issued();
    let with = |field: &str, value: Value| {
        let mut body = new("carol", &token);
        body[field] = value;
        site.post(CREATE, &body)
    };
    for name in [
        json!("Carol"),
        json!("ca rol"),
        json!("+33612345678"),
        json!("0612345678"),
        json!("bob"),
        json!(null),
        json!(""),
        json!(7),
        json!(["carol"]),
        json!("ca\u{0}rol"),
        json!("a".repeat(256)),
        json!("cärol"),
    ] {
        invalid(&with("username", name), "username");
    }
    for password in [
        json!("ab"),
        json!(null),
        json!(""),
        json!(123_456),
        json!({"a": 1}),
        json!("a".repeat(256)),
    ] {
        invalid(&with("password", password), "password");
    }
    for field in ["admin", "activated"] {
        for value in [json!(true), json!(false), json!(null), json!("")] {
            invalid(&with(field, value), field);
        }
    }
    for wrong in [
        json!("0123456789abc"),
        json!(null),
        json!(""),
        json!([token]),
        json!(1),
        json!("a".repeat(256)),
    ] {
        invalid(&with(TOKEN, wrong), TOKEN);
    }
    let all = site.post(
        CREATE,
        &json!({"admin": 1, "username": "A", "password": "b"}),
    );
    let errors = all.json()["errors"].as_object().unwrap().len();
    assert_eq!((all.status, errors), (422, 4), "{}", all.json());
    assert_eq!(
        with("password", json!("abc")).status,
        200,
        "the token was not spent"
    );
}

/// A token whose time is over is told apart.
#[test]
fn expired_creation_token_is_told() {
    let site = Site::with(&json!({"account_creation_token_expiration_minutes": 10}));
    let token = site.pushed("id");
    site.server.ahead(601);
    let response = site.post(CREATE, &new("carol", &token));
    assert_eq!(invalid(&response, TOKEN), "The provided token is expired");
    refused_somehow(&site.consume("bob", &token), 404);
}

/// Twelve at once with one token make one account; twelve at once with one name too, and the others keep theirs.
#[test]
fn accounts_at_once_are_made_once() {
    let site = Site::start();
    let token = site.issued();
    let statuses = site.at_once(6, |at| {
        site.post(CREATE, &new(&format!("user{at}"), &token)).status
    });
    assert_eq!((count(&statuses, 200), count(&statuses, 422)), (1, 5));
    let tokens: Vec<_> = (0..6).map(|_| site.issued()).collect();
    let statuses = site.at_once(6, |at| site.post(CREATE, &new("same", &tokens[at])).status);
    assert_eq!((count(&statuses, 200), count(&statuses, 422)), (1, 5));
    let kept = tokens
        .iter()
        .filter(|token| site.consume("bob", token).status == 200);
    assert_eq!(kept.count(), 5);
}

/// Every fault is told at once, the token's among them.
#[test]
fn faults_of_an_account_are_told_together() {
    let site = Site::start();
    let used = site.issued();
    assert_eq!(site.consume("bob", &used).status, 200);
    for (username, password, token) in [
        (json!("Carol"), json!("ab"), "0123456789abc"),
        (json!(null), json!(null), used.as_str()),
    ] {
        let body = json!({"username": username, "password": password, TOKEN: token});
        let response = site.post(CREATE, &body);
        refused_somehow(&response, 422);
        let json = response.json();
        let told = json["errors"].as_object().unwrap();
        let fields: Vec<_> = told.keys().map(String::as_str).collect();
        assert_eq!(fields, [TOKEN, "password", "username"], "{json}");
    }
}

/// A name is taken within its domain: that of new accounts is the first account's.
#[test]
fn usernames_are_their_domains() {
    let in_domain = |name: &str, domain: &str, at: usize| json!({"username": name, "domain": domain, "admin": at == 0, "api_key": key(&format!("{name}{at}"))});
    let accounts = json!({"accounts": [
        in_domain("dave", "one.example.org", 0),
        in_domain("dave", "two.example.org", 1),
        in_domain("erin", "two.example.org", 2),
    ]});
    let site = Site::on(&accounts, &json!({}), &[]);
    let domain = |name: &str| site.get_as(name, "accounts/me").json()["domain"].clone();
    assert_eq!(domain("dave0"), "one.example.org");
    assert_eq!(domain("dave1"), "two.example.org");
    let issued = || token(&site.post_as("dave0", "account_creation_tokens", &json!({})));
    invalid(&site.post(CREATE, &new("dave", &issued())), "username");
    let erin = site.post(CREATE, &new("erin", &issued()));
    assert_eq!(erin.status, 200, "{erin:?}");
    assert_eq!(erin.json()["domain"], "one.example.org");
    invalid(&site.post(CREATE, &new("erin", &issued())), "username");
}
