//! Formats of one's own: what the builder refuses, what it reads, and that the ready-made formats are
//! what they were.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/common.rs"]
mod common;

use std::panic::catch_unwind;

use common::{CODE, Scripted, alice, issue_at, issuer, now, refusal, seeded};
use ott_core::{Binding, Format, Reason, Token};

const DIGITS: &str = "0123456789";

// A faulty one would not compile.
const PIN: Format = Format::builder(DIGITS, 4).no_leading_zero().build();
const PAIRING: Format = Format::builder("abcdefghijkmnpqrstuvwxyz23456789", 8)
    .typed_in_groups_of(4)
    .separators(" -.")
    .build();
const EXACT: Format = Format::builder("abcdEFGH", 6).build();
const FOLDED: Format = Format::builder("abcdEFGH", 6).folding_case().build();
const BITS: Format = Format::builder("01", 255).build();

/// The symbols of a token that is drawn from the bytes 0, 1, 2, …
fn drawn(format: &Format) -> String {
    let bytes = (0..4).flat_map(|_| 0..=255);
    let token = Token::try_generate_from_rng(format, &mut Scripted::new(bytes)).expect("a token");
    token.expose_secret().into()
}

/// A fault, and what would have it; given all visible ASCII characters and the space.
type Faulty = (&'static str, fn(&'static str) -> Format);

/// A format whose parts contradict each other is not built: in a constant that is the compiler's
/// error.
#[test]
fn builder_refuses_what_contradicts_itself() {
    let ninety_five: &'static str = (' '..='~').collect::<String>().leak();
    let ninety_four = &ninety_five[1..];
    let bad: [Faulty; 15] = [
        ("no symbol at all", |_| Format::builder(DIGITS, 0).build()),
        ("an empty alphabet", |_| Format::builder("", 6).build()),
        ("one symbol", |_| Format::builder("0", 6).build()),
        ("a space as symbol", |_| Format::builder("0 ", 6).build()),
        ("95 symbols", |all| Format::builder(all, 6).build()),
        ("a control character", |_| {
            Format::builder("01\n", 6).build()
        }),
        ("no ASCII", |_| Format::builder("01\u{e9}", 6).build()),
        ("Arabic digits", |_| {
            Format::builder("\u{660}\u{661}", 6).build()
        }),
        ("a symbol twice", |_| Format::builder("0120", 6).build()),
        ("both cases, and folded", |_| {
            Format::builder("abA", 6).folding_case().build()
        }),
        ("a separator that is a symbol", |_| {
            Format::builder("012-", 6).separators("-").build()
        }),
        ("a separator that is a symbol in another case", |_| {
            let builder = Format::builder("ABCX", 6).folding_case();
            builder.separators("x").build()
        }),
        ("a separator that is no ASCII", |_| {
            Format::builder(DIGITS, 6).separators("\u{2013}").build()
        }),
        ("groups with a dash that is not read", |_| {
            let builder = Format::builder(DIGITS, 6).typed_in_groups_of(3);
            builder.separators(" ").build()
        }),
        ("one token in all", |_| {
            Format::builder("01", 1).no_leading_zero().build()
        }),
    ];
    for (fault, make) in bad {
        let made = catch_unwind(|| make(ninety_five));
        assert!(made.is_err(), "{fault}");
    }
    let widest = Format::builder(ninety_four, 19).build();
    assert_eq!(widest.code_space(), 94_u128.pow(19));
    // Both cases are two symbols where case is told apart, and a separator may be any other one.
    assert!(catch_unwind(|| Format::builder("abA", 6).build()).is_ok());
    assert!(catch_unwind(|| Format::builder("ABCX", 6).separators("x").build()).is_ok());
}

/// Entropy and code space count the symbols that are drawn, and nothing else.
#[test]
fn entropy_counts_what_is_drawn() {
    let table = [
        (PIN, 13, 9_000),
        (PAIRING, 40, 1 << 40),
        (EXACT, 18, 1 << 18),
        (FOLDED, 18, 1 << 18),
        (BITS, 255, u128::MAX),
        (Format::builder("01", 127).build(), 127, 1 << 127),
        (Format::builder("01", 2).no_leading_zero().build(), 1, 2),
        (Format::builder(DIGITS, 1).no_leading_zero().build(), 3, 9),
        (
            Format::builder(DIGITS, 9).no_leading_zero().build(),
            29,
            900_000_000,
        ),
    ];
    for (format, bits, space) in table {
        assert_eq!(format.entropy_bits(), bits, "{format:?}");
        assert_eq!(format.code_space(), space, "{format:?}");
    }
    // How it is shown and read changes neither.
    let plain = Format::builder(DIGITS, 6).build();
    for shown in [
        Format::builder(DIGITS, 6).separators("./").build(),
        Format::builder(DIGITS, 6).typed_in_groups_of(2).build(),
    ] {
        assert_eq!(shown.entropy_bits(), plain.entropy_bits());
        assert_eq!(shown.code_space(), plain.code_space());
    }
}

