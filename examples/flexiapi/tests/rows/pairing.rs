//! Row 003-9: a pairing token is attached by a user and exchanged for an API key by whoever has it.

use contract_server::testing::{Request, Response};
use serde_json::json;

use crate::support::{Site, count, empty, is_alphanumeric, refused_somehow, token};

fn made(site: &Site) -> String {
    let response = site.post("accounts/auth_token", &json!({}));
    let json = response.json();
    let fields: Vec<_> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        (response.status, fields),
        (201, vec!["ip", "token", "user_agent"])
    );
    token(&response)
}

fn attach(site: &Site, name: &str, token: &str) -> Response {
    site.get_as(name, &format!("accounts/auth_token/{token}/attach"))
}

fn exchange(site: &Site, token: &str) -> Response {
    site.get(&format!("accounts/me/api_key/{token}"))
}

fn me(site: &Site, key: &str) -> Response {
    site.send(&Request::new("GET", "/api/accounts/me").header("x-api-key", key))
}

/// From the token to a key that works, as header and as cookie; afterwards the token is gone in all three calls.
#[test]
fn pairing_hands_out_a_key_once() {
    let site = Site::start();
    let text = made(&site);
    assert!(is_alphanumeric(&text, 32));
    refused_somehow(&exchange(&site, &text), 404);
    refused_somehow(
        &site.get(&format!("accounts/auth_token/{text}/attach")),
        401,
    );
    empty(&attach(&site, "bob", &text));
    refused_somehow(&attach(&site, "bob", &text), 404);
    refused_somehow(&attach(&site, "alicia", &text), 404);
    let response = exchange(&site, &text);
    let json = response.json();
    assert_eq!(
        (response.status, json.as_object().unwrap().len()),
        (200, 1),
        "{json}"
    );
    let key = json["api_key"].as_str().unwrap();
    assert!(is_alphanumeric(key, 40));
    let cookie = response.header("set-cookie").unwrap();
    assert!(cookie.starts_with(&format!("x-api-key={key}; ")) && cookie.contains("HttpOnly"));
    assert_eq!(me(&site, key).json()["username"], "bob");
    let by_cookie =
        Request::new("GET", "/api/accounts/me").header("cookie", &format!("a=b; x-api-key={key}"));
    assert_eq!(site.send(&by_cookie).json()["username"], "bob");
    for gone in [text.as_str(), "x", &"0".repeat(32), "%00", "a%2Fb"] {
        refused_somehow(&exchange(&site, gone), 404);
        refused_somehow(&attach(&site, "bob", gone), 404);
    }
}

/// Five minutes, for the exchange as well.
#[test]
fn pairing_token_lives_five_minutes() {
    let site = Site::start();
    let (one, two, three) = (made(&site), made(&site), made(&site));
    site.server.ahead(270);
    empty(&attach(&site, "bob", &one));
    empty(&attach(&site, "bob", &two));
    assert_eq!(exchange(&site, &one).status, 200);
    site.server.ahead(301);
    refused_somehow(&exchange(&site, &two), 404);
    refused_somehow(&attach(&site, "bob", &three), 404);
}

/// A paired key ends after an hour without use, and when another is handed out; the key of the file does neither.
#[test]
fn paired_key_ends_unused_or_replaced() {
    let site = Site::start();
    let pair = || {
        let text = made(&site);
        empty(&attach(&site, "bob", &text));
        exchange(&site, &text).json()["api_key"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let key = pair();
    let hour = 3_600;
    for at in [hour - 30, 2 * hour - 61] {
        site.server.ahead(at);
        assert_eq!(me(&site, &key).status, 200, "used within the hour");
    }
    site.server.ahead(3 * hour);
    let ended = me(&site, &key);
    assert_eq!(
        (ended.status, ended.body.as_slice()),
        (401, &b"Invalid API Key"[..])
    );
    let (first, second) = (pair(), pair());
    assert_eq!(me(&site, &first).status, 401);
    assert_eq!(me(&site, &second).status, 200);
    site.server.ahead(10 * 365 * 24 * hour);
    assert_eq!(site.get_as("bob", "accounts/me").status, 200);
}

/// A key that was handed out to one address is good from no other.
#[test]
fn paired_key_is_bound_to_its_address() {
    let site = Site::start();
    let text = made(&site);
    empty(&attach(&site, "bob", &text));
    let key = exchange(&site, &text).json()["api_key"]
        .as_str()
        .unwrap()
        .to_owned();
    let request = format!(
        "GET /api/accounts/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: {key}\r\n\
         x-forwarded-for: 127.0.0.1\r\n\r\n"
    );
    let from = |address: &str| sent_from(address, site.server.url(), &request);
    assert!(from("127.0.0.1").starts_with("HTTP/1.1 200"));
    let other = from("127.0.0.2");
    assert!(
        other.starts_with("HTTP/1.1 401") && other.ends_with("Invalid API Key"),
        "{other}"
    );
}

/// The answer to these bytes, sent from this address of the loopback.
fn sent_from(address: &str, url: &str, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (own, to) = (format!("{address}:0"), url.trim_start_matches("http://"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(own.parse().unwrap()).unwrap();
        let mut stream = socket.connect(to.parse().unwrap()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    })
}

/// Of many who attach, or exchange, at once one does.
#[test]
fn pairing_at_once_happens_once() {
    let site = Site::start();
    let text = made(&site);
    let names = ["bob", "alicia"];
    let statuses = site.at_once(12, |at| attach(&site, names[at % 2], &text).status);
    assert_eq!((count(&statuses, 200), count(&statuses, 404)), (1, 11));
    let statuses = site.at_once(12, |_| exchange(&site, &text).status);
    assert_eq!((count(&statuses, 200), count(&statuses, 404)), (1, 11));
}
