//! Sessions of a browser: their cookies, and what ends them.

use contract_server::testing::{Request, Response};
use serde_json::{Value, json};

use crate::support::{Browser, PASSWORD, Site, refused};

const ME: &str = "/api/v1/user";

fn cookies(response: &Response) -> Vec<&str> {
    let set = response
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    set.map(|(_, value)| value.as_str()).collect()
}

#[track_caller]
fn get(browser: &Browser, path: &str) -> Response {
    browser.call("GET", path, &Value::Null)
}

/// No header says who somebody is: nobody signs in by a proxy, and so no proxy is told that it failed to, with 407.
#[test]
fn proxies_sign_nobody_in() {
    let site = Site::start();
    for name in [
        "remote-user",
        "remote-email",
        "x-remote-user",
        "x-forwarded-user",
        "x-forwarded-email",
        "x-auth-request-email",
    ] {
        for who in ["alice", "alice@example.org", "1"] {
            let request = Request::new("GET", ME).header(name, who);
            refused(&site.send(&request), 401, "Unauthenticated.");
        }
    }
    let bearer = format!("Bearer {}", crate::support::token("alice"));
    let request = Request::new("GET", ME).header("proxy-authorization", &bearer);
    refused(&site.send(&request), 401, "Unauthenticated.");
}

/// Behind a proxy that speaks TLS, cookies are sent over TLS alone: the proxy says so, or whoever started the server did.
#[test]
fn cookies_are_secure_behind_tls() {
    let body = json!({"email": "alice@example.org", "password": PASSWORD});
    let sign_in = Request::new("POST", "/user/login").json(&body);
    let proxied = sign_in.clone().header("x-forwarded-proto", "https");
    let site = Site::start();
    for (request, secure) in [(&sign_in, false), (&proxied, true)] {
        let response = site.send(request);
        let cookies = cookies(&response);
        assert_eq!(cookies.len(), 2);
        for cookie in cookies {
            assert_eq!(cookie.contains("; Secure"), secure, "{cookie}");
            assert!(cookie.contains("; SameSite=Lax") && cookie.contains("Path=/"));
            let session = cookie.starts_with("twofauth_session=");
            assert_eq!(cookie.contains("; HttpOnly"), session, "{cookie}");
        }
    }
    let settings = json!({"throttle_api": 0});
    let site = Site::with_options(&settings, &["--origin", "https://codes.example.org"]);
    let response = site.send(&sign_in);
    assert!(
        cookies(&response)
            .iter()
            .all(|cookie| cookie.contains("; Secure"))
    );
    let refreshed = site.send(&Request::new("GET", "/refresh-csrf"));
    assert!(
        cookies(&refreshed)
            .iter()
            .all(|cookie| cookie.contains("; Secure"))
    );
    // That origin, whatever the host is called, and no other: neither another scheme nor the host's own.
    let browser = site.browser(&response);
    for (origin, status) in [
        ("https://codes.example.org", 200),
        ("http://codes.example.org", 419),
        ("http://localhost", 419),
    ] {
        let request = browser.request("GET", ME).header("origin", origin);
        assert_eq!(browser.send(&request).status, status, "{origin}");
    }
}

/// A browser that knows of no page that asks proves no page of this origin.
#[test]
fn requests_of_no_page_change_nothing() {
    let site = Site::start();
    let browser = site.sign_in("alice");
    let request = |method: &str, path: &str| {
        browser
            .request(method, path)
            .header("sec-fetch-site", "none")
    };
    assert_eq!(browser.send(&request("GET", ME)).status, 200);
    let token = request("POST", "/oauth/personal-access-tokens").json(&json!({"name": "x"}));
    refused(&browser.send(&token), 419, "CSRF token mismatch.");
}

