//! Row 001-14: the validation server beside the API, as a client of the protocol sees it.

use std::collections::BTreeMap;

use contract_server::testing::{Request, Response};
use serde_json::json;
use twofa_providers::yubico::ApiKey;

use crate::{
    support::Site,
    yubikeys::{API_KEY, Soft, site},
};

const NONCE: &str = "0123456789abcdef";

fn key() -> ApiKey {
    ApiKey::from_base64(API_KEY).unwrap()
}

fn ask(site: &Site, parameters: &[(&str, &str)]) -> Response {
    let escaped = |text: &str| {
        text.replace('+', "%2B")
            .replace('/', "%2F")
            .replace('=', "%3D")
    };
    let query: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    let path = format!("/wsapi/2.0/verify?{}", query.join("&"));
    let response = site.validation.send(&Request::new("GET", &path));
    assert_eq!(response.status, 200);
    response
}

fn lines(response: &Response) -> BTreeMap<String, String> {
    let text = core::str::from_utf8(&response.body).unwrap();
    assert!(text.ends_with("\r\n"));
    let pairs = text.split("\r\n").filter(|line| !line.is_empty());
    pairs
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn status(site: &Site, parameters: &[(&str, &str)]) -> String {
    lines(&ask(site, parameters))["status"].clone()
}

/// A right OTP is answered with a signature of the client's key over everything, and counters where they are asked for.
#[test]
fn answer_is_signed_and_echoes() {
    let site = site(&[], &json!({}));
    let otp = Soft::new(1).typed(0, 0);
    let mut asked = vec![
        ("id", "1"),
        ("otp", otp.as_str()),
        ("nonce", NONCE),
        ("timestamp", "1"),
        ("sl", "secure"),
        ("timeout", "8"),
    ];
    let h = key().sign(&asked);
    asked.push(("h", &h));
    let mut told = lines(&ask(&site, &asked));
    let h = told.remove("h").unwrap();
    let pairs: Vec<_> = told
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert!(key().verify(&pairs, &h).is_ok());
    assert_eq!(
        (
            told["status"].as_str(),
            &told["otp"],
            told["nonce"].as_str()
        ),
        ("OK", &otp, NONCE)
    );
    assert_eq!(
        (
            told["sl"].as_str(),
            told["sessioncounter"].as_str(),
            told["sessionuse"].as_str()
        ),
        ("100", "0", "0")
    );
    let t = &told["t"];
    assert!(t.len() == 24 && &t[19..21] == "Z0", "{t}");
    assert_eq!(told["timestamp"], 0x01_0203.to_string());
}

/// Every status but BACKEND_ERROR and NOT_ENOUGH_ANSWERS, which need a broken store, in the order of the ruling.
#[test]
fn statuses_are_answered_in_their_order() {
    let site = site(&[], &json!({}));
    let (key, disabled, unknown) = (Soft::new(1), Soft::new(3), Soft::new(4));
    let otp = key.typed(5, 5);
    let with = |otp: &str, more: &[(&str, &str)]| {
        let mut all = vec![("id", "1"), ("otp", otp), ("nonce", NONCE)];
        all.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        all.extend(more.iter().filter(|(_, value)| *value != "-"));
        status(&site, &all)
    };
    for (name, value) in [
        ("nonce", "-"),
        ("sl", "101"),
        ("sl", "x"),
        ("timeout", "x"),
        ("id", "-"),
        ("id", "0"),
        ("id", "x"),
        ("nonce", "short"),
        ("nonce", "0123456789abcde!"),
    ] {
        assert_eq!(
            with(&otp, &[(name, value)]),
            "MISSING_PARAMETER",
            "{name} {value}"
        );
    }
    for (name, value) in [
        ("otp", "-"),
        ("otp", "short"),
        ("otp", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    ] {
        assert_eq!(with(&otp, &[(name, value)]), "BAD_OTP", "{value}");
    }
    assert_eq!(with(&otp, &[("id", "7")]), "NO_SUCH_CLIENT");
    assert_eq!(with(&otp, &[("id", "2")]), "OPERATION_NOT_ALLOWED");
    assert_eq!(
        with(&otp, &[("h", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")]),
        "BAD_SIGNATURE"
    );
    assert_eq!(with(&unknown.typed(1, 1), &[]), "BAD_OTP");
    assert_eq!(with(&disabled.typed(1, 1), &[]), "BAD_OTP");
    assert_eq!(with(&otp, &[]), "OK");
    assert_eq!(with(&otp, &[]), "REPLAYED_REQUEST");
    assert_eq!(with(&otp, &[("nonce", "fedcba9876543210")]), "REPLAYED_OTP");
    assert_eq!(with(&key.typed(5, 4), &[]), "REPLAYED_OTP");
    // A nonce with a line end forges no status.
    let forged = ask(
        &site,
        &[
            ("id", "1"),
            ("otp", &key.typed(4, 1)),
            ("nonce", "0123456789abcdef%0d%0astatus=OK"),
        ],
    );
    assert_eq!(lines(&forged)["status"], "MISSING_PARAMETER");
    let elsewhere = site.validation.send(&Request::new("GET", "/tokens"));
    assert_eq!(elsewhere.status, 404);
}

/// What was spent stays spent after SIGKILL; keys and clients rest in no file in clear.
#[test]
fn spent_otp_outlives_the_process() {
    let mut site = site(&[], &json!({}));
    let otp = Soft::new(2).typed(1, 1);
    let asked = [("id", "1"), ("otp", otp.as_str()), ("nonce", NONCE)];
    assert_eq!(status(&site, &asked), "OK");
    site.again();
    assert_eq!(status(&site, &asked), "REPLAYED_REQUEST");
    for entry in std::fs::read_dir(site.server.folder().join("data")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for secret in [
            API_KEY.as_bytes(),
            b"sixteen bytes!!!",
            &[2; 16],
            b"02020202020202020202020202020202",
        ] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}
