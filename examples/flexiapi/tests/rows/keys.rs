//! Row 003-11: API keys, and who may do what.

use contract_server::testing::Request;
use serde_json::json;

use crate::support::{CONSUME, Site, key, refused, refused_somehow};

/// Without a key 401 in JSON, with a wrong one 401 in plain text: before JSON and validation.
#[test]
fn key_comes_before_everything() {
    let site = Site::start();
    let id = site.get_as("admin", "accounts/me").json()["id"].clone();
    for (method, path) in [
        ("POST", CONSUME.into()),
        ("POST", "account_creation_tokens".into()),
        ("GET", "accounts/auth_token/x/attach".into()),
        ("GET", "accounts/me".into()),
        ("GET", format!("accounts/{id}")),
        ("POST", format!("accounts/{id}/block")),
        ("POST", format!("accounts/{id}/unblock")),
        ("POST", "accounts/me/phone".into()),
        ("POST", "accounts/me/email".into()),
        ("POST", "accounts/me/phone/request".into()),
        ("POST", "accounts/me/email/request".into()),
    ] {
        let path = format!("/api/{path}");
        let request = || Request::new(method, &path);
        refused(&site.send(&request().body("{")), 401, "Unauthenticated.");
        refused_somehow(&site.send(&request().header("x-api-key", "")), 401);
        for wrong in [
            "x",
            &key("mallory"),
            &key("bob").to_uppercase(),
            "\u{e9}",
            &"a".repeat(5_000),
        ] {
            let response = site.send(&request().header("x-api-key", wrong).body("{"));
            let plain = Some("text/plain; charset=utf-8");
            assert_eq!(
                (response.status, response.header("content-type")),
                (401, plain),
                "{path}"
            );
            assert_eq!(response.body, b"Invalid API Key");
        }
    }
}

/// The administrator's calls are the administrator's.
#[test]
fn admin_calls_refuse_users() {
    let site = Site::start();
    for path in [
        "account_creation_tokens",
        "accounts/1/block",
        "accounts/1/unblock",
    ] {
        refused(
            &site.post_as("bob", path, &json!({})),
            403,
            "Unauthorized area",
        );
    }
    refused(&site.get_as("bob", "accounts/1"), 403, "Unauthorized area");
    assert_eq!(
        site.post_as("admin", "account_creation_tokens", &json!({}))
            .status,
        201
    );
}

/// `pong`.
#[test]
fn ping_answers_pong() {
    let site = Site::start();
    let response = site.get("ping");
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, &b"pong"[..])
    );
}
