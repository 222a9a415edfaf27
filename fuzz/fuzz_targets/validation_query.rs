//! Whatever a client asks a validation server: one status, the one that the plain reading gives; what is OK is OK once;
//! nothing is echoed but letters and digits; and what is signed verifies.
#![cfg_attr(feature = "libfuzzer", no_main)]

use std::{collections::BTreeMap, sync::Arc};

use arbitrary::Arbitrary;
use fuzz::people::ring;
use hmac::{Hmac, KeyInit, Mac};
use oath_otp::yubico::{Key, Otp, Press};
use sha1::Sha1;
use token_store::{MemoryStore, Tokens};
use yubico_validation::{Client, Validation, Yubikey};

#[derive(Arbitrary, Debug)]
enum Piece {
    Id(u8),
    Otp {
        session: u8,
        uses: u8,
        upper: bool,
    },
    Nonce(u8),
    Level(u8),
    Timeout(u8),
    Timestamp(bool),
    Signature,
    Text(String, String),
    /// As it stands, unescaped.
    Raw(String),
}

const PUBLIC_ID: &str = "vvccccccccbb";
const API_KEY: &[u8] = b"sixteen bytes!!!";

fuzz::fuzz_target!(|pieces: Vec<Piece>| {
    let query = query(&pieces);
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_time().build().unwrap();
    let (first, second) = runtime.block_on(async {
        let store = Arc::new(MemoryStore::new());
        let tokens = Tokens::builder_shared(ring(), Arc::clone(&store));
        let server = Validation::new(&tokens.build().unwrap().shared(), store);
        let key = Yubikey::new(PUBLIC_ID, &"07".repeat(6), &"09".repeat(16));
        server.add_key(&key).await.unwrap();
        let api = data_encoding::BASE64.encode(API_KEY);
        server.add_client(&Client::new(1, &api)).await.unwrap();
        (server.answer(&query).await, server.answer(&query).await)
    });
    let expected = expected(&query);
    let first = lines(&first);
    assert_eq!(first["status"], expected, "{query}");
    let again = match expected {
        "OK" => "REPLAYED_REQUEST",
        other => other,
    };
    assert_eq!(lines(&second)["status"], again);
    let known = decoded(&query)
        .iter()
        .find(|(name, _)| name == "id")
        .is_some_and(|(_, id)| {
            let digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
            digits && id.trim_start_matches('0') == "1"
        });
    assert_eq!(first.contains_key("h"), known);
    if known {
        let signed: Vec<_> = first.iter().filter(|(name, _)| **name != "h").collect();
        let signed: Vec<_> = signed
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(first["h"], signature(&signed.join("&")));
    }
    for (name, value) in &first {
        let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(
            plain || ["t", "h", "status"].contains(name),
            "{name}={value}"
        );
    }
});

fn query(pieces: &[Piece]) -> String {
    let escaped = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let mut query: Vec<String> = Vec::new();
    for piece in pieces {
        let piece = match piece {
            Piece::Id(id) => format!("id={}", id % 4),
            Piece::Otp {
                session,
                uses,
                upper,
            } => {
                let press = Press {
                    session: (*session).into(),
                    uses: *uses,
                    timestamp: 7,
                    random: 7,
                };
                let key = Key::from_bytes(&[7; 6], &[9; 16]);
                let otp = key.generate(PUBLIC_ID.parse().unwrap(), &press).to_modhex();
                let otp = otp.expose_secret();
                format!(
                    "otp={}",
                    if *upper {
                        otp.to_uppercase()
                    } else {
                        otp.to_owned()
                    }
                )
            }
            Piece::Nonce(length) => format!("nonce={}", "n".repeat(usize::from(length % 44))),
            Piece::Level(level) => format!("sl={level}"),
            Piece::Timeout(seconds) => format!("timeout={seconds}"),
            Piece::Timestamp(yes) => format!("timestamp={}", u8::from(*yes)),
            Piece::Signature => {
                let mut pairs = decoded(&query.join("&"));
                pairs.sort();
                let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
                format!(
                    "h={}",
                    escaped(&signature(&pairs.collect::<Vec<_>>().join("&")))
                )
            }
            Piece::Text(name, value) => format!("{}={}", escaped(name), escaped(value)),
            Piece::Raw(text) => text.clone(),
        };
        query.push(piece);
    }
    query.join("&")
}

fn decoded(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// The status that a fresh server gives, read one rule after the other.
fn expected(query: &str) -> &'static str {
    let all = decoded(query);
    let named: BTreeMap<&str, &str> = all
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let get = |name| named.get(name).copied().filter(|value| !value.is_empty());
    let number = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse::<u64>().ok())
    };
    if named.len() != all.len() {
        return "MISSING_PARAMETER";
    }
    let Some(nonce) = get("nonce") else {
        return "MISSING_PARAMETER";
    };
    let level = get("sl").is_none_or(|level| {
        ["fast", "secure"].contains(&level) || matches!(number(level), Some(Some(0..=100)))
    });
    if !level || !get("timeout").is_none_or(|seconds| matches!(number(seconds), Some(Some(_)))) {
        return "MISSING_PARAMETER";
    }
    let otp = get("otp").and_then(|otp| Otp::parse(otp).ok());
    let Some(otp) = otp.filter(|otp| (1..=8).contains(&otp.public_id().as_bytes().len())) else {
        return "BAD_OTP";
    };
    let id = get("id").and_then(number);
    let Some(id) = id.filter(|id| *id != Some(0)) else {
        return "MISSING_PARAMETER";
    };
    let plain = nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !plain || !(16..=40).contains(&nonce.len()) {
        return "MISSING_PARAMETER";
    }
    if id != Some(1) {
        return "NO_SUCH_CLIENT";
    }
    if let Some(h) = named.get("h") {
        let signed = named.iter().filter(|(name, _)| **name != "h");
        let signed: Vec<_> = signed
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if h.replace(' ', "+") != signature(&signed.join("&")) {
            return "BAD_SIGNATURE";
        }
    }
    let own = otp.public_id().to_string() == PUBLIC_ID;
    let key = Key::from_bytes(&[7; 6], &[9; 16]);
    if own && key.verify(&otp, None).is_ok() {
        "OK"
    } else {
        "BAD_OTP"
    }
}

fn signature(text: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(API_KEY).unwrap();
    mac.update(text.as_bytes());
    data_encoding::BASE64.encode(&mac.finalize().into_bytes())
}

/// Names and values of an answer, each name once.
fn lines(answer: &str) -> BTreeMap<&str, &str> {
    let lines = answer.strip_suffix("\r\n").expect("an end").split("\r\n");
    let pairs: Vec<_> = lines
        .map(|line| line.split_once('=').expect("a pair"))
        .collect();
    let map: BTreeMap<_, _> = pairs.iter().copied().collect();
    assert_eq!(map.len(), pairs.len(), "{answer}");
    map
}
