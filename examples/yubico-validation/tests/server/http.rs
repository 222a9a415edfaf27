//! Every status of the protocol, over HTTP.

use std::sync::Arc;

use twofa_providers::{
    token_store::{MemoryStore, ott_core::KeyRing},
    yubico::ApiKey,
};
use yubico_validation::{Client, Validation, Yubikey};

use crate::support::{
    API_KEY, NONCE, Running, Soft, is_signed, now, over, prepared, query, status, value,
};

pub(crate) async fn in_memory() -> Validation {
    let keys = KeyRing::generate().expect("random");
    prepared(over(Arc::new(MemoryStore::new()), keys)).await
}

async fn running() -> (Running, Soft) {
    (Running::new(in_memory().await), Soft::new())
}

/// 001-14: an OTP is OK once, with what was asked, and signed.
#[tokio::test]
async fn otp_is_ok_once() {
    let (server, key) = running().await;
    let otp = key.typed(0, 0);
    let answer = server.get(&query(&otp, NONCE));
    let time = "2026-01-01T00:00:00Z0123";
    let rest = format!("t={time}\r\nstatus=OK\r\notp={otp}\r\nnonce={NONCE}\r\nsl=100\r\n");
    let (first, lines) = answer.split_once("\r\n").expect("lines");
    assert!(first.starts_with("h=") && is_signed(&answer), "{answer}");
    assert_eq!(lines, rest);
    assert!(now().to_rfc3339().starts_with("2026-01-01T00:00:00.123"));

    let again = server.get(&query(&otp, NONCE));
    assert_eq!(status(&again), "REPLAYED_REQUEST");
    assert_eq!(
        (value(&again, "otp"), value(&again, "nonce")),
        (Some(&*otp), Some(NONCE))
    );
    assert!(is_signed(&again) && value(&again, "sl").is_none());
    let other = server.get(&query(&otp, "fedcba9876543210"));
    assert_eq!(
        (status(&other), value(&other, "otp")),
        ("REPLAYED_OTP", Some(&*otp))
    );
    // An earlier one, which nobody spent.
    assert_eq!(status(&server.get(&query(&key.typed(1, 1), NONCE))), "OK");
    assert_eq!(
        status(&server.get(&query(&key.typed(1, 0), NONCE))),
        "REPLAYED_OTP"
    );
    assert_eq!(status(&server.get(&query(&otp, NONCE))), "REPLAYED_OTP");
}

/// The counters are told where they are asked for.
#[tokio::test]
async fn counters_are_told_on_request() {
    let (server, key) = running().await;
    let answer = server.get(&format!(
        "{}&timestamp=1",
        query(&key.typed(700, 255), NONCE)
    ));
    let told = ["timestamp", "sessioncounter", "sessionuse"].map(|name| value(&answer, name));
    assert_eq!(told, [Some("66051"), Some("700"), Some("255")]);
    assert!(is_signed(&answer));
    let answer = server.get(&format!("{}&timestamp=0", query(&key.typed(701, 0), NONCE)));
    assert_eq!((status(&answer), value(&answer, "timestamp")), ("OK", None));
}

