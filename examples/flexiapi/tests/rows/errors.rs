//! Row 003-12: JSON that cannot be read, and the exact content type of every answer.

use contract_server::testing::{OpenApi, Request};
use serde_json::{Value, json};

use crate::support::{PUSH, REQUEST, Site, key, refused_somehow};

/// Every operation that has a body.
fn posts() -> Vec<String> {
    let openapi = OpenApi::new(include_str!("../../openapi.json"));
    let operations = openapi.operations();
    let posts = operations
        .into_iter()
        .filter(|(method, path)| method == "POST" && path.starts_with("/api"));
    posts.map(|(_, path)| path.replace("{id}", "1")).collect()
}

/// "Invalid JSON" for whatever cannot be read, on every path, and the type has no charset.
#[test]
fn bad_json_is_told_on_every_path() {
    let site = Site::start();
    let deep = "[".repeat(100_000);
    let objects = "{\"a\":".repeat(200) + "1" + &"}".repeat(200);
    let posts = posts();
    assert!(posts.len() >= 14, "{posts:?}");
    for path in posts {
        for body in [
            &b"{"[..],
            b"x",
            b"{\"a\":}",
            b"\xff\xfe",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
            b"{} {}",
            b"[]",
            b"7",
            b"null",
            b"\"text\"",
            b"\0",
            deep.as_bytes(),
            objects.as_bytes(),
        ] {
            let request = Request::new("POST", &path).header("x-api-key", &key("admin"));
            let response = site.send(
                &request
                    .header("content-type", "application/json")
                    .body(body),
            );
            refused_somehow(&response, 400);
            let json = response.json();
            assert!(
                json["message"]
                    .as_str()
                    .unwrap()
                    .starts_with("Invalid JSON: "),
                "{path}: {json}"
            );
        }
    }
}

/// Successes have the same type; no body is none, and a body may be sent without a type.
#[test]
fn content_type_is_exact() {
    let site = Site::start();
    let made = site.post(REQUEST, &json!({}));
    assert_eq!(made.header("content-type"), Some("application/json"));
    let bare = site.send(
        &Request::new("POST", "/api/account_creation_request_tokens").header("content-length", "0"),
    );
    assert_eq!(
        (bare.status, bare.header("content-type")),
        (201, Some("application/json"))
    );
    let untyped = Request::new("POST", &format!("/api/{PUSH}")).body(r#"{"pn_provider":"fcm"}"#);
    let pushed = site.send(&untyped);
    assert_eq!((pushed.status, pushed.body.len()), (200, 0));
}

/// What the framework refuses has the contract's shape.
#[test]
fn framework_answers_in_the_contracts_shape() {
    let site = Site::start();
    for path in [
        "/",
        "/api",
        "/api/",
        "/api/unheard",
        "/api/ping/",
        "/api//ping",
        "/recovery/phone/",
        "/api/accounts/me/api_key",
    ] {
        let response = site.send(&Request::new("GET", path));
        refused_somehow(&response, 404);
    }
    for (method, path, allowed) in [
        ("GET", "/api/account_creation_request_tokens", "POST"),
        ("DELETE", "/api/accounts/me", "GET"),
        ("PATCH", "/api/accounts/me/api_key/x", "GET"),
        ("PUT", "/api/accounts/me/phone", "POST"),
        ("BREW", "/api/ping", "GET"),
        ("GET", "/account/recovery", "POST"),
        ("OPTIONS", "/api/account_creation_tokens", "POST"),
    ] {
        let response = site.send(&Request::new(method, path));
        assert_eq!(
            (response.status, response.header("allow")),
            (405, Some(allowed)),
            "{method} {path}"
        );
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
    let large = site.send(
        &Request::new("POST", "/api/account_creation_request_tokens").body("a".repeat(300_000)),
    );
    refused_somehow(&large, 413);
    for bad in [
        "%zz",
        "%ff",
        "%00",
        "..%2f",
        "api/accounts/auth_token/%ff/attach",
    ] {
        let response = site.send(&Request::new("GET", &format!("/{bad}")));
        assert!((400..500).contains(&response.status), "{bad}: {response:?}");
        refused_somehow(&response, response.status);
    }
    let long = site.send(&Request::new("GET", &format!("/{}", "a".repeat(100_000))));
    assert!((400..500).contains(&long.status), "{}", long.status);
    refused_somehow(&long, long.status);
    refused_somehow(&site.bytes(b"no HTTP\r\n\r\n"), 400);
}

/// The OpenAPI file is served as it is shipped.
#[test]
fn openapi_is_served() {
    let site = Site::start();
    let served = site.send(&Request::new("GET", "/openapi.json")).json();
    let shipped: Value = serde_json::from_str(include_str!("../../openapi.json")).unwrap();
    assert_eq!(served, shipped);
}
