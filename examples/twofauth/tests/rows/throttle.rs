//! Limits of the contract.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
};

use contract_server::testing::{Client, Request};
use serde_json::json;

use crate::{
    file::{add_old, rows},
    support::{PASSWORD, PROGRAM, Site, T, refused},
};

/// 002-16. So many requests a minute from one address, refused ones among them; importing has a count of its own.
#[test]
fn row_16_requests_are_throttled() {
    let site = Site::with(&json!({"throttle_api": 5, "throttle_api_during_import": 8}));
    let alice = site.by("alice");
    for left in [4, 3] {
        let response = alice.get("/api/v1/user");
        assert_eq!(response.status, 200);
        assert_eq!(response.header("x-ratelimit-limit"), Some("5"));
        assert_eq!(
            response.header("x-ratelimit-remaining"),
            Some(left.to_string().as_str())
        );
    }
    for _ in 0..3 {
        refused(
            &alice.with_token("wrong").get("/api/v1/user"),
            401,
            "Unauthenticated.",
        );
    }
    let full = alice.get("/api/v1/user");
    refused(&full, 429, "Too Many Attempts.");
    let wait: u64 = full.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    refused(
        &site.by("bob").get("/api/v1/unheard"),
        429,
        "Too Many Attempts.",
    );
    // What is no part of the API is not counted.
    assert_eq!(site.send(&Request::new("GET", "/openapi.json")).status, 200);
    let body = json!({"otp_type": "totp", "account": "a"});
    let import = alice
        .request("POST", T)
        .header("referer", "http://localhost/account/import")
        .json(&body);
    for _ in 0..3 {
        assert_eq!(alice.send(&import).status, 201);
    }
    assert_eq!(alice.send(&import).status, 429);
    site.server.ahead(61);
    assert_eq!(alice.get("/api/v1/user").status, 200);
}

/// 002-16. 0 and nothing switch it off; without a setting it is sixty.
#[test]
fn row_16_throttle_is_switched_off() {
    for off in [json!(0), json!("")] {
        let site = Site::with(&json!({"throttle_api": off}));
        let alice = site.by("alice");
        for _ in 0..70 {
            let response = alice.get("/api/v1/features");
            assert_eq!(
                (response.status, response.header("x-ratelimit-limit")),
                (200, None)
            );
        }
    }
    let site = Site::with(&json!({}));
    let alice = site.by("alice");
    let answers = (0..61).map(|_| alice.get("/api/v1/features").status);
    assert_eq!(answers.filter(|status| *status == 200).count(), 60);
}

/// 002-16. Behind so many proxies as the settings say, the address counts that the outermost of them saw, and nothing that a
/// visitor writes before it; without that setting, the peer's.
#[test]
fn row_16_addresses_behind_proxies_count() {
    let from = |site: &Site, hops: &str| {
        let request = site.by("alice").request("GET", "/api/v1/user");
        let request = match hops {
            "" => request,
            hops => request.header("x-forwarded-for", hops),
        };
        site.send(&request).status
    };
    let site = Site::with(&json!({"throttle_api": 3, "trusted_proxies": 1}));
    for forged in ["", "198.51.100.1, ", "198.51.100.2, "] {
        assert_eq!(from(&site, &format!("{forged}192.0.2.1")), 200);
    }
    assert_eq!(from(&site, "198.51.100.3, 192.0.2.1"), 429);
    assert_eq!(from(&site, "192.0.2.1, 192.0.2.2"), 200);
    // Whom a proxy hides is not counted together with all others that it hides.
    for _ in 0..5 {
        assert_eq!(from(&site, "unknown"), 200);
    }
    for broken in ["", "nowhere", "192.0.2.1,"] {
        assert_eq!(from(&site, broken), 400, "{broken}");
    }
    // Who signed in stands in the log with it.
    let sign_in = Request::new("POST", "/user/login")
        .header("x-forwarded-for", "192.0.2.3")
        .json(&json!({"email": "alice@example.org", "password": PASSWORD}));
    assert_eq!(site.send(&sign_in).status, 200);
    let log = site
        .by("alice")
        .request("GET", "/api/v1/users/1/authentications")
        .header("x-forwarded-for", "192.0.2.4");
    assert_eq!(site.send(&log).json()[0]["ip_address"], "192.0.2.3");
    let site = Site::with(&json!({"throttle_api": 3}));
    let hops = ["192.0.2.1", "192.0.2.2", "nowhere", "192.0.2.4"];
    let answers = hops.map(|hops| from(&site, hops));
    assert_eq!(answers, [200, 200, 200, 429]);
}

/// 002-16. Addresses of one /64 are one visitor's.
#[test]
fn row_16_networks_of_ipv6_count_as_one() {
    let site = Site::with(&json!({"throttle_api": 3, "trusted_proxies": 1}));
    let from = |address: &str| {
        let request = site.by("alice").request("GET", "/api/v1/user");
        let response = site.send(&request.header("x-forwarded-for", address));
        response.status
    };
    let answers = (1..=4).map(|host| from(&format!("2001:db8:0:1:{host}::{host}")));
    assert_eq!(answers.collect::<Vec<_>>(), [200, 200, 200, 429]);
    assert_eq!(from("2001:db8:0:2::1"), 200);
}

