//! What nobody in their right mind sends: each has an answer of the contract, and the server goes on.

use contract_server::testing::{Request, Response};
use serde_json::{Value, json};

use crate::support::{BASE, PASSWORD, Site, Visitor, code, refused, solution, whole, wrong};

const OCS: &str = "/ocs/v2.php/apps/twofactor_nextcloud_notification/api/v1";

fn site() -> Site {
    let settings = json!({
        "open_limit": {"count": 1000, "seconds": 30}, "token_request_limit": {"count": 1000, "seconds": 60},
        "failed_attempts": 100_000,
    });
    Site::of(&[whole("alice")], &settings)
}

fn open(site: &Site) -> Visitor {
    let mut alice = site.with_token("alice", 1);
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    alice
}

/// A refusal of the client's fault, in the contract's shape.
#[track_caller]
fn answered(response: &Response, what: &str) {
    assert!(
        (400..500).contains(&response.status),
        "{what}: {}",
        response.status
    );
    let kind = response.header("content-type");
    assert_eq!(kind, Some("application/json"), "{what}");
    let body = response.json();
    let shaped = body["status"] == "error" && body["id"].is_string() && body["message"].is_string();
    assert!(
        shaped || body == json!({"success": false, "data": null}),
        "{what}: {body}"
    );
}

/// Bodies that are no object of JSON.
fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", Vec::new()),
        ("blanks", b"  ".to_vec()),
        ("a text", b"\"text\"".to_vec()),
        ("a number", b"1e999".to_vec()),
        ("null", b"null".to_vec()),
        ("a list", b"[1,2,3]".to_vec()),
        ("half", b"{\"challenge\":".to_vec()),
        ("two", b"{} {}".to_vec()),
        ("a form", b"challenge=1&token=2".to_vec()),
        ("no UTF-8", b"{\"challenge\":\"\xff\"}".to_vec()),
        ("half a surrogate", b"{\"challenge\":\"\\ud800\"}".to_vec()),
        ("a raw NUL", b"{\"challenge\":\"\0\"}".to_vec()),
        (
            "deep",
            [b"{\"token\":".to_vec(), b"[".repeat(100_000)].concat(),
        ),
        (
            "deep and whole",
            [b"[".repeat(50_000), b"]".repeat(50_000)].concat(),
        ),
        ("a BOM", b"\xef\xbb\xbf{}".to_vec()),
    ]
}

/// What stands where a text or an object belongs.
fn odd() -> Vec<Value> {
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5e300),
        json!([]),
        json!(["a"]),
        json!({}),
        json!({"a": {"b": []}}),
        json!(""),
        json!("\0"),
        json!("\u{202e}\u{feff}"),
        json!("x".repeat(100_000)),
        json!("'; DROP TABLE contract_documents; --"),
        deep,
    ]
}

/// Bodies that cannot be read are 400, counted nowhere, and carry the session.
#[test]
fn hostile_bodies_are_400() {
    let site = site();
    let mut alice = open(&site);
    for path in ["session/open", "account/challenge/set", "keychain/set"] {
        for (what, body) in unreadable() {
            let request = alice.request("POST", path).body(body);
            let before = alice.session.clone();
            let response = alice.send(&request);
            answered(&response, &format!("{path}: {what}"));
            assert_eq!(response.status, 400, "{path}: {what}");
            assert_eq!(alice.session, before, "{path}: {what}");
        }
    }
    for (what, body) in unreadable().into_iter().skip(1) {
        let request = alice.request("POST", "account/reset").body(body);
        answered(&alice.send(&request), what);
    }
    let fresh = Site::of(&[whole("alice")], &json!({"failed_attempts": 1}));
    let mut alice = fresh.with_token("alice", 1);
    let request = alice.request("POST", "session/open").body("[]");
    assert_eq!(alice.send(&request).status, 400);
    assert_eq!(
        alice.get("session/request").status,
        200,
        "it was no attempt"
    );
}

/// Wrong types in every field have the contract's answer.
#[test]
fn hostile_fields_are_refused() {
    let site = site();
    let mut alice = site.with_token("alice", 1);
    for value in odd() {
        for body in [
            json!({"token": value}),
            json!({"challenge": value}),
            json!({"challenge": solution(), "token": value}),
            json!({"challenge": solution(), "token": {"totp": value}}),
            json!({"challenge": solution(), "token": {"email": value}}),
            json!({"challenge": solution(), "token": {"backup_codes": value}}),
            json!({"challenge": solution(), "token": {"twofactor_nextcloud_notification": value}}),
            json!({"challenge": solution(), "token": {"recovery": value}}),
            json!({"challenge": value, "token": {"totp": wrong()}}),
        ] {
            let response = alice.post("session/open", &body);
            answered(&response, &body.to_string());
            assert_eq!(response.status, 401, "{body}");
        }
    }
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    for value in odd() {
        for (path, body) in [
            (
                "account/challenge/set",
                json!({"secret": value, "data": value, "oldSecret": value}),
            ),
            (
                "account/challenge/set",
                json!({"secret": value, "oldSecret": solution()}),
            ),
            (
                "account/challenge/set",
                json!({"secret": solution(), "data": value, "oldSecret": solution()}),
            ),
            ("keychain/set", json!({"id": value, "data": "00"})),
        ] {
            answered(&alice.post(path, &body), &body.to_string());
        }
        if !value.is_string() {
            let body = json!({"id": "CSEv1r1", "data": value});
            answered(&alice.post("keychain/set", &body), &body.to_string());
        }
        if !value.is_null() {
            let body = json!({"code": value});
            let response = alice.post("account/reset", &body);
            refused(&response, 403, "Invalid reset code", "7e130744");
        }
    }
    assert_eq!(
        alice.get("keychain/get").json(),
        json!({"CSEv1r1": "keychain of alice"})
    );
}

