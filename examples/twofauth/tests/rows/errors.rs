//! Shapes of refusals, and hostile input.

use contract_server::testing::{OpenApi, Request, Response};
use serde_json::{Value, json};

use crate::support::{Site, T, invalid, refused};

/// 002-17. Nobody gets in without a token, before anything else is said.
#[test]
fn row_17_every_route_needs_somebody() {
    let site = Site::start();
    let openapi = OpenApi::new(include_str!("../../openapi.json"));
    let public = [
        "/api/v1/user/name",
        "/user/login",
        "/refresh-csrf",
        "/openapi.json",
        "/page",
        "/storage/",
        "/user/password/reset",
    ];
    for (method, path) in openapi.operations() {
        if path == "/" || public.iter().any(|public| path.starts_with(public)) {
            continue;
        }
        let path = path
            .replace("{id}", "1")
            .replace("{user}", "1")
            .replace("{name}", "x");
        refused(
            &site.send(&Request::new(&method, &path)),
            401,
            "Unauthenticated.",
        );
    }
    for header in ["Bearer wrong", "Basic YTpi", "Bearer", "Bearer \u{e4}"] {
        let request = Request::new("GET", T).header("authorization", header);
        refused(&site.send(&request), 401, "Unauthenticated.");
    }
}

/// 002-17. What the framework refuses is told in the shape of the contract.
#[test]
fn row_17_the_frameworks_own_answers_have_a_shape() {
    let site = Site::start();
    let alice = site.by("alice");
    let shaped = |response: &Response| {
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert!(response.json()["message"].is_string());
        response.status
    };
    refused(&alice.get("/api/v1/unheard"), 404, "unknowkn endpoint");
    refused(&alice.get("/api/v2/user"), 404, "unknowkn endpoint");
    refused(&alice.get("/api/v1"), 404, "unknowkn endpoint");
    refused(
        &site.send(&Request::new("GET", "/unheard")),
        404,
        "unknowkn endpoint",
    );
    assert_eq!(shaped(&alice.call("PUT", T, &json!({}))), 405);
    let body = |kind: &str, body: &[u8]| {
        let request = alice.request("POST", T).header("content-type", kind);
        alice.send(&request.body(body))
    };
    assert_eq!(shaped(&body("text/plain", b"{}")), 415);
    assert_eq!(shaped(&body("application/json", b"{")), 422);
    assert_eq!(shaped(&body("application/json", b"\xff\xfe")), 422);
    assert_eq!(
        shaped(&body("application/json", b"{\"account\":\"\\ud800\"}")),
        422
    );
    assert_eq!(
        shaped(&body("application/json", "[".repeat(10_000).as_bytes())),
        422
    );
    assert_eq!(shaped(&body("application/json", b"[]")), 422);
    assert_eq!(shaped(&body("application/json", &vec![b' '; 300_000])), 413);
    assert_eq!(
        shaped(&alice.get(&format!("{T}?x={}", "x".repeat(9_000)))),
        414
    );
    assert_eq!(shaped(&alice.get(&format!("{T}?ids=%ff"))), 422);
    for id in ["abc", "-1", "0", "99999999999999999999", "%00", "1%2f2"] {
        assert_eq!(shaped(&alice.get(&format!("{T}/{id}"))), 404, "{id}");
    }
    let bytes = site
        .server
        .client()
        .send_bytes(b"GET /api/v1/user HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n");
    assert_eq!(shaped(&bytes), 400);
}

/// 002-17. Whatever a field holds, the answer is one of the contract's.
#[test]
fn row_17_hostile_fields_are_answered() {
    let site = Site::start();
    let alice = site.by("alice");
    let nul = "a\u{0}b";
    let long = "x".repeat(50_000);
    for text in [
        nul,
        "\u{202e}",
        "'; DROP TABLE users; --",
        "<script>",
        long.as_str(),
        "\u{1f600}",
    ] {
        for body in [
            json!({"otp_type": "totp", "account": text}),
            json!({"otp_type": "totp", "account": "a", "service": text, "icon": text}),
            json!({"uri": text}),
            json!({"uri": format!("otpauth://totp/{text}?secret=JBSWY3DPEHPK3PXP")}),
        ] {
            let status = alice.post(T, &body).status;
            assert!(matches!(status, 201 | 400 | 422), "{status}");
        }
        let status = alice.post("/api/v1/groups", &json!({"name": text})).status;
        assert!(matches!(status, 201 | 422), "{status}");
        let path = "/api/v1/user/preferences/lang";
        assert_eq!(alice.call("PUT", path, &json!({"value": text})).status, 201);
        let status = alice.post("/api/v1/users", &json!({"name": text, "email": text, "password": text, "password_confirmation": text, "is_admin": false})).status;
        assert_eq!(status, 422);
    }
    let list = alice.get(T);
    assert_eq!(list.status, 200);
    for body in [
        json!({"orderedIds": [1.5]}),
        json!({"orderedIds": [null]}),
        json!({"orderedIds": {"a": 1}}),
    ] {
        invalid(&alice.post(&format!("{T}/reorder"), &body), "orderedIds");
    }
    assert_eq!(
        alice.get(&format!("{T}?ids=99999999999999999999")).json(),
        Value::Array(Vec::new())
    );
}
