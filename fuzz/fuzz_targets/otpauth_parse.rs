//! Otpauth URIs: what is read is written in one way, and reads as the same; what is built reads as
//! what it was built from.
//!
//! Input that begins with a byte below 128 is a URI; any other describes an account.
#![no_main]

use arbitrary::{Arbitrary, Unstructured};
use fuzz::codes::Device;
use libfuzzer_sys::fuzz_target;
use oath_otp::{Account, Hotp, Label, Method, Period, Totp, UriError};

#[derive(Arbitrary, Debug)]
struct Parts {
    device: Device,
    issuer: Option<String>,
    account: String,
    period: Option<u32>,
    counter: u64,
}

fuzz_target!(|input: &[u8]| match input.split_first() {
    Some((128.., rest)) => {
        if let Ok(parts) = Parts::arbitrary_take_rest(Unstructured::new(rest)) {
            built(&parts);
        }
    }
    _ => {
        if let Ok(text) = core::str::from_utf8(input) {
            read(text);
        }
    }
});

fn read(text: &str) {
    let Ok(account) = Account::from_uri(text) else {
        return;
    };
    round_trip(&account);

    // What an accepted URI promises of its neighbours.
    let with = |more: &str| format!("{text}{more}");
    let room = text.len() <= 4000;
    assert!(!room || same(&read_again(&with("&unheard-of=%ff+")), &account));
    for (more, refusal) in [
        ("&secret=MFRGG", UriError::RepeatedParameter),
        ("&SECRET", UriError::RepeatedParameter),
        ("#part", UriError::Fragment),
        ("&encoder=steam", UriError::UnknownKind),
    ] {
        let refused = Account::from_uri(&with(more)).map(|_| more);
        assert!(!room || refused == Err(refusal), "{refused:?}");
    }
    let (scheme, rest) = text.split_at(10);
    assert!(same(&read_again(&(scheme.to_uppercase() + rest)), &account));
    assert!(Account::from_uri(&format!(" {text}")).is_err());
    assert!(Account::from_uri(&with(&"&".repeat(4097))).is_err());

    // Labels hold nothing that a URI or a screen would change.
    let names = [
        account.label.issuer().unwrap_or("x"),
        account.label.account(),
    ];
    for name in names {
        assert!(name.len() <= Label::MAX_BYTES);
        assert_eq!(name.trim(), name);
        assert!(!name.contains(char::is_control));
    }
    assert!(!names[0].is_empty() && !names[0].contains(':'));
}

fn built(parts: &Parts) {
    let Some(secret) = parts.device.secret() else {
        return;
    };
    let label = match &parts.issuer {
        Some(issuer) => Label::new(issuer, &parts.account),
        None => Label::without_issuer(&parts.account),
    };
    let Ok(label) = label else {
        return;
    };
    let (algorithm, digits) = (parts.device.algorithm(), parts.device.digits());
    let method = match parts.period {
        Some(seconds) => Method::Totp(Totp {
            algorithm,
            digits,
            period: Period::from_seconds(seconds).unwrap_or_default(),
            ..Totp::default()
        }),
        None => Method::Hotp(
            Hotp {
                algorithm,
                digits,
                ..Hotp::default()
            },
            parts.counter,
        ),
    };
    round_trip(&Account {
        label,
        secret,
        method,
    });
}

fn round_trip(account: &Account) {
    let written = account.to_uri().expect("no start but the epoch");
    let written = written.expose_secret();
    // RFC 3986 section 2: unreserved characters, escapes, and the delimiters between the parts.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%:/?&=".contains(c);
    assert!(
        written.len() <= 4096 && written.chars().all(plain),
        "{written}"
    );
    let again = read_again(written);
    assert!(same(&again, account), "{written}");
    assert_eq!(again.to_uri().expect("as before").expose_secret(), written);
}

fn read_again(text: &str) -> Account {
    Account::from_uri(text).unwrap_or_else(|refused| panic!("{text}: {refused}"))
}

fn same(one: &Account, other: &Account) -> bool {
    one.label == other.label
        && one.method == other.method
        && one.secret.expose_secret() == other.secret.expose_secret()
}
