//! How a session is carried, how long it lives, whose it is, and what needs one.

use contract_server::testing::Request;
use serde_json::json;

use crate::support::{BASE, PASSWORD, Site, at_once, code, refused, whole, wrong};

/// 000-13: header and cookie carry one value while the session lives, and errors do too.
#[test]
fn row_13_header_and_cookie_carry_one_value() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    let first = alice.get("session/request");
    let id = first.header("x-api-session").expect("a session").to_owned();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
    assert!(!id.is_empty() && id.bytes().all(plain), "{id}");
    for response in [
        alice.get("session/keepalive"),
        alice.get("keychain/get"),
        alice.get("nothing/here"),
        alice.open(&json!({"totp": wrong()})),
        alice.open(&json!({"totp": code(0)})),
        alice.get("token/nothing/request"),
    ] {
        assert_eq!(response.header("x-api-session"), Some(id.as_str()));
        let cookie = response.header("set-cookie").expect("a cookie");
        assert!(
            cookie.starts_with(&format!("nc_passwords={id};")),
            "{cookie}"
        );
    }
    // The cookie alone will do, and is read before the header.
    let client = site.client();
    let path = format!("{BASE}/session/request");
    let by_cookie = Request::new("GET", &path).basic("alice", "alice-token-1");
    let by_cookie = by_cookie.header("cookie", &format!("a=b; nc_passwords={id}; c=d"));
    assert_eq!(client.send(&by_cookie).json(), json!({}));
    let other = site.with_token("alice", 2).get("session/request");
    let other = other.header("x-api-session").expect("a session");
    let response = client.send(&by_cookie.header("x-api-session", other));
    assert_eq!(response.header("x-api-session"), Some(id.as_str()));
    // A call without a session makes one.
    let made = site.with_token("alice", 1).get("session/keepalive");
    assert_ne!(made.header("x-api-session"), Some(id.as_str()));
}

/// 000-13: it lives so long after its last use, whichever call that was.
#[test]
fn row_13_lives_ten_minutes_after_each_use() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    for (ahead, path) in [
        (10, "session/request"),
        // Within a minute of the last use, which the token alone would not note.
        (50, "session/request"),
        (630, "session/keepalive"),
        (1_210, "keychain/get"),
        (1_780, "nothing/here"),
        (2_350, "token/nothing/request"),
    ] {
        site.server.ahead(ahead);
        let before = alice.session.clone();
        let response = alice.get(path);
        assert_eq!(
            response.header("x-api-session"),
            before.as_deref(),
            "{path}"
        );
    }
    assert_eq!(alice.get("keychain/get").status, 200);
    site.server.ahead(2_350 + 640);
    let dead = alice.session.clone();
    let response = alice.get("keychain/get");
    refused(&response, 412, "Authorized session required", "4ad27488");
    assert_ne!(response.header("x-api-session"), dead.as_deref());
}

/// 000-13: the lifetime is a setting, and below thirty seconds it is the default.
#[test]
fn row_13_lifetime_is_a_setting() {
    for (lifetime, lives) in [(40, false), (29, true)] {
        let settings = json!({"session_lifetime_seconds": lifetime});
        let site = Site::of(&[whole("alice")], &settings);
        let mut alice = site.with_token("alice", 1);
        let first = alice.get("session/keepalive");
        site.server.ahead(45);
        let second = alice.get("session/keepalive");
        let same = first.header("x-api-session") == second.header("x-api-session");
        assert_eq!(same, lives, "{lifetime}");
    }
}

/// 000-13: another user or another kind of login deletes the session.
#[test]
fn row_13_bound_to_user_and_login() {
    let site = Site::start();
    for (user, secret) in [("bob", "bob-token-1"), ("alice", PASSWORD)] {
        let mut alice = site.with_token("alice", 1);
        alice.get("session/keepalive");
        let id = alice.session.clone().expect("a session");
        let mut other = site.visitor(user, secret);
        other.session = Some(id.clone());
        let response = other.get("session/keepalive");
        assert_ne!(response.header("x-api-session"), Some(id.as_str()));
        let gone = alice.get("session/keepalive");
        assert_ne!(gone.header("x-api-session"), Some(id.as_str()));
    }
    // Another app token is no other kind.
    let mut alice = site.with_token("alice", 1);
    alice.get("session/keepalive");
    let mut second = site.with_token("alice", 2);
    second.session = alice.session.clone();
    second.get("session/keepalive");
    assert_eq!(second.session, alice.session);
}