/// What is wrong with a request by its form, in the order in which it is looked at.
#[tokio::test]
async fn malformed_requests_have_their_status() {
    let (server, key) = running().await;
    let otp = key.typed(5, 0);
    let cut = &otp[1..];
    let (blank, odd) = (&otp[12..], "not-an-otp");
    let forged = format!("{NONCE}%0D%0Astatus=OK");
    let table = [
        // The nonce, then levels, then the OTP, then the client, then the nonce's own form.
        (String::new(), "MISSING_PARAMETER"),
        (format!("id=1&otp={odd}"), "MISSING_PARAMETER"),
        (format!("id=1&otp={odd}&nonce="), "MISSING_PARAMETER"),
        (format!("{}&sl=101", query(odd, NONCE)), "MISSING_PARAMETER"),
        (format!("{}&sl=-1", query(odd, NONCE)), "MISSING_PARAMETER"),
        (
            format!("{}&sl=slow", query(odd, NONCE)),
            "MISSING_PARAMETER",
        ),
        (
            format!("{}&timeout=soon", query(odd, NONCE)),
            "MISSING_PARAMETER",
        ),
        (
            format!("{}&timeout=%2B1", query(odd, NONCE)),
            "MISSING_PARAMETER",
        ),
        (format!("id=1&nonce={NONCE}"), "BAD_OTP"),
        (query(odd, "x"), "BAD_OTP"),
        (query(cut, NONCE), "BAD_OTP"),
        (query(blank, NONCE), "BAD_OTP"),
        (format!("otp={otp}&nonce={NONCE}"), "MISSING_PARAMETER"),
        (format!("id=0&otp={otp}&nonce={NONCE}"), "MISSING_PARAMETER"),
        (
            format!("id=one&otp={otp}&nonce={NONCE}"),
            "MISSING_PARAMETER",
        ),
        (
            format!("id=-1&otp={otp}&nonce={NONCE}"),
            "MISSING_PARAMETER",
        ),
        (query(&otp, &NONCE[1..]), "MISSING_PARAMETER"),
        (query(&otp, &"a".repeat(41)), "MISSING_PARAMETER"),
        (query(&otp, "0123456789abcde-"), "MISSING_PARAMETER"),
        (query(&otp, &forged), "MISSING_PARAMETER"),
        (query(&otp, "%C3%A9%C3%A90123456789ab"), "MISSING_PARAMETER"),
        (query(&otp, "%ff%fe0123456789abcdef"), "MISSING_PARAMETER"),
        (
            format!("{}&otp={otp}", query(&otp, NONCE)),
            "MISSING_PARAMETER",
        ),
        (format!("id=2&otp={otp}&nonce={NONCE}"), "NO_SUCH_CLIENT"),
        (
            format!("id={}&otp={otp}&nonce={NONCE}", "9".repeat(40)),
            "NO_SUCH_CLIENT",
        ),
        (format!("{}&h=AAAA", query(&otp, NONCE)), "BAD_SIGNATURE"),
        (format!("{}&h=%", query(&otp, NONCE)), "BAD_SIGNATURE"),
        (format!("{}&h=", query(&otp, NONCE)), "BAD_SIGNATURE"),
    ];
    for (query, expected) in table {
        let answer = server.get(&query);
        assert_eq!(status(&answer), expected, "{query}");
        assert!(value(&answer, "otp").is_none() && value(&answer, "nonce").is_none());
        // Whoever named itself hears it signed.
        let known = query.contains("id=1&");
        assert_eq!(value(&answer, "h").is_some(), known, "{query}");
        assert_eq!(is_signed(&answer), known);
    }
    // Nothing of it was spent.
    for (level, uses) in [("0", 0), ("100", 1), ("fast", 2), ("secure", 3), ("", 4)] {
        let answer = server.get(&format!(
            "{}&sl={level}&timeout=60",
            query(&key.typed(5, uses), NONCE)
        ));
        assert_eq!(status(&answer), "OK", "{level}");
    }
}

/// A signature is over every parameter, whatever their order.
#[tokio::test]
async fn signature_covers_every_parameter() {
    let (server, key) = running().await;
    let api = ApiKey::from_base64(API_KEY).expect("base64");
    // One whose signature has a plus, which some clients do not escape.
    let signed = |uses: u8, more: &str| {
        let otp = key.typed(9, uses);
        let pairs = [
            ("id", "1"),
            ("nonce", NONCE),
            ("otp", &*otp),
            ("more", more),
        ];
        let h = api.sign(&pairs);
        (format!("more={more}&{}", query(&otp, NONCE)), h)
    };
    let more = (0..).map(|more: u32| more.to_string());
    let (asked, h) = more
        .map(|more| signed(0, &more))
        .find(|(_, h)| h.contains('+'))
        .expect("one");
    let tampered = asked.replace("more=", "more=1");
    assert_eq!(
        status(&server.get(&format!("{tampered}&h={h}"))),
        "BAD_SIGNATURE"
    );
    assert_eq!(
        status(&server.get(&format!("{asked}&sl=1&h={h}"))),
        "BAD_SIGNATURE"
    );
    // A part of it is none.
    for length in [0, 4, 12, 24] {
        let part = format!("{asked}&h={}", &h[..length]);
        assert_eq!(status(&server.get(&part)), "BAD_SIGNATURE", "{length}");
    }
    assert_eq!(status(&server.get(&format!("{asked}&h={h}"))), "OK");
    let (asked, h) = signed(1, "0");
    let escaped = h.replace('+', "%2B");
    assert_eq!(status(&server.get(&format!("h={escaped}&{asked}"))), "OK");
}

