//! How the server starts, what it keeps, and what stands in its folder.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use contract_server::testing::{Request, Running};
use serde_json::json;

use crate::{
    gateway::{Answer, Gateway},
    support::{
        CONSUME, CREATE, EXCHANGE, PROGRAM, PUSH, REQUEST, Site, account, device, empty, key,
        refused, token,
    },
};

/// What stands on standard error, where the server does not start.
fn fails(arguments: &[&str]) -> String {
    let ended = Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(!ended.status.success() && ended.stdout.is_empty(), "{told}");
    told
}

/// An unknown or impossible setting, account or option is named, and nothing starts.
#[test]
fn bad_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (data, outbox) = (path("data"), path("outbox"));
    let file = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).unwrap();
        path(name)
    };
    let with =
        |option: &str, file: &str| fails(&["--data", &data, "--outbox", &outbox, option, file]);
    for (text, named) in [
        (r#"{"api_key_expiration": 1}"#, "api_key_expiration"),
        (r#"{"resend_policy": "none"}"#, "resend_policy"),
        (r#"{"recovery_code_expiration_minutes": 0}"#, "zero"),
        (
            r#"{"blocking_amount_events_authorized_during_period": 0}"#,
            "zero",
        ),
        (r#"{"account_creation_token_expiration_minutes": -1}"#, "-1"),
        (
            r#"{"captcha": {"site_key": "a", "secret": "b"}}"#,
            "verify_url",
        ),
        (
            r#"{"captcha": {"site_key": "a", "secret": "b", "verify_url": "example.org"}}"#,
            "verify_url: an address begins with http",
        ),
        (r#"{"public_url": "example.org"}"#, "public_url: an address"),
        (
            r#"{"api_key_expiration_minutes": 4294967295}"#,
            "`paired-api-key`: a lifetime is at least one microsecond and at most a hundred years",
        ),
        ("{", "settings"),
    ] {
        let told = with("--settings", &file("settings.json", text));
        let named = if named == "resend_policy" {
            "unknown variant"
        } else {
            named
        };
        assert!(told.contains(named), "{text}: {told}");
    }
    for (text, named) in [
        (r#"{"users": []}"#, "users"),
        (r#"{"accounts": [{"username": "a", "pin": 1}]}"#, "pin"),
        (
            r#"{"accounts": [{"username": "a"}, {"username": "a"}]}"#,
            "twice",
        ),
        (
            r#"{"accounts": [{"username": "a", "api_key": ""}]}"#,
            "empty",
        ),
        (
            r#"{"accounts": [{"username": "a", "phone": "0151"}]}"#,
            "number",
        ),
        (r#"{"push": {"gcm": "http://127.0.0.1:1"}}"#, "gcm"),
        (r#"{"push": {"fcm": "ftp://127.0.0.1:1"}}"#, "http"),
    ] {
        let told = with("--accounts", &file("accounts.json", text));
        assert!(told.contains(named), "{text}: {told}");
    }
    assert!(
        fails(&["--data", &data]).contains("--outbox"),
        "no transport"
    );
}

/// The largest numbers that a setting can have: every call answers as it does with others.
#[test]
fn largest_settings_work() {
    // No lifetime is longer than a hundred years.
    let (most, longest) = (u32::MAX, 100 * 365 * 24 * 60);
    let mut site = Site::with(&json!({
        "account_creation_token_expiration_minutes": longest, "account_recovery_token_expiration_minutes": longest,
        "account_creation_request_token_expiration_minutes": longest, "account_creation_token_retry_minutes": most,
        "account_recovery_token_retry_minutes": most, "api_key_expiration_minutes": longest,
        "email_change_code_expiration_minutes": longest, "phone_change_code_expiration_minutes": longest,
        "recovery_code_expiration_minutes": longest, "blocking_time_period_check": most,
        "blocking_amount_events_authorized_during_period": most, "push_timeout_seconds": most,
    }));
    let token = site.pushed("one");
    assert_eq!(site.consume("bob", &token).status, 200);
    let request = site.post(REQUEST, &json!({}));
    assert_eq!(request.status, 201, "{request:?}");
    let sent = site.sent(|| {
        let number = json!({"phone": "+4915188888888"});
        site.post_as("bob", "accounts/me/phone/request", &number)
    });
    site.again();
    let code = json!({"code": sent["token"]});
    assert_eq!(site.post_as("bob", "accounts/me/phone", &code).status, 200);
}

/// After SIGKILL everything that a 2xx acknowledged stands, and what was used stays used.
#[test]
fn killed_server_keeps_what_it_said() {
    let gateway = Gateway::start(Answer::Status(200, ""));
    let mut site = Site::of(&json!({}), &json!({"fcm": gateway.url()}));
    let pushed = |site: &Site, prid: &str| {
        empty(&site.post(PUSH, &device(prid)));
        let (_, body) = gateway.received().pop().unwrap();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        body["payload"]["token"].as_str().unwrap().to_owned()
    };
    let first = pushed(&site, "one");
    site.again();
    refused(
        &site.post(PUSH, &device("one")),
        403,
        "A similar token was already used",
    );
    assert_eq!(site.consume("bob", &first).status, 200);
    site.again();
    assert_eq!(site.consume("alicia", &first).status, 404);
    let second = pushed(&site, "one");
    let request = token(&site.post(REQUEST, &json!({})));
    site.again();
    let field = "account_creation_request_token";
    assert_eq!(
        site.submit("/creation_token/validate", &[(field, &request)])
            .status,
        200
    );
    site.again();
    let exchanged = site.post(EXCHANGE, &json!({field: request}));
    assert_eq!(exchanged.status, 201);
    site.again();
    assert_eq!(site.post(EXCHANGE, &json!({field: request})).status, 404);
    let body =
        json!({"username": "carol", "password": "a password", "account_creation_token": second});
    let made = site.post(CREATE, &body);
    assert_eq!(made.status, 200);
    site.again();
    let id = &made.json()["id"];
    assert_eq!(
        site.get_as("admin", &format!("accounts/{id}")).json()["username"],
        "carol"
    );
    let code = site.sent(|| {
        site.post_as(
            "bob",
            "accounts/me/phone/request",
            &json!({"phone": "+4915188888888"}),
        )
    });
    site.again();
    let changed = site.post_as("bob", "accounts/me/phone", &json!({"code": code["token"]}));
    assert_eq!(changed.json()["phone"], "+4915188888888");
    let pair = token(&site.post("accounts/auth_token", &json!({})));
    empty(&site.get_as("bob", &format!("accounts/auth_token/{pair}/attach")));
    site.again();
    let key = site.get(&format!("accounts/me/api_key/{pair}")).json()["api_key"]
        .as_str()
        .unwrap()
        .to_owned();
    site.again();
    let mine =
        contract_server::testing::Request::new("GET", "/api/accounts/me").header("x-api-key", &key);
    assert_eq!(site.send(&mine).json()["phone"], "+4915188888888");
}

/// SIGTERM ends it within a second, with 0.
#[test]
fn terminated_server_ends_in_a_second() {
    let mut site = Site::start();
    let (status, took) = site.server.terminate();
    assert!(
        status.success() && took.as_millis() < 1_000,
        "{status} {took:?}"
    );
}

/// Everything in the data folder is its owner's alone, and holds no secret as a text that can be searched for.
#[test]
fn data_is_private_and_sealed() {
    let site = Site::start();
    site.validate("bob");
    let pushed = site.pushed("id");
    let request = token(&site.post(REQUEST, &json!({})));
    let code = site.sent(|| {
        site.post_as(
            "bob",
            "accounts/me/phone/request",
            &json!({"phone": "+4915188888888"}),
        )
    });
    let pair = token(&site.post("accounts/auth_token", &json!({})));
    empty(&site.get_as("bob", &format!("accounts/auth_token/{pair}/attach")));
    let key_of_bob = site.get(&format!("accounts/me/api_key/{pair}")).json()["api_key"]
        .as_str()
        .unwrap()
        .to_owned();
    let body = json!({"username": "carol", "password": "a password of hers", "account_creation_token": site.issued()});
    assert_eq!(site.post(CREATE, &body).status, 200);
    assert!(
        code["token"].as_str().unwrap().len() == 4,
        "too short to search for"
    );
    let secrets = [
        pushed,
        request,
        pair,
        key_of_bob,
        key("bob"),
        "a password of hers".into(),
    ];
    let data = site.server.folder().join("data");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let mut files = 0;
    for entry in fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        files += 1;
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        let bytes = fs::read(&path).unwrap();
        for secret in &secrets {
            let there = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!there, "{}: {secret}", path.display());
        }
    }
    assert!(files >= 2, "keys and a database");
}

/// Of gateways that break in the middle the log says that they did, and nothing of what they were given.
#[test]
fn log_tells_no_token() {
    let gateway = Gateway::start(Answer::Drop);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let sms = json!({
        "address": gateway.url(), "headers": {"x-key": "the operator's key"},
        "json": {"to": "{number}", "text": "{text}"}, "budget": 1_000, "prices": {"+49": 5},
    });
    fs::write(path("sms"), sms.to_string()).unwrap();
    // The same program, whose log stands in a file.
    let log = path("log").display().to_string();
    let program = format!("#!/bin/sh\nexec '{PROGRAM}' \"$@\" 2>'{log}'\n");
    fs::write(path("program"), program).unwrap();
    fs::set_permissions(path("program"), fs::Permissions::from_mode(0o700)).unwrap();
    let accounts = json!({"accounts": [account("admin", true), account("bob", false)], "push": {"fcm": gateway.url()}});
    let sms = path("sms").display().to_string();
    let program = path("program").display().to_string();
    let server = Running::start(&program, &accounts, &json!({}), &["--sms-gateway", &sms]);
    let send = |name: &str, path: &str, body: serde_json::Value| {
        let request = Request::new("POST", &format!("/api/{path}")).header("x-api-key", &key(name));
        server.client().send(&request.json(&body))
    };
    assert_eq!(send("bob", PUSH, device("one")).status, 503);
    let issued = token(&send("admin", "account_creation_tokens", json!({})));
    let consumed = send("bob", CONSUME, json!({"account_creation_token": issued}));
    assert_eq!(consumed.status, 200);
    let number = "+4915188888888";
    let asked = send("bob", "accounts/me/phone/request", json!({"phone": number}));
    assert_eq!(asked.status, 503);
    let received = gateway.received();
    let [(_, pushed), (_, message)] = &received[..] else {
        panic!("{received:?}")
    };
    let body = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let pushed = body(pushed)["payload"]["token"].clone();
    let text = body(message)["text"].as_str().unwrap().to_owned();
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("a push was not sent"), "{log}");
    assert!(log.contains("the connection failed"), "{log}");
    let address = gateway.url();
    let host = address.trim_start_matches("http://");
    for secret in [
        pushed.as_str().unwrap(),
        &text,
        number.trim_start_matches('+'),
        "the operator's key",
        host,
        &issued,
        &key("bob"),
    ] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