/// 000-13: keepalive needs none, close needs an opened one where there is a challenge, and ends it.
#[test]
fn row_13_keepalive_and_close() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    let alive = alice.get("session/keepalive");
    assert_eq!(
        (alive.status, alive.json()),
        (200, json!({"success": true}))
    );
    let early = alice.get("session/close");
    refused(&early, 412, "Authorized session required", "4ad27488");
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    let id = alice.session.clone();
    let closed = alice.get("session/close");
    assert_eq!(
        (closed.status, closed.json()),
        (200, json!({"success": true}))
    );
    alice.session = id.clone();
    assert_eq!(alice.get("session/close").status, 412);
    assert_ne!(alice.session, id);
}

/// 000-13: every other call needs an opened session where there is a challenge.
#[test]
fn row_13_other_calls_need_an_open_session() {
    let none = crate::support::with("bob", &json!({"challenge": null, "keychain": null}));
    let site = Site::of(&[whole("alice"), none], &json!({}));
    let (mut alice, mut bob) = (site.with_token("alice", 1), site.with_token("bob", 1));
    for (method, path) in [
        ("GET", "session/close"),
        ("GET", "account/challenge/get"),
        ("POST", "account/challenge/set"),
        ("GET", "account/reset"),
        ("POST", "account/reset"),
        ("GET", "keychain/get"),
        ("POST", "keychain/set"),
        ("GET", "password/list"),
        ("POST", "folder/create"),
        ("DELETE", "tag/delete"),
    ] {
        let request = alice.request(method, path).json(&json!({}));
        let response = alice.send(&request);
        refused(&response, 412, "Authorized session required", "4ad27488");
    }
    assert_eq!(bob.get("keychain/get").json(), json!([]));
    refused(
        &bob.get("account/challenge/get"),
        404,
        "Not found",
        "135d4069",
    );
    refused(&bob.get("password/list"), 404, "Resource not found", "404");
    let set = bob.post("keychain/set", &json!({"id": "CSEv1r1", "data": "00"}));
    refused(&set, 500, "Encryption not enabled", "a6bb2388");
}

/// Pages of other origins may ask, without cookies.
#[test]
fn preflights_need_no_credentials() {
    let site = Site::start();
    let client = site.client();
    for path in [
        "session/open",
        "account/reset",
        "keychain/set",
        "token/totp/request",
    ] {
        let request = Request::new("OPTIONS", &format!("{BASE}/{path}"))
            .header("origin", "https://example.org")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization");
        let response = client.send(&request);
        assert_eq!(response.status, 204);
        assert_eq!(response.header("access-control-allow-origin"), Some("*"));
        assert_eq!(response.header("access-control-allow-credentials"), None);
        let headers = response.header("access-control-allow-headers");
        for name in ["authorization", "content-type", "x-api-session"] {
            assert!(headers.is_some_and(|headers| headers.contains(name)));
        }
    }
}

/// 000-13: the base itself, and what needs no authorised session, are unknown like any other call.
#[test]
fn row_13_base_and_exempt_calls_are_calls() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    let base = format!("{BASE}/");
    assert_eq!(site.client().send(&Request::new("GET", &base)).status, 401);
    let response = alice.get(&base);
    refused(&response, 412, "Authorized session required", "4ad27488");
    assert!(response.header("x-api-session").is_some());
    for path in [
        "settings/get",
        "settings/list",
        "service/avatar/alice/32",
        "service/favicon/example.org/32",
        "service/preview/example.org",
        "service/hashes/00000",
    ] {
        let response = alice.get(path);
        refused(&response, 404, "Resource not found", "404");
        assert!(response.header("x-api-session").is_some());
    }
    assert_eq!(alice.get("settings/set").status, 412);
    assert_eq!(alice.get("service/avatars").status, 412);
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    refused(&alice.get(&base), 404, "Resource not found", "404");
}

/// 000-13: of twelve that close one session at once one does.
#[test]
fn row_13_closed_once() {
    let site = Site::start();
    let mut alice = site.with_token("alice", 1);
    assert_eq!(alice.open(&json!({"totp": code(0)})).status, 200);
    let mut answers = at_once(&alice, "session/close");
    answers.sort_unstable();
    assert_eq!(answers[0], 200);
    assert!(
        answers[1..].iter().all(|status| *status == 412),
        "{answers:?}"
    );
}
