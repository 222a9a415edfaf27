//! Hostile input to every endpoint: 4xx in the contract's shape, and the server goes on.

use contract_server::testing::{OpenApi, Request};
use serde_json::{Map, Value, json};

use crate::support::{Site, key};

/// Every parameter of the contract.
const FIELDS: [&str; 12] = [
    "pn_provider",
    "pn_param",
    "pn_prid",
    "account_creation_token",
    "account_creation_request_token",
    "account_recovery_token",
    "username",
    "password",
    "phone",
    "email",
    "code",
    "admin",
];

fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(""),
        json!(0),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(true),
        json!([]),
        json!(["a", ["b"]]),
        json!({"a": {"b": 1}}),
        json!("\u{0}"),
        json!("a\u{0}b"),
        json!("\u{202e}\u{feff}\u{10ffff}"),
        json!("'; DROP TABLE contract_documents; --"),
        json!("../../../etc/passwd"),
        json!("{{7*7}}${7*7}%s%n"),
        json!("\r\nset-cookie: a=b"),
        json!("a".repeat(255)),
        json!("é".repeat(255)),
        json!("a".repeat(256)),
        json!("a".repeat(200_000)),
    ]
}

/// No value of any parameter of any operation is a 5xx or a dropped connection, and every refusal has the shape.
#[test]
fn endpoints_survive_every_value() {
    let site = Site::start();
    let openapi = OpenApi::new(include_str!("../../openapi.json"));
    let shaped = |request: &Request, what: &str| {
        let response = site.send(request);
        let status = response.status;
        assert!(status < 500 && status != 408, "{what}: {response:?}");
        if status >= 400 {
            assert_eq!(
                response.header("content-type"),
                Some("application/json"),
                "{what}"
            );
            assert!(response.json()["message"].is_string(), "{what}");
        }
    };
    for (method, path) in openapi.operations() {
        for bad in [
            "0",
            "x",
            "%00",
            "%F0%9F%92%A9",
            "-1",
            "99999999999999999999",
            "a%2Fb",
            "%27%20OR%201=1",
        ] {
            let path = path.replace("{token}", bad).replace("{id}", bad);
            let request = Request::new(&method, &path).header("x-api-key", &key("admin"));
            shaped(&request, &format!("{method} {path}"));
        }
        if method != "POST" {
            continue;
        }
        // Every field at once, since the account is blocked soon: one value after the other.
        let path = path.replace("{id}", "0");
        for value in values() {
            let body: Map<_, _> = FIELDS
                .iter()
                .map(|field| (String::from(*field), value.clone()))
                .collect();
            let request = Request::new("POST", &path).header("x-api-key", &key("admin"));
            shaped(
                &request.json(&Value::Object(body)),
                &format!("{path}: {value:.60}"),
            );
        }
        let form = Request::new("POST", &path).header("x-api-key", &key("admin"));
        shaped(
            &form.body("account_creation_request_token=%00&phone=%ff"),
            &path,
        );
    }
    assert_eq!(site.get("ping").status, 200);
    assert!(
        site.server.outbox().is_empty(),
        "nothing of it sent a message"
    );
}

/// Bodies of a megabyte are refused with 413 on every path, and the connection is answered.
#[test]
fn megabyte_is_refused_everywhere() {
    let site = Site::start();
    let openapi = OpenApi::new(include_str!("../../openapi.json"));
    let megabyte = json!({"username": "a".repeat(1 << 20)});
    for (method, path) in openapi.operations() {
        let path = path.replace("{token}", "x").replace("{id}", "1");
        let request = Request::new(&method, &path).header("x-api-key", &key("admin"));
        let response = site.send(&request.json(&megabyte));
        assert_eq!(response.status, 413, "{method} {path}");
        assert!(response.json()["message"].is_string());
    }
}
