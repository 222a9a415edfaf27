//! Parameters from JSON pass the checks of the constructors.
#![cfg(feature = "serde")]

use oath_otp::{Algorithm, Digits, Hotp, Period, Reach, Totp, Window};
use serde_json::{Value, from_value, json, to_value};

fn totp() -> Value {
    json!({"algorithm": "SHA1", "digits": 6, "period": 30, "start": 0, "window": {"past": 1, "future": 0}})
}

/// The form in JSON does not change.
#[test]
fn serde_form_is_stable() {
    assert_eq!(to_value(Totp::default()).unwrap(), totp());
    let hotp = json!({"algorithm": "SHA1", "digits": 6, "look_ahead": 1, "resync_range": 100});
    assert_eq!(to_value(Hotp::default()).unwrap(), hotp);
    for algorithm in Algorithm::ALL {
        assert_eq!(to_value(algorithm).unwrap(), algorithm.name());
        assert_eq!(algorithm.name().parse(), Ok(*algorithm));
    }
}

/// What was written is read again.
#[test]
fn serde_round_trip() {
    let odd = Totp {
        algorithm: Algorithm::Sha512,
        digits: Digits::Ten,
        period: Period::from_seconds(1).unwrap(),
        start: u64::MAX,
        window: Window {
            past: Reach::MAX,
            future: Reach::MAX,
        },
    };
    assert_eq!(from_value::<Totp>(to_value(odd).unwrap()).unwrap(), odd);
    assert_eq!(from_value::<Totp>(totp()).unwrap(), Totp::default());
    assert_eq!(
        from_value::<Hotp>(to_value(Hotp::default()).unwrap()).unwrap(),
        Hotp::default()
    );
}

/// What the constructors refuse is refused, and so are unknown and missing fields.
#[test]
fn serde_refuses_what_constructors_refuse() {
    let wrong = [
        ("digits", json!(4)),
        ("digits", json!(11)),
        ("digits", json!(262)),
        ("digits", json!(-6)),
        ("digits", json!("6")),
        ("digits", json!(6.5)),
        ("period", json!(0)),
        ("period", json!(1_u64 << 31)),
        ("period", json!(4_294_967_326_u64)),
        ("period", json!(-30)),
        ("start", json!(-1)),
        ("start", json!(1.5)),
        ("algorithm", json!("MD5")),
        ("algorithm", json!("SHA-1")),
        ("algorithm", json!(0)),
        ("window", json!({"past": 32, "future": 0})),
        ("window", json!({"past": 0, "future": 32})),
        ("window", json!({"past": -1, "future": 0})),
        ("window", json!({"past": 1})),
        ("windw", json!(1)),
    ];
    for (field, value) in wrong {
        let mut document = totp();
        document[field] = value;
        assert!(from_value::<Totp>(document.clone()).is_err(), "{document}");
    }
    for (field, value) in [
        ("look_ahead", json!(32)),
        ("look_ahead", json!(-1)),
        ("resync_range", json!(0)),
        ("resync_range", json!(1_001)),
    ] {
        let mut document = to_value(Hotp::default()).unwrap();
        document[field] = value;
        assert!(from_value::<Hotp>(document.clone()).is_err(), "{document}");
    }
    for field in ["algorithm", "digits", "period", "start", "window"] {
        let mut document = totp();
        document.as_object_mut().unwrap().remove(field);
        assert!(from_value::<Totp>(document).is_err(), "without {field}");
    }
}
