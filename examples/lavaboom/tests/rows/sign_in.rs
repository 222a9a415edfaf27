//! Rows 001-1, 001-2, 001-11 and 001-12: signing in.

use contract_server::testing::Request;
use serde_json::json;

use crate::support::{PASSWORD, Site, account, refused, refused_with, text, with_factor};

/// 001-1: without a factor a token comes, with every field, and a name that says when it ends.
#[test]
fn sign_in_gives_a_token() {
    let site = Site::start();
    let response = site.try_sign_in("johndoe", PASSWORD, "");
    let json = response.json();
    assert_eq!(response.status, 201, "{json}");
    assert_eq!(
        (&json["success"], &json["message"]),
        (&json!(true), &json!("Authentication successful"))
    );
    let token = &json["token"];
    let mut names: Vec<_> = token
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "date_created",
            "date_modified",
            "expiry_date",
            "id",
            "name",
            "owner",
            "type"
        ]
    );
    let id = text(&token["id"]);
    assert!(id.len() == 20 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let end = text(&token["expiry_date"]);
    let named = text(&token["name"]);
    let named = named.strip_prefix("Auth token expiring on ").unwrap();
    assert_eq!((&named[..19], &named[19..]), (&end[..19], "Z"));
    assert_eq!(token["type"], "auth");
    let me = site.get(&id, "/accounts/me").json();
    assert_eq!(token["owner"], me["user"]["id"]);
    assert_ne!(site.sign_in("johndoe"), id);
}

/// 001-2: each failure of the table, with its status, message and factor fields.
#[test]
fn failures_are_answered_as_the_table_says() {
    let mut only_registered = account("registered");
    only_registered["status"] = json!("registered");
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let site = Site::of(&[
        account("johndoe"),
        only_registered,
        with_factor("counter", "authenticator", &[secret]),
        with_factor("yubi", "yubicloud", &["cccccccccccc"]),
        with_factor("strange", "sms", &["x"]),
    ]);
    let wrong = "Wrong username or password";
    refused(
        &site.post(
            "/tokens",
            &json!({"type": "invite", "username": "johndoe", "password": PASSWORD}),
        ),
        409,
        "Only auth tokens are implemented",
    );
    refused(
        &site.post("/tokens", &json!({})),
        409,
        "Only auth tokens are implemented",
    );
    refused(&site.try_sign_in("nobody", PASSWORD, ""), 403, wrong);
    refused(&site.try_sign_in("", "", ""), 403, wrong);
    refused(&site.try_sign_in("johndoe", "not theirs", ""), 403, wrong);
    // An unconfirmed account cannot be told from an unknown one without its password.
    refused(
        &site.try_sign_in("registered", "not theirs", ""),
        403,
        wrong,
    );
    refused(
        &site.try_sign_in("registered", PASSWORD, ""),
        403,
        "Your account is not confirmed",
    );
    refused(
        &site.try_sign_in("strange", PASSWORD, ""),
        500,
        "Internal 2FA error",
    );
    refused(
        &site.try_sign_in("strange", PASSWORD, "123456"),
        500,
        "Internal 2FA error",
    );
    refused(
        &site.try_sign_in("strange", "not theirs", "123456"),
        403,
        wrong,
    );
    let yubicloud = json!({"factor_type": "yubicloud"});
    refused_with(
        &site.try_sign_in("yubi", PASSWORD, ""),
        403,
        "Invalid token passed",
        &yubicloud,
    );
    let asked = site.try_sign_in("counter", PASSWORD, "");
    let challenge = text(&asked.json()["factor_challenge"]);
    let id = challenge
        .strip_prefix("otpauth://hotp/")
        .unwrap()
        .strip_suffix("?counter=0")
        .unwrap();
    assert_eq!(id.len(), 20);
    let fields = json!({"factor_type": "authenticator", "factor_challenge": challenge});
    refused_with(&asked, 403, "2FA token was not passed", &fields);
    let fields = json!({"factor_type": "authenticator"});
    refused_with(
        &site.try_sign_in("counter", PASSWORD, "000000"),
        403,
        "Invalid token passed",
        &fields,
    );
    refused(
        &site.try_sign_in("counter", "not theirs", "755224"),
        403,
        wrong,
    );
}