/// Why a text is refused for a token of this format that is right; `None` if it is taken for it.
fn typed(format: Format, token: &str, text: &str) -> Option<Reason> {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let policy = CODE.format(format);
    let options = ott_core::IssueOptions::default();
    let given = issuer
        .issue_given_from_rng(&policy, &binding, &[token], options, now(), &mut seeded(1))
        .expect("a token of this format");
    let mut given = common::only(given, "one token");
    let presented = issuer.present_by_handle(&policy, &given.handle, &binding, text, now());
    refusal(presented.and_then(|presented| given.record.redeem(&presented, now())))
}

/// A text is read by the separators and the case that the format names, and by no others.
#[test]
fn typed_text_is_read_as_the_format_says() {
    let malformed = Some(Reason::Malformed);
    let mismatch = Some(Reason::Mismatch);
    let pin_no_blank = [("1234", None), ("12 34", malformed), ("12-34", malformed)];
    for (text, answer) in pin_no_blank {
        assert_eq!(typed(PIN, "1234", text), answer, "{text}");
    }
    for (text, answer) in [
        ("0234", malformed),
        ("9999", mismatch),
        ("123", malformed),
        ("12345", malformed),
    ] {
        assert_eq!(typed(PIN, "1234", text), answer, "{text}");
    }
    for (text, answer) in [
        ("abcd-2345", None),
        ("ABCD-2345", None),
        ("aBcD.2345", None),
        ("ab cd 23 45", None),
        (".a.b.c.d-2-3-4-5.", None),
        ("abcd_2345", malformed),
        ("abcd/2345", malformed),
        ("abcd-234l", malformed),
        ("abcd-2346", mismatch),
    ] {
        assert_eq!(typed(PAIRING, "abcd2345", text), answer, "{text}");
    }
    for (text, answer) in [
        ("abcdEF", None),
        ("abcdef", malformed),
        ("ABCDEF", malformed),
        ("abc-dEF", malformed),
    ] {
        assert_eq!(typed(EXACT, "abcdEF", text), answer, "{text}");
    }
    for (text, answer) in [("abcdEF", None), ("ABCDef", None), ("abcdeG", mismatch)] {
        assert_eq!(typed(FOLDED, "abcdEF", text), answer, "{text}");
    }
}

/// What is shown is read again, for every ready-made format and those of one's own.
#[test]
fn shown_text_is_read_again() {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let mut rng = seeded(2);
    for format in [
        PIN,
        PAIRING,
        EXACT,
        FOLDED,
        BITS,
        Format::DIGITS_6,
        Format::DIGITS_8,
        Format::READABLE_8,
        Format::RECOVERY,
        Format::LINK,
        Format::alphanumeric(255),
        PAIRING.prefixed("ott_"),
    ] {
        let policy = CODE.format(format);
        for _ in 0..20 {
            let mut issued = issue_at(&issuer, &policy, &binding, now(), &mut rng);
            let token = issued.token.expose_secret();
            let presented = issuer
                .present_by_handle(&policy, &issued.handle, &binding, token, now())
                .expect("what is shown is read");
            let answer = refusal(issued.record.redeem(&presented, now()));
            assert_eq!(answer, None, "{format:?}");
        }
    }
}

/// Every ready-made format has the texts that it always had, and is what the builder makes of its
/// parts.
#[test]
fn ready_made_formats_keep_their_texts() {
    let base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let consonants = "BCDFGHJKLMNPQRSTVWXZ";
    let table = [
        (Format::DIGITS_6, "012345"),
        (Format::DIGITS_8, "01234567"),
        (Format::READABLE_8, "BCDF-GHJK"),
        (Format::RECOVERY, "ABCD-EFGH-IJKL-MNOP-QRST-UVWX"),
        (Format::LINK, &base64[..43]),
        (Format::alphanumeric(20), &base62[..20]),
        (
            Format::alphanumeric(20).prefixed("ott_"),
            "ott_0123456789ABCDEFGHIJ3TE0Ng",
        ),
    ];
    for (format, text) in table {
        assert_eq!(drawn(&format), text);
        let prefix = text.starts_with("ott_").then_some("ott_");
        assert_eq!(format.prefix(), prefix, "{text}");
    }
    let built = [
        (
            Format::DIGITS_6,
            Format::builder(DIGITS, 6).separators(" -").build(),
        ),
        (
            Format::READABLE_8,
            Format::builder(consonants, 8).typed_in_groups_of(4).build(),
        ),
        (
            Format::RECOVERY,
            Format::builder(base32, 24).typed_in_groups_of(4).build(),
        ),
        (Format::LINK, Format::builder(base64, 43).build()),
        (
            Format::alphanumeric(12),
            Format::builder(base62, 12).build(),
        ),
    ];
    for (format, own) in built {
        assert_eq!(format, own);
    }
    assert_eq!(drawn(&PAIRING), "abcd-efgh");
    assert_eq!(drawn(&PIN), "1123");
}
