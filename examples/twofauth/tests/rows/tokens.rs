//! Personal access tokens and sessions.

use contract_server::testing::Request;
use serde_json::{Value, json};

use crate::support::{Site, invalid, refused};

const P: &str = "/oauth/personal-access-tokens";

/// 002-15. A token is shown once and good until it is revoked; then it is nobody's at once.
#[test]
fn row_15_tokens_live_until_revoked() {
    let mut site = Site::start();
    let alice = site.by("alice");
    let browser = site.sign_in("alice");
    let made: Vec<Value> = ["one", "two"]
        .iter()
        .map(|name| {
            let made = browser.call("POST", P, &json!({"name": name, "scopes": []}));
            assert_eq!(made.status, 200, "{}", made.json());
            made.json()
        })
        .collect();
    let text = made[0]["accessToken"].as_str().unwrap().to_owned();
    assert!(text.len() >= 32);
    let by = alice.with_token(&text);
    assert_eq!(by.get("/api/v1/user").json()["name"], "alice");
    let list = browser.call("GET", P, &Value::Null).json();
    let names: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["name"].clone())
        .collect();
    assert_eq!(names, ["first", "one", "two"]);
    assert!(!list.to_string().contains(&text));
    for field in ["id", "scopes", "revoked", "created_at", "expires_at"] {
        assert!(list[1].get(field).is_some(), "{field}");
    }
    assert_eq!(list[1]["expires_at"], Value::Null);
    // Ten years on it is as good.
    site.server.ahead(3_650 * 86_400);
    assert_eq!(by.get("/api/v1/user").status, 200);
    assert_eq!(alice.get("/api/v1/user").status, 200);
    site.server.ahead(0);
    let id = made[0]["accessTokenId"].as_str().unwrap();
    let path = format!("{P}/{id}");
    let bob = site.sign_in("bob");
    assert_eq!(bob.call("DELETE", &path, &Value::Null).status, 404);
    assert_eq!(browser.call("DELETE", &path, &Value::Null).status, 204);
    refused(&by.get("/api/v1/user"), 401, "Unauthenticated.");
    refused(
        &browser.call("DELETE", &path, &Value::Null),
        404,
        "not found",
    );
    assert_eq!(
        browser
            .call("GET", P, &Value::Null)
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // An administrator ends all of a user's, those of the accounts file too.
    assert_eq!(site.by("bob").get("/api/v1/user").status, 200);
    assert_eq!(alice.delete("/api/v1/users/2/pats").status, 204);
    refused(&site.by("bob").get("/api/v1/user"), 401, "Unauthenticated.");
    // Also after SIGKILL.
    let two = made[1]["accessToken"].as_str().unwrap().to_owned();
    site.server.kill_and_restart();
    let alice = site.by("alice");
    assert_eq!(alice.with_token(&two).get("/api/v1/user").status, 200);
    refused(
        &alice.with_token(&text).get("/api/v1/user"),
        401,
        "Unauthenticated.",
    );
    refused(&site.by("bob").get("/api/v1/user"), 401, "Unauthenticated.");
}

/// 002-15. A token makes no tokens; a name is there and not too long; there are no scopes.
#[test]
fn row_15_tokens_are_made_in_a_session() {
    let site = Site::start();
    let alice = site.by("alice");
    refused(&alice.get(P), 401, "Unauthenticated.");
    refused(
        &alice.post(P, &json!({"name": "x"})),
        401,
        "Unauthenticated.",
    );
    refused(&alice.delete(&format!("{P}/x")), 401, "Unauthenticated.");
    let browser = site.sign_in("alice");
    invalid(&browser.call("POST", P, &json!({"scopes": []})), "name");
    invalid(
        &browser.call("POST", P, &json!({"name": "x".repeat(256)})),
        "name",
    );
    invalid(
        &browser.call("POST", P, &json!({"name": "x", "scopes": ["all"]})),
        "scopes",
    );
    let long = browser.call("POST", P, &json!({"name": "ä".repeat(255)}));
    assert_eq!(long.status, 200);
    refused(
        &browser.call("DELETE", &format!("{P}/x"), &Value::Null),
        404,
        "not found",
    );
}