/// A megabyte is 413, also where nobody asked for a body, and the answer arrives.
#[test]
fn hostile_megabytes_are_413() {
    let site = site();
    let mut alice = open(&site);
    let large = json!({"challenge": "x".repeat(1_000_000)});
    for (method, path) in [
        ("POST", "session/open"),
        ("GET", "session/request"),
        ("POST", "account/challenge/set"),
        ("POST", "account/reset"),
        ("POST", "keychain/set"),
        ("POST", "nothing"),
        ("GET", "token/totp/request"),
    ] {
        let request = alice.request(method, path).json(&large);
        let response = alice.send(&request);
        answered(&response, path);
        assert_eq!(response.status, 413, "{path}");
    }
    let nobody = Request::new("POST", &format!("{BASE}/session/open")).json(&large);
    assert_eq!(site.client().send(&nobody).status, 401);
    let request = Request::new("POST", &format!("{OCS}/attempt/1"));
    let request = request.basic("alice", PASSWORD).json(&large);
    assert_eq!(site.client().send(&request).status, 404);
    // Much more than any buffer on the way holds.
    let request = alice.request("POST", "session/open");
    let response = alice.send(&request.body(vec![b' '; 80_000_000]));
    assert_eq!(response.status, 413);
    let fits = json!({"id": "CSEv1r1", "data": "0".repeat(200_000)});
    assert_eq!(alice.post("keychain/set", &fits).status, 200);
}

/// Methods, addresses and heads that there are not.
#[test]
fn hostile_addresses_are_refused() {
    let site = site();
    let mut alice = open(&site);
    for (method, path, status) in [
        ("DELETE", "session/open", 405),
        ("GET", "session/open", 405),
        ("POST", "session/request", 405),
        ("PUT", "keychain/set", 405),
        ("BREW", "session/keepalive", 405),
        ("GET", "nothing", 404),
        ("GET", "session/open/", 404),
        ("GET", "token//request", 400),
        ("GET", "token/a/b/request", 404),
        ("GET", "%zz", 404),
        ("GET", "%ff%00", 404),
        ("GET", "..%2f..%2fetc", 404),
        ("GET", "/", 404),
        ("GET", "/index.php", 404),
        ("POST", "/openapi.json", 405),
        (
            "GET",
            "/ocs/v2.php/apps/twofactor_nextcloud_notification/api/v1/attempt/1",
            405,
        ),
    ] {
        let request = alice.request(method, path);
        let response = alice.send(&request);
        answered(&response, path);
        assert_eq!(response.status, status, "{method} {path}");
    }
    for query in [
        "?code=%ff",
        "?code=%zz",
        "?code[]=1",
        "?=&&==&code",
        "?code=a&code=b",
    ] {
        let response = alice.get(&format!("account/reset{query}"));
        assert!(
            matches!(response.status, 202 | 403),
            "{query}: {}",
            response.status
        );
    }
    for length in [10_000, 30_000, 70_000, 200_000, 5_000_000] {
        let request = alice.request("GET", &"x".repeat(length));
        let response = alice.send(&request);
        answered(&response, "a long address");
        // Where the head can be read, the session is told with every answer.
        if response.status == 414 && length < 60_000 {
            assert_eq!(response.header("x-api-session"), alice.session.as_deref());
            assert!(response.header("set-cookie").is_some());
        }
        let elsewhere = format!("/{}", "x".repeat(length));
        let request = alice.request("GET", &elsewhere);
        answered(&alice.send(&request), "a long address elsewhere");
        let request = alice
            .request("GET", "session/request")
            .header("x-long", &"x".repeat(length));
        let response = site.server.client().send(&request);
        assert!(
            response.status == 200 || response.status == 431,
            "{}",
            response.status
        );
        if response.status == 431 {
            answered(&response, "a long head");
        }
    }
    let client = site.client();
    for bytes in [
        b"NONSENSE\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET /\xff HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec(),
        b"GET /\0 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n".to_vec(),
    ] {
        let response = client.send_bytes(&bytes);
        answered(&response, &String::from_utf8_lossy(&bytes));
    }
}

/// Sessions that are none make a new one, and cookies that are none are skipped.
#[test]
fn hostile_sessions_are_replaced() {
    let site = site();
    let client = site.client();
    let path = format!("{BASE}/session/keepalive");
    for text in [
        "",
        "x",
        "'",
        "%00",
        &"A".repeat(43),
        &"A".repeat(10_000),
        "a:b",
    ] {
        let request = Request::new("GET", &path).basic("alice", "alice-token-1");
        let request = request.header("x-api-session", text).header(
            "cookie",
            &format!("nc_passwords={text}; nc_passwords; =; ;"),
        );
        let response = client.send(&request);
        assert_eq!(response.status, 200);
        assert_ne!(response.header("x-api-session"), Some(text));
    }
    // Bytes that are no text.
    let head = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend(b"authorization: Basic YWxpY2U6YWxpY2UtdG9rZW4tMQ==\r\ncookie: \xff\xfe\r\nx-api-session: \xff\r\n\r\n");
    assert_eq!(client.send_bytes(&bytes).status, 200);
}