/// A key of another secret, an unknown one and a disabled one are told apart by nobody.
#[tokio::test]
async fn keys_without_a_right_are_bad_otp() {
    let validation = in_memory().await;
    let mut disabled = Yubikey::new("vvccccccccbc", &"07".repeat(6), &"09".repeat(16));
    disabled.enabled = false;
    let other = Yubikey::new("vvccccccccbd", &"07".repeat(6), &"0a".repeat(16));
    let private = Yubikey::new("vvccccccccbe", &"08".repeat(6), &"09".repeat(16));
    for key in [disabled, other, private] {
        assert!(validation.add_key(&key).await.expect("added"));
    }
    let server = Running::new(validation);
    let otp = Soft::new().typed(1, 1);
    for id in [
        "vvccccccccbc",
        "vvccccccccbd",
        "vvccccccccbe",
        "vvccccccccbf",
    ] {
        let answer = server.get(&query(&otp.replace("vvccccccccbb", id), NONCE));
        assert_eq!(
            (status(&answer), is_signed(&answer)),
            ("BAD_OTP", true),
            "{id}"
        );
    }
    assert_eq!(status(&server.get(&query(&otp, NONCE))), "OK");
}

/// A client that may not ask is told so, and spends nothing.
#[tokio::test]
async fn disabled_client_is_not_allowed() {
    let validation = in_memory().await;
    let mut client = Client::new(2, API_KEY);
    client.enabled = false;
    validation.add_client(&client).await.expect("added");
    let server = Running::new(validation);
    let otp = Soft::new().typed(1, 1);
    let answer = server.get(&format!("id=2&otp={otp}&nonce={NONCE}"));
    assert_eq!(
        (status(&answer), is_signed(&answer)),
        ("OPERATION_NOT_ALLOWED", true)
    );
    assert_eq!(status(&server.get(&query(&otp, NONCE))), "OK");
}

/// Caps lock and a Dvorak keyboard type the same OTP, and it is spent as one.
#[tokio::test]
async fn otp_is_one_in_every_layout() {
    let (server, key) = running().await;
    let otp = key.typed(3, 3);
    let letters = "cbdefghijklnrtuv".chars().zip("jxe.uidchtnbpygk".chars());
    let dvorak: String = otp
        .chars()
        .filter_map(|letter| letters.clone().find(|(own, _)| *own == letter))
        .map(|(_, typed)| typed)
        .collect();
    let answer = server.get(&query(&dvorak, NONCE));
    // With a dot it is not echoed as it came.
    assert_eq!(
        (status(&answer), value(&answer, "otp")),
        ("OK", Some(&*otp))
    );
    let upper = otp.to_uppercase();
    let answer = server.get(&query(&upper, NONCE));
    assert_eq!(
        (status(&answer), value(&answer, "otp")),
        ("REPLAYED_REQUEST", Some(&*upper))
    );
    let around = server.get(&query(&format!("%20{otp}%0A"), NONCE));
    assert_eq!(
        (status(&around), value(&around, "otp")),
        ("REPLAYED_REQUEST", Some(&*otp))
    );
    // Neither one nor the other.
    let mixed = format!("{}{}", &dvorak[..20], &otp[20..]);
    assert_eq!(status(&server.get(&query(&mixed, NONCE))), "BAD_OTP");
}

/// What a file may say of keys and clients.
#[tokio::test]
async fn files_are_read_strictly() {
    let validation = in_memory().await;
    let (six, sixteen) = ("0A".repeat(6), "ff".repeat(16));
    for id in ["", "vv", "vvccccccccbbvvcc"] {
        let added = validation.add_key(&Yubikey::new(id, &six, &sixteen)).await;
        assert_eq!(added.is_ok(), !id.is_empty(), "{id}");
    }
    for (id, private, aes) in [
        ("vvc", &*six, &*sixteen),
        ("vvccccccccbbvvccvv", &six, &sixteen),
        ("axccccccccbb", &six, &sixteen),
        ("vvccccccccvv", &six[1..], &sixteen),
        ("vvccccccccvv", &six, &sixteen[2..]),
        ("vvccccccccvv", "not hex here", &sixteen),
    ] {
        let error = validation
            .add_key(&Yubikey::new(id, private, aes))
            .await
            .expect_err("refused");
        assert!(!format!("{error} {error:?}").contains(private));
    }
    for (id, key) in [(0, API_KEY), (5, ""), (5, "%%"), (5, &"AAAA".repeat(30))] {
        assert!(
            validation.add_client(&Client::new(id, key)).await.is_err(),
            "{id} {key}"
        );
    }
    // What is there stays.
    assert!(
        !validation
            .add_client(&Client::new(1, "AAAA"))
            .await
            .expect("there")
    );
}

/// Other methods and addresses are not the protocol's.
#[tokio::test]
async fn other_routes_are_not_there() {
    let (server, _) = running().await;
    assert!(
        server
            .request("GET /wsapi/2.0/verify/")
            .starts_with("HTTP/1.1 404 ")
    );
    assert!(
        server
            .request("POST /wsapi/2.0/verify")
            .starts_with("HTTP/1.1 405 ")
    );
}