/// 002-17. A session that was left alone for longer than its user wants is ended: 418 once, and nobody's then. A token is
/// no session.
#[test]
fn row_17_idle_sessions_are_ended() {
    let site = Site::start();
    let alice = site.by("alice");
    let browser = site.sign_in("alice");
    // Each request counts, not one a minute.
    let mut now = 0;
    for seconds in [15 * 60 - 30, 59, 15 * 60 - 30] {
        now += seconds;
        site.server.ahead(now);
        assert_eq!(get(&browser, ME).status, 200, "{seconds}");
    }
    now += 15 * 60 + 1;
    site.server.ahead(now);
    refused(&get(&browser, ME), 418, "inactivity detected");
    refused(&get(&browser, ME), 401, "Unauthenticated.");
    assert_eq!(alice.get(ME).status, 200);
    let prefer = |minutes: Value| {
        let path = "/api/v1/user/preferences/kickUserAfter";
        let set = alice.call("PUT", path, &json!({"value": minutes}));
        assert_eq!(set.status, 201);
    };
    // A number that a client sends as a text is one too; 0 is never.
    for (minutes, waits, status) in [
        (json!(1), 61, 418),
        (json!("2"), 95, 200),
        (json!("2"), 121, 418),
        (json!(0), 86_400, 200),
        (json!(-1), 86_400, 200),
    ] {
        prefer(minutes.clone());
        let browser = site.sign_in("alice");
        now += waits;
        site.server.ahead(now);
        assert_eq!(get(&browser, ME).status, status, "{minutes}");
    }
}

/// Of requests at once on a session that was left alone, none is answered.
#[test]
fn row_17_idle_sessions_answer_none_of_many() {
    let site = Site::with(&json!({"throttle_api": 0}));
    for round in 1..=8 {
        let browser = site.sign_in("alice");
        site.server.ahead(round * (15 * 60 + 1));
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..12)
                .map(|_| scope.spawn(|| get(&browser, ME).status))
                .collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let told = |status| statuses.iter().filter(|other| **other == status).count();
        assert_eq!((told(418), told(401)), (1, 11), "{statuses:?}");
    }
}

/// A sign-in with the old password that races a reset has no session left once the reset is done.
#[test]
fn sign_ins_that_race_a_reset_are_ended() {
    let site = Site::with(&json!({"throttle_api": 0, "login_throttle": 0}));
    let alice = site.by("alice");
    let mut passwords = [PASSWORD, "another password"];
    for _ in 0..2 {
        let [old, new] = passwords;
        let signed_in = std::thread::scope(|scope| {
            let racers: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let mut signed_in = Vec::new();
                        loop {
                            let response = site.try_sign_in("bob", old);
                            if response.status != 200 {
                                return signed_in;
                            }
                            signed_in.push(site.browser(&response));
                        }
                    })
                })
                .collect();
            let reset = alice.call("PATCH", "/api/v1/users/2/password/reset", &Value::Null);
            assert_eq!(reset.status, 200, "{}", reset.json());
            let racers = racers.into_iter();
            racers
                .flat_map(|racer| racer.join().unwrap())
                .collect::<Vec<_>>()
        });
        for browser in signed_in {
            refused(&get(&browser, ME), 401, "Unauthenticated.");
        }
        let mail = site.server.outbox().pop().unwrap();
        let body = json!({"token": mail["token"], "password": new, "password_confirmation": new});
        let set = Request::new("POST", "/user/password/reset").json(&body);
        assert_eq!(site.send(&set).status, 200);
        assert_eq!(site.try_sign_in("bob", old).status, 401);
        assert_eq!(site.try_sign_in("bob", new).status, 200);
        passwords.reverse();
    }
}

/// Of resets at once with one token, one sets its password, and a refusal of the new password leaves the token.
#[test]
fn resets_at_once_set_one_password() {
    let site = Site::start();
    let alice = site.by("alice");
    let reset = alice.call("PATCH", "/api/v1/users/2/password/reset", &Value::Null);
    assert_eq!(reset.status, 200);
    let token = site.server.outbox().pop().unwrap()["token"].clone();
    let set = |password: &str| {
        let body = json!({"token": token, "password": password, "password_confirmation": password});
        site.send(&Request::new("POST", "/user/password/reset").json(&body))
            .status
    };
    assert_eq!(set("short"), 422);
    let passwords: Vec<String> = (0..6).map(|at| format!("a new password {at}")).collect();
    let set: Vec<u16> = std::thread::scope(|scope| {
        let sets: Vec<_> = passwords
            .iter()
            .map(|password| scope.spawn(|| set(password)))
            .collect();
        sets.into_iter().map(|set| set.join().unwrap()).collect()
    });
    assert_eq!(
        set.iter().filter(|status| **status == 200).count(),
        1,
        "{set:?}"
    );
    for (password, set) in passwords.iter().zip(&set) {
        let signed_in = site.try_sign_in("bob", password).status;
        assert_eq!(signed_in, if *set == 200 { 200 } else { 401 });
    }
}