/// A visitor whose headers contradict the proxy's is told about once a minute, however often they ask.
#[test]
fn contradicting_headers_are_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("settings"), json!({"trusted_proxies": 1}).to_string()).unwrap();
    fs::write(path("clock"), "0").unwrap();
    let mut server = Command::new(PROGRAM)
        .args(["--data", &path("data"), "--settings", &path("settings")])
        .args(["--outbox", &path("outbox"), "--clock", &path("clock")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(server.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let url = line.trim_end().strip_prefix("listening on ").unwrap();
    let client = Client::new(url, folder.path());
    let forged = Request::new("GET", "/api/v1/user")
        .header("forwarded", "for=192.0.2.1")
        .header("x-forwarded-for", "192.0.2.2");
    // A slow machine may begin another minute meanwhile.
    let statuses: Vec<u16> = (0..40).map(|_| client.send(&forged).status).collect();
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(statuses, [400; 40]);
    let mut told = String::new();
    let mut errors = server.stderr.take().unwrap();
    errors.read_to_string(&mut told).unwrap();
    let lines = told.matches("trusted proxies: ").count();
    assert!((1..20).contains(&lines), "{lines}: {told}");
}

/// Signing in, passwords and tokens have a count of their own, which is a setting of ours.
#[test]
fn web_routes_are_counted_by_address() {
    let site = Site::with(&json!({"throttle_web": 3}));
    let reset = Request::new("POST", "/user/password/reset").json(&json!({}));
    assert_eq!(site.send(&reset).status, 422);
    let tokens = Request::new("GET", "/oauth/personal-access-tokens");
    refused(&site.send(&tokens), 401, "Unauthenticated.");
    assert_eq!(site.try_sign_in("alice", PASSWORD).status, 200);
    let full = site.try_sign_in("bob", PASSWORD);
    refused(&full, 429, "Too Many Attempts.");
    assert!(full.header("retry-after").is_some());
    refused(&site.send(&reset), 429, "Too Many Attempts.");
    assert_eq!(site.by("alice").get("/api/v1/user").status, 200);
}

/// The eleventh wrong password of a minute is not compared any more.
#[test]
fn wrong_passwords_are_counted() {
    let site = Site::start();
    for user in ["alice", "nobody"] {
        for _ in 0..10 {
            refused(&site.try_sign_in(user, "wrong"), 401, "unauthorized");
        }
        let full = site.try_sign_in(user, PASSWORD);
        refused(&full, 429, "Too Many Attempts.");
        assert!(full.header("retry-after").is_some());
    }
    assert_eq!(site.try_sign_in("bob", PASSWORD).status, 200);
    site.server.ahead(61);
    assert_eq!(site.try_sign_in("alice", PASSWORD).status, 200);
}

/// Tries at once are counted before any is compared: ten wrong ones are compared, and any number of right ones are right.
#[test]
fn passwords_at_once_are_counted() {
    let site = Site::start();
    let at_once = |user: &str, password: &str| {
        let mut answers = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..24)
                .map(|_| scope.spawn(|| site.try_sign_in(user, password).status))
                .collect();
            let tries = tries.into_iter();
            tries.map(|one| one.join().unwrap()).collect::<Vec<u16>>()
        });
        answers.sort_unstable();
        answers
    };
    assert_eq!(at_once("alice", PASSWORD), [200; 24]);
    let wrong = at_once("bob", "wrong");
    assert_eq!(
        (&wrong[..10], &wrong[10..]),
        (&[401; 10][..], &[429; 14][..])
    );
}

/// A wrong password leaves the same rows for an address that nobody has as for one that somebody has.
#[test]
fn sign_ins_write_the_same_for_nobody() {
    let site = Site::start();
    let mut before = rows(&site, "%");
    for user in ["alice", "nobody", "bob", "nobody else"] {
        refused(&site.try_sign_in(user, "wrong"), 401, "unauthorized");
        let now = rows(&site, "%");
        assert_eq!(now - before, 1, "{user}");
        before = now;
    }
}

/// Logs keep their newest 500 lines.
#[test]
fn logs_are_trimmed() {
    let site = Site::start();
    let alice = site.by("alice");
    let id = alice.add_totp("a");
    let failed = "failed-auth-log 1".to_owned();
    for kind in [format!("otp-log {id}"), "auth-log 1".into(), failed.clone()] {
        add_old(&site, &kind, 600);
        assert_eq!(rows(&site, &kind), 600);
    }
    assert_eq!(alice.get(&format!("{T}/{id}/otp")).status, 200);
    site.sign_in("alice");
    // Who fails drops no line of those that were right.
    assert_eq!(rows(&site, &failed), 600);
    refused(&site.try_sign_in("alice", "wrong"), 401, "unauthorized");
    for kind in [format!("otp-log {id}"), "auth-log 1".into(), failed] {
        assert_eq!(rows(&site, &kind), 500, "{kind}");
    }
}

/// Seconds of processor time that the server took.
fn processor(site: &Site) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", site.server.id())).unwrap();
    let (_, behind) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = behind.split(' ').collect();
    // User and system time, in hundredths (proc(5)).
    [fields[11], fields[12]]
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .iter()
        .sum::<f64>()
        / 100.0
}

/// A reset without the token of a mail hashes no password, which is slow on purpose.
#[test]
fn wrong_resets_hash_nothing() {
    let site = Site::with(&json!({"login_throttle": 0}));
    let took = |ask: &dyn Fn()| {
        let before = processor(&site);
        (0..20).for_each(|_| ask());
        processor(&site) - before
    };
    let sign_in = took(&|| refused(&site.try_sign_in("alice", "wrong"), 401, "unauthorized"));
    let reset = took(&|| {
        let body = json!({
            "token": "A".repeat(43), "password": PASSWORD, "password_confirmation": PASSWORD,
        });
        let response = site.send(&Request::new("POST", "/user/password/reset").json(&body));
        crate::support::invalid(&response, "token");
    });
    assert!(reset * 2.0 < sign_in, "{reset} s beside {sign_in} s");
}
