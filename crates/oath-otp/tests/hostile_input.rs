//! What people and attackers type: refused or read, never a panic, and one text for every refusal.

use oath_otp::{Account, Digits, Hotp, Reason, Rejected, Secret, Totp};

fn secret() -> Secret {
    Secret::from_bytes(b"12345678901234567890").expect("20 bytes")
}

/// The code of counter 0 is 755224, of counter 1 it is 287082.
fn verify(typed: &str) -> Result<u64, Rejected> {
    Totp::default()
        .verify(&secret(), typed, 59, None)
        .map(|step| step.get())
}

/// Spaces and dashes in a typed code are ignored.
#[test]
fn typed_spaces_and_dashes_are_ignored() {
    for typed in [
        "287082",
        "287 082",
        "287-082",
        " 2 8 7 0 8 2 ",
        "28-70-82",
        "287082 ",
        "- 287082",
    ] {
        assert_eq!(verify(typed), Ok(1), "{typed:?}");
    }
}

/// A code is read as it was copied: with the blanks, line ends, dashes and invisible characters of a mail or a page,
/// and in the digits of another script.
#[test]
fn typed_code_is_read_as_it_was_copied() {
    for typed in [
        "287082\n",
        "\t287082",
        "287082\r\n",
        "287\u{a0}082",
        "287\u{2009}082",
        "287\u{202f}082",
        "\u{3000}287082",
        "287\u{200b}082",
        "\u{feff}287082",
        "\u{200e}287082\u{200f}",
        "\u{2066}287082\u{2069}",
        "287\u{202e}082",
        "287\u{ad}082",
        "287\u{2010}082",
        "287\u{2011}082",
        "287\u{2013}082",
        "287 \u{2014} 082",
        "287\u{2212}082",
        "２８７０８２",
        "２８７\u{ff0d}０８２",
        "٢٨٧٠٨٢",
        "۲۸۷۰۸۲",
        "२८७०८२",
        "২৮৭০৮২",
        "๒๘๗๐๘๒",
        "𝟐𝟖𝟕𝟎𝟖𝟐",
        "28७०८２",
    ] {
        assert_eq!(verify(typed), Ok(1), "{typed:?}");
        // One code, however it is written: the second spelling is a replay.
        let again = Totp::default().verify(&secret(), typed, 59, Some(1));
        let reason = again.map_err(|refused| refused.reason());
        assert_eq!(reason, Err(Reason::Replayed), "{typed:?}");
        assert_eq!(Digits::Six.check_form(typed), Ok(()));
    }
}

/// However it is grouped, a code of 128 bytes is read, and one of 129 is not.
#[test]
fn typed_text_has_an_end() {
    let typed = |length: usize| format!("{:->length$}", "287082");
    assert_eq!(verify(&typed(128)), Ok(1));
    let refused = verify(&typed(129)).map_err(|refused| refused.reason());
    assert_eq!(refused, Err(Reason::Malformed));
}

/// Whatever is neither digit, blank, dash nor unseen is malformed.
#[test]
fn typed_text_is_else_malformed() {
    let megabyte = "1".repeat(1_000_000);
    let blanks = " ".repeat(1_000_000);
    let late = format!("{}287082", " ".repeat(123));
    for typed in [
        "",
        " ",
        "-",
        "28708",
        "2870820",
        "0287082",
        "287082 287082",
        "+287082",
        "287_082",
        "287.082",
        "287,082",
        "0x2870",
        "2.87e5",
        "28708a",
        "28708O",
        "28708l",
        "287082\0",
        "\u{0}287082",
        "287\u{0}082",
        "²⁸⁷⁰⁸²",
        "②⑧⑦⓪⑧②",
        "二八七〇八二",
        "Ⅱ87082",
        "287\u{1b}082",
        "287~082",
        "287082\u{301}",
        // What stands behind the nine of a script: Arabic, Devanagari, fullwidth.
        "28708\u{66a}",
        "28708\u{970}",
        "28708\u{ff1a}",
        "ß",
        "🔑🔑🔑🔑🔑🔑",
        &megabyte,
        &blanks,
        &late,
    ] {
        let refused = verify(typed).unwrap_err();
        assert_eq!(refused.reason(), Reason::Malformed, "{typed:?}");
        let form = Digits::Six.check_form(typed);
        assert_eq!(form, Err(refused), "{typed:?}");
    }
}

/// Each digit counts: one wrong digit, at any place, is refused.
#[test]
fn typed_digits_all_count() {
    for position in 0..6 {
        for digit in b'0'..=b'9' {
            let mut typed = *b"287082";
            typed[position] = digit;
            let typed = str::from_utf8(&typed).unwrap();
            assert_eq!(verify(typed).is_ok(), typed == "287082", "{typed}");
        }
    }
}

/// A code has exactly as many digits as configured: one more or fewer is malformed.
#[test]
fn typed_digits_are_exactly_as_many() {
    for digits in 5..=10 {
        let hotp = Hotp {
            digits: Digits::try_from(digits).unwrap(),
            ..Hotp::default()
        };
        let code = hotp.generate(&secret(), 7);
        let code = code.expose_secret();
        assert_eq!(code.len(), usize::from(digits));
        assert_eq!(hotp.verify(&secret(), code, Some(6)).unwrap().get(), 7);
        for wrong in [format!("{code}0"), format!("0{code}"), code[1..].to_owned()] {
            let refused = hotp.verify(&secret(), &wrong, Some(6)).unwrap_err();
            assert_eq!(refused.reason(), Reason::Malformed);
        }
    }
    for digits in [0, 1, 4, 11, 255] {
        assert!(Digits::try_from(digits).is_err());
    }
}

/// 9,999,999,999 is above 2³²: a number cut to 32 bits would be another code.
#[test]
fn typed_ten_digits_are_compared_whole() {
    let hotp = Hotp {
        digits: Digits::Ten,
        ..Hotp::default()
    };
    let code = hotp.generate(&secret(), 0);
    let number: u64 = code.expose_secret().parse().unwrap();
    for twin in [number + (1 << 32), number + (1 << 31)] {
        let refused = hotp
            .verify(&secret(), &format!("{twin:010}"), None)
            .unwrap_err();
        assert_eq!(refused.reason(), Reason::NoMatch);
    }
    assert!(hotp.verify(&secret(), "9999999999", None).is_err());
}

/// Every refusal has the same text.
#[test]
fn rejected_has_one_text() {
    let malformed = verify("x").unwrap_err();
    let wrong = verify("000000").unwrap_err();
    let replayed = Totp::default()
        .verify(&secret(), "287082", 59, Some(1))
        .unwrap_err();
    assert_ne!(malformed.reason(), wrong.reason());
    assert_ne!(replayed.reason(), wrong.reason());
    assert_eq!(malformed.to_string(), wrong.to_string());
    assert_eq!(replayed.to_string(), wrong.to_string());
}

/// Hostile secrets and URIs are errors, and no panic.
#[test]
fn secrets_and_uris_of_any_text_are_errors() {
    let long = "A".repeat(1_000_000);
    let uri = format!("otpauth://totp/a?secret={long}");
    for text in [
        long.as_str(),
        uri.as_str(),
        "\0",
        "\u{202e}",
        "%",
        "otpauth://",
        "é",
    ] {
        assert!(Secret::import_short_base32(text).is_err());
        assert!(Account::from_uri(text).is_err());
    }
}