/// 001-11: JSON and forms are read alike; without a content type it is a form; what cannot be read is told.
#[test]
fn json_and_forms_are_read_alike() {
    let site = Site::start();
    let post = |kind: Option<&str>, body: &[u8]| {
        let request = Request::new("POST", "/tokens");
        let request = match kind {
            Some(kind) => request.header("content-type", kind),
            None => request,
        };
        site.send(&request.body(body))
    };
    let form =
        "username=john%64oe&password=a+password+of%20theirs&type=auth&unknown=1&username=johndoe";
    let json = json!({"username": "johndoe", "password": PASSWORD, "type": "auth", "token": null, "unknown": [1]});
    let kinds = [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=utf-8",
    ];
    for kind in kinds.map(Some).into_iter().chain([None]) {
        assert_eq!(post(kind, form.as_bytes()).status, 201);
    }
    for kind in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
    ] {
        assert_eq!(post(Some(kind), json.to_string().as_bytes()).status, 201);
    }
    let only_auth = "Only auth tokens are implemented";
    for (kind, body) in [
        (Some("application/json"), &b"null"[..]),
        (Some("application/json"), b"{}"),
        (None, b""),
        (None, b"&&"),
    ] {
        refused(&post(kind, body), 409, only_auth);
    }
    for (kind, body) in [
        (Some("application/json"), &b""[..]),
        (Some("application/json"), b"{"),
        (Some("application/json"), b"[]"),
        (Some("application/json"), b"\"auth\""),
        (
            Some("application/json"),
            b"{\"type\":\"auth\",\"username\":7}",
        ),
        (Some("application/json"), b"{\"type\":[\"auth\"]}"),
        (Some("application/json"), b"{\"type\":\"\xff\"}"),
        (Some("application/json"), b"{\"type\":\"auth\"} x"),
        (None, b"username=%ff&type=auth"),
        (None, b"username=%zz&type=auth"),
        (None, b"username=%4"),
        (None, b"type=\xff"),
        (Some("text/plain"), b"type=auth"),
        (Some("multipart/form-data; boundary=x"), b"--x--"),
        (Some("application/xml"), b"<type>auth</type>"),
    ] {
        refused(&post(kind, body), 409, "Invalid input format");
    }
}

/// 001-11: any site may ask, with these methods and headers.
#[test]
fn preflight_allows_every_site() {
    let site = Site::start();
    for path in ["/tokens", "/accounts/me", "/nothing"] {
        let request = format!(
            "OPTIONS {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\norigin: https://app.example\r\n\
             access-control-request-method: DELETE\r\naccess-control-request-headers: authorization, content-type\r\n\r\n"
        );
        let response = site.bytes(request.as_bytes());
        assert_eq!(response.status, 204);
        for (name, value) in [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "GET, POST, PUT, DELETE"),
            (
                "access-control-allow-headers",
                "Origin, Content-Type, Authorization, X-Requested-With",
            ),
        ] {
            assert_eq!(response.header(name), Some(value));
        }
    }
    let hello = site.send(&Request::new("GET", "/").header("origin", "https://app.example"));
    assert_eq!(hello.header("access-control-allow-origin"), Some("*"));
}

/// 001-12: case, dots and what is no word character make no other name; no language changes a letter.
#[test]
fn usernames_are_read_in_one_spelling() {
    let site = Site::of(&[account("John.Doe"), account("ILIAS_1")]);
    for name in [
        "johndoe",
        "JOHNDOE",
        "j.o.h.n.d.o.e",
        "john doe",
        " john-doe! ",
        "john\u{e9}doe",
        "johndoe.",
    ] {
        assert_eq!(site.try_sign_in(name, PASSWORD, "").status, 201, "{name}");
    }
    for name in ["ilias_1", "ILIAS_1", "I.lias_1"] {
        assert_eq!(site.try_sign_in(name, PASSWORD, "").status, 201, "{name}");
    }
    for name in [
        "ilias1",
        "john_doe",
        "\u{131}lias_1",
        "\u{130}lias_1",
        "johnd\u{1d452}e",
    ] {
        let response = site.try_sign_in(name, PASSWORD, "");
        refused(&response, 403, "Wrong username or password");
    }
    let me = site.get(&site.sign_in("johndoe"), "/accounts/me").json();
    assert_eq!(
        (&me["user"]["name"], &me["user"]["styled_name"]),
        (&json!("johndoe"), &json!("john.doe"))
    );
}

/// Wrong passwords are counted for a name, somebody's or nobody's; others feel nothing.
#[test]
fn wrong_passwords_are_counted_for_the_name() {
    let accounts = json!({"accounts": [account("johndoe"), account("jane")]});
    let settings = json!({"password_limit": {"count": 3, "seconds": 600}});
    let site = Site::with(&accounts, &settings);
    for name in ["johndoe", "nobody"] {
        for _ in 0..3 {
            refused(
                &site.try_sign_in(name, "not theirs", ""),
                403,
                "Wrong username or password",
            );
        }
        let response = site.try_sign_in(name, PASSWORD, "");
        refused(&response, 429, "Too many tries");
        let wait: u64 = response.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=201).contains(&wait), "{wait}");
    }
    for _ in 0..10 {
        site.sign_in("jane");
    }
    site.server.ahead(205);
    site.sign_in("johndoe");
}