/// 002-15. Where the administrator names a lifetime, tokens that are made end then.
#[test]
fn row_15_lifetimes_are_optional() {
    let site = Site::with(&json!({"throttle_api": 0, "pat_lifetime_days": 2}));
    let browser = site.sign_in("alice");
    let made = browser.call("POST", P, &json!({"name": "x"})).json();
    assert!(made["token"]["expires_at"].is_string());
    let by = site
        .by("alice")
        .with_token(made["accessToken"].as_str().unwrap());
    site.server.ahead(2 * 86_400 - 60);
    assert_eq!(by.get("/api/v1/user").status, 200);
    site.server.ahead(2 * 86_400 + 60);
    refused(&by.get("/api/v1/user"), 401, "Unauthenticated.");
    assert_eq!(site.by("alice").get("/api/v1/user").status, 200);
}

/// 002-15. A token may have an end of its own, which has to be to come.
#[test]
fn row_15_an_end_may_be_named() {
    let site = Site::start();
    let browser = site.sign_in("alice");
    let made = |end: &str| browser.call("POST", P, &json!({"name": "x", "expires_at": end}));
    for wrong in ["2000-01-01T00:00:00Z", "tomorrow"] {
        invalid(&made(wrong), "expires_at");
    }
    let end = made("2999-01-01T00:00:00Z").json()["token"]["expires_at"].clone();
    assert_eq!(end, "2999-01-01T00:00:00.000000Z");
}

/// A session changes nothing for a page of another origin, and needs JSON.
#[test]
fn sessions_change_nothing_for_others() {
    let site = Site::start();
    let browser = site.sign_in("alice");
    assert!(browser.cookies.contains("twofauth_session="));
    let post = |headers: &[(&str, &str)]| {
        let mut request = browser.request("POST", P);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        browser.send(&request.json(&json!({"name": "x"}))).status
    };
    let token = browser
        .cookies
        .split("; ")
        .find_map(|cookie| cookie.strip_prefix("XSRF-TOKEN="));
    let token = token.unwrap();
    assert_eq!(post(&[]), 419);
    assert_eq!(post(&[("origin", "https://example.org")]), 419);
    assert_eq!(post(&[("origin", "null")]), 419);
    assert_eq!(post(&[("sec-fetch-site", "cross-site")]), 419);
    assert_eq!(
        post(&[("origin", "https://example.org"), ("x-xsrf-token", token)]),
        419
    );
    assert_eq!(post(&[("x-xsrf-token", "wrong")]), 419);
    assert_eq!(post(&[("x-xsrf-token", token)]), 200);
    assert_eq!(post(&[("origin", "http://localhost")]), 200);
    assert_eq!(post(&[("sec-fetch-site", "same-origin")]), 200);
    let text = browser
        .request("POST", P)
        .header("origin", "http://localhost");
    let text = text
        .header("content-type", "text/plain")
        .body("{\"name\":\"x\"}");
    assert_eq!(browser.send(&text).status, 415);
    let foreign = json!({"email": "alice@example.org", "password": crate::support::PASSWORD});
    let foreign = Request::new("POST", "/user/login")
        .header("origin", "https://example.org")
        .json(&foreign);
    assert_eq!(site.send(&foreign).status, 419);
    assert_eq!(
        browser.call("GET", "/api/v1/user", &Value::Null).json()["name"],
        "alice"
    );
    assert_eq!(
        browser.call("GET", "/user/logout", &Value::Null).status,
        200
    );
    refused(
        &browser.call("GET", "/api/v1/user", &Value::Null),
        401,
        "Unauthenticated.",
    );
    let refreshed = site.send(&Request::new("GET", "/refresh-csrf"));
    assert!(
        refreshed.status == 204
            && refreshed
                .header("set-cookie")
                .unwrap()
                .starts_with("XSRF-TOKEN=")
    );
}
