//! What nobody should send.

use contract_server::testing::Request;
use serde_json::{Value, json};

use crate::support::{JSON, Site, refused};

/// What no route takes has the contract's shape.
#[test]
fn refusals_of_the_framework_have_the_contracts_shape() {
    let site = Site::start();
    for path in [
        "/nope",
        "/tokens/",
        "/tokens/a/b",
        "/accounts/me/",
        "//",
        "/%zz",
        "/%ff",
        "/%00",
        "/..%2f",
        "/tokens?x=%zz&",
    ] {
        let response = site.send(&Request::new("GET", path));
        if path.starts_with("/tokens?") {
            refused(&response, 401, "Missing auth token");
        } else {
            refused(&response, 404, "Not found");
        }
    }
    for (method, path, allow) in [
        ("PATCH", "/tokens", "GET, POST, DELETE"),
        ("PUT", "/tokens", "GET, POST, DELETE"),
        ("POST", "/tokens/x", "GET, DELETE"),
        ("BREW", "/accounts", "GET, POST"),
        ("GET", "/accounts/me/wipe-data", "POST"),
        ("POST", "/", "GET"),
    ] {
        let response = site.send(&Request::new(method, path));
        refused(&response, 405, "Method not allowed");
        assert_eq!(response.header("allow"), Some(allow));
    }
    let large = |length: usize| {
        let body = format!("{{\"type\":\"{}\"}}", "a".repeat(length));
        let request = Request::new("POST", "/tokens").header("content-type", "application/json");
        site.send(&request.body(body))
    };
    refused(&large(200_000), 409, "Only auth tokens are implemented");
    refused(&large(300_000), 413, "The body is too large");
    refused(&large(2_000_000), 413, "The body is too large");
    let request = Request::new("POST", "/tokens").header("content-type", "application/json");
    refused(
        &site.send(&request.body("[".repeat(100_000))),
        409,
        "Invalid input format",
    );
    let head = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(100_000));
    for bytes in [
        b"no HTTP\r\n\r\n".to_vec(),
        head.into_bytes(),
        b"GET / HTTP/1.1\r\nx\xff: y\r\n\r\n".to_vec(),
    ] {
        let response = site.bytes(&bytes);
        assert!((400..500).contains(&response.status), "{response:?}");
        assert_eq!(response.json()["success"], false);
        assert_eq!(response.header("content-type"), Some(JSON));
    }
    assert_eq!(site.send(&Request::new("GET", "/")).status, 200);
}

/// No text in a field breaks the server: it is refused as the table says.
#[test]
fn hostile_texts_are_refused_as_any_other() {
    let site = Site::start();
    let token = site.sign_in("johndoe");
    let long = "\u{1d11e}".repeat(10_000);
    for text in [
        "\u{0}",
        "\u{202e}",
        "' OR 1=1 --",
        "../../etc",
        "${x}",
        long.as_str(),
        "\r\nx: y",
    ] {
        let body = json!({"type": "auth", "username": text, "password": text, "token": text});
        assert_eq!(site.post("/tokens", &body).status, 403, "{text:?}");
        let body = json!({"username": text, "alt_email": text});
        assert_eq!(site.post("/accounts", &body).status, 400, "{text:?}");
        let body = json!({"username": "johndoe", "invite_code": text});
        assert_eq!(site.post("/accounts", &body).status, 400, "{text:?}");
        let body = json!({"factor_type": text, "factor_value": [text]});
        assert_eq!(
            site.call(&token, "PUT", "/accounts/me", &body).status,
            400,
            "{text:?}"
        );
        let body = json!({"settings": text, "public_key": text});
        assert_eq!(
            site.call(&token, "PUT", "/accounts/me", &body).status,
            200,
            "{text:?}"
        );
    }
    assert_eq!(
        site.call(&token, "GET", "/accounts/me", &Value::Null)
            .status,
        200
    );
}
