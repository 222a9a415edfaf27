//! One spelling of a token is ever digested; every other text is refused before any look-up.

#[path = "support/common.rs"]
mod common;

use std::sync::LazyLock;

use common::{CODE, Scripted, alice, issue_at, issuer, now, refusal, seeded};
use ott_core::{
    Binding, Destination, Format, Handle, Issued, Issuer, Lookup, Policy, Presented, Purpose,
    Reason, RecordId, Rejected, Subject, Token,
};

fn policy(format: Format) -> Policy {
    Policy::code(Purpose::new("one")).format(format)
}

/// A token of this format, drawn from a source of the one byte.
fn issue(format: Format, byte: u8) -> Issued {
    let bytes = [byte; 64 * 4 + 32];
    let owner = alice();
    let binding = Binding::subject(&owner);
    let mut source = Scripted::new(bytes);
    issue_at(&issuer(), &policy(format), &binding, now(), &mut source)
}

static ISSUER: LazyLock<Issuer> = LazyLock::new(issuer);

fn type_in(format: Format, issued: &Issued, typed: &str) -> Result<Presented, Rejected> {
    let owner = alice();
    let binding = Binding::subject(&owner);
    ISSUER.present_by_handle(&policy(format), &issued.handle, &binding, typed, now())
}

/// Whether the text is taken for the token, the wrong token, or none at all.
fn outcome(format: Format, issued: &Issued, typed: &str) -> Option<Reason> {
    refusal(
        type_in(format, issued, typed)
            .and_then(|presented| issued.record.clone().redeem(&presented, now())),
    )
}

const FORMATS: [Format; 7] = [
    Format::DIGITS_6,
    Format::DIGITS_8,
    Format::READABLE_8,
    Format::RECOVERY,
    Format::LINK,
    Format::alphanumeric(20),
    Format::alphanumeric(20).prefixed("ott_"),
];

/// Hostile text is malformed in every format.
#[test]
fn text_that_is_hostile_is_malformed() {
    let megabyte = "1".repeat(1 << 20);
    let spaces = " ".repeat(1 << 20);
    for format in FORMATS {
        let issued = issue(format, 1);
        let right = issued.token.expose_secret();
        let hostile = [
            String::new(),
            " ".into(),
            "-".into(),
            megabyte.clone(),
            format!("{spaces}{right}"),
            format!("{right}{megabyte}"),
            format!("{right}\0"),
            format!("\0{right}"),
            format!("+{right}"),
            format!("{right}."),
            format!("{right}{right}"),
            format!("{right}1"),
            right.chars().skip(1).collect(),
            "1_1_1_1_1_1".into(),
            "0x1111".into(),
            "1e5000".into(),
            "-1.111".into(),
            "¹¹¹¹¹¹".into(),
            "①①①①①①".into(),
            "一一一一一一".into(),
            format!("{right}\u{1b}"),
        ];
        for typed in &hostile {
            let answer = outcome(format, &issued, typed);
            let shown: String = typed.chars().take(40).collect();
            assert_eq!(answer, Some(Reason::Malformed), "{format:?} {shown:?}");
        }
        assert_eq!(outcome(format, &issued, right), None, "{format:?}");
    }
}

/// Separators are forgiven for as long as a person could have typed them.
#[test]
fn separators_are_forgiven_up_to_a_length() {
    let issued = issue(Format::DIGITS_6, 1);
    for (bytes, answer) in [(88, None), (89, Some(Reason::Malformed))] {
        let typed = format!("{:<bytes$}", issued.token.expose_secret());
        assert_eq!(outcome(Format::DIGITS_6, &issued, &typed), answer);
        let typed = format!("{:->bytes$}", issued.token.expose_secret());
        assert_eq!(outcome(Format::DIGITS_6, &issued, &typed), answer);
    }
}

/// Every single character beside the token is a separator or refused.
#[test]
fn character_beside_the_token_is_refused() {
    for format in FORMATS {
        let issued = issue(format, 1);
        let right = issued.token.expose_secret();
        let forgiving = matches!(
            format,
            Format::DIGITS_6 | Format::DIGITS_8 | Format::READABLE_8 | Format::RECOVERY
        );
        for extra in (0..0x3001)
            .chain(0xfe00..0x10000)
            .filter_map(char::from_u32)
        {
            let answer = outcome(format, &issued, &format!("{right}{extra}"));
            let dash = matches!(
                extra,
                '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
            );
            let unseen = extra.is_whitespace() || ott_core::is_hidden(extra);
            let separator = forgiving && (dash || unseen);
            let expected = (!separator).then_some(Reason::Malformed);
            assert_eq!(answer, expected, "{format:?} {extra:?}");
        }
    }
}

/// What a person types is taken in each of its spellings.
#[test]
fn typed_token_is_taken_in_each_spelling() {
    let readable = issue(Format::READABLE_8, 1);
    assert_eq!(readable.token.expose_secret(), "CCCC-CCCC");
    let recovery = issue(Format::RECOVERY, 1);
    assert_eq!(
        recovery.token.expose_secret(),
        "BBBB-BBBB-BBBB-BBBB-BBBB-BBBB"
    );
    let digits = issue(Format::DIGITS_6, 1);
    let table = [
        (Format::DIGITS_6, &digits, "111 111"),
        (Format::DIGITS_6, &digits, "111-111"),
        (Format::DIGITS_6, &digits, " 1 1 1 1 1 1 "),
        (Format::DIGITS_6, &digits, "-1-1-1-1-1-1-"),
        (Format::READABLE_8, &readable, "cccccccc"),
        (Format::READABLE_8, &readable, "cCcC cCcC"),
        (Format::READABLE_8, &readable, "CC-CC-CC-CC"),
        (Format::RECOVERY, &recovery, "bbbb bbbb bbbb bbbb bbbb bbbb"),
        (Format::RECOVERY, &recovery, "BBBBBBBBBBBBBBBBBBBBBBBB"),
        // As it is copied from a mail, a page or a file.
        (Format::DIGITS_6, &digits, "\t111111\r\n"),
        (Format::DIGITS_6, &digits, "111\u{a0}111"),
        (Format::DIGITS_6, &digits, "111\u{2009}111\u{3000}"),
        (Format::DIGITS_6, &digits, "\u{feff}111\u{200b}111\u{200e}"),
        (Format::DIGITS_6, &digits, "\u{2066}111\u{2013}111\u{2069}"),
        (Format::DIGITS_6, &digits, "１１１\u{ff0d}１１１"),
        (Format::DIGITS_6, &digits, "١١١١١١"),
        (Format::DIGITS_6, &digits, "۱۱۱۱۱۱"),
        (Format::DIGITS_6, &digits, "११११११"),
        (Format::DIGITS_6, &digits, "\u{1d7cf}11111"),
        (Format::READABLE_8, &readable, "ＣＣＣＣ－ｃｃｃｃ"),
        (Format::READABLE_8, &readable, "CCCC \u{2014} CCCC\n"),
        (Format::RECOVERY, &recovery, "BBBB–BBBB–BBBB–BBBB–BBBB–BBBB"),
    ];
    for (format, issued, typed) in table {
        assert_eq!(outcome(format, issued, typed), None, "{typed}");
        // The very same digest, so that no second spelling is a second chance.
        let token = issued.token.expose_secret();
        let plain = type_in(format, issued, token).unwrap();
        let spelled = type_in(format, issued, typed).unwrap();
        assert_eq!(plain.digests(), spelled.digests());
        assert_eq!(plain.id(), spelled.id());
    }
    // What is right in form and wrong in value is a mismatch, not malformed.
    let answer = outcome(Format::DIGITS_6, &digits, "011111");
    assert_eq!(answer, Some(Reason::Mismatch));
    for vowel in ["ACCC-CCCC", "CCCC-CCCY", "CCCC-CCC1"] {
        let answer = outcome(Format::READABLE_8, &readable, vowel);
        assert_eq!(answer, Some(Reason::Malformed));
    }
    // What stands behind the nine of a script is not what stands behind the nine of ASCII.
    let colons = Format::builder("0123456789:", 9).separators(" -").build();
    let issued = issue(colons, 1);
    assert_eq!(
        outcome(colons, &issued, "11111111:"),
        Some(Reason::Mismatch)
    );
    let answer = outcome(colons, &issued, "11111111\u{970}");
    assert_eq!(answer, Some(Reason::Malformed));
}

/// What a machine sends is taken exactly.
#[test]
fn sent_token_is_taken_exactly() {
    for format in [Format::LINK, Format::alphanumeric(20)] {
        let issued = issue(format, 40);
        let right = issued.token.expose_secret();
        let (upper, lower) = (right.to_uppercase(), right.to_lowercase());
        assert!(upper != lower);
        for typed in [&upper, &lower] {
            let expected = (typed != right).then_some(Reason::Mismatch);
            assert_eq!(outcome(format, &issued, typed), expected);
        }
        let wide = |c: char| char::from_u32(u32::from(c).saturating_add(0xfee0)).unwrap();
        for typed in [
            format!(" {right}"),
            format!("{right} "),
            format!("{right}="),
            format!("{right}\u{200b}"),
            right.chars().map(wide).collect(),
        ] {
            let answer = outcome(format, &issued, &typed);
            assert_eq!(answer, Some(Reason::Malformed), "{typed}");
        }
    }
}

/// Where the token finds its record, a second spelling finds the same record.
#[test]
fn spellings_find_the_same_record() {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let policy = Policy::recovery(Purpose::new("one"));
    let issued = issue_at(&issuer(), &policy, &binding, now(), &mut seeded(1));
    let token = issued.token.expose_secret();
    for typed in [
        token.to_lowercase(),
        token.replace('-', " "),
        token.replace('-', ""),
    ] {
        let presented = issuer()
            .present_by_subject(&policy, &binding, &typed, now())
            .unwrap();
        assert_eq!(presented.id(), issued.record.id());
    }
}

/// A prefixed token with any error is malformed: no look-up is needed to know.
#[test]
fn prefixed_token_is_checked_offline() {
    const FORMAT: Format = Format::alphanumeric(20).prefixed("ott_");
    // Whatever it was before, it is base62 of that length, without groups.
    assert_eq!(
        Format::READABLE_8.prefixed("ott_"),
        Format::alphanumeric(8).prefixed("ott_")
    );
    let issued = issue(FORMAT, 1);
    let right = issued.token.expose_secret();
    assert_eq!(right.len(), 4 + 20 + 6);
    assert!(right.starts_with("ott_11111111111111111111"));
    // Any one symbol changed, prefix and checksum included.
    for at in 0..right.len() {
        for symbol in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-".chars() {
            let mut typed: Vec<char> = right.chars().collect();
            if typed[at] == symbol {
                continue;
            }
            typed[at] = symbol;
            let typed: String = typed.into_iter().collect();
            let answer = outcome(FORMAT, &issued, &typed);
            assert_eq!(answer, Some(Reason::Malformed), "{typed}");
        }
    }
    for typed in [
        "ott_",
        "ott",
        "",
        &right[4..],
        "ott_é",
        "éééééé",
        "ott_11111",
    ] {
        let answer = outcome(FORMAT, &issued, typed);
        assert_eq!(answer, Some(Reason::Malformed), "{typed}");
    }
    // Another prefix's token, right in itself.
    let other = Format::alphanumeric(20).prefixed("otp_");
    let token = Token::try_generate_from_rng(&other, &mut seeded(1)).unwrap();
    let answer = outcome(FORMAT, &issued, token.expose_secret());
    assert_eq!(answer, Some(Reason::Malformed));
}

/// A handle and an id have one spelling each.
#[test]
fn handles_and_ids_have_one_spelling() {
    let issued = issue(Format::DIGITS_6, 0xAB);
    let text = issued.handle.expose_secret().to_string();
    assert_eq!(text, "ab".repeat(32));
    assert_eq!(*Handle::parse(&text).unwrap().expose_secret(), text);
    let id = issued.record.id().to_string();
    assert_eq!(RecordId::parse(&id), Ok(*issued.record.id()));
    for bad in [
        String::new(),
        text.to_uppercase(),
        format!(" {text}"),
        format!("{text}\n"),
        format!("{text}0"),
        format!("{text}00"),
        text[..62].into(),
        text[..63].into(),
        "g".repeat(64),
        "é".repeat(32),
        "０".repeat(64),
        "0".repeat(1 << 20),
    ] {
        let answer = refusal(Handle::parse(&bad));
        assert_eq!(answer, Some(Reason::Malformed));
        assert!(RecordId::parse(&bad).is_err());
    }
    for bad in [id.to_uppercase(), format!("{id}0"), id[..30].into()] {
        assert!(RecordId::parse(&bad).is_err());
    }
    // An id is no handle: it addresses no record.
    assert!(Handle::parse(&id).is_err());
}

/// Names that could be read in two ways are refused, and those that hide characters.
#[test]
fn names_that_read_two_ways_are_refused() {
    let long = "a".repeat(256);
    // Characters that turn the text around, or that nobody sees, make one name pass for another.
    let hidden = [
        "a\u{202e}b",
        "a\u{200b}",
        "\u{2066}a",
        "a\u{feff}",
        "a\u{ad}b",
        "\u{e0041}",
    ];
    let plain = ["a\0", "\n", "a\u{85}", "\u{7f}", &long];
    for bad in plain.into_iter().chain(hidden) {
        assert!(Subject::new("", bad).is_err(), "{bad:?}");
        assert!(Subject::new(bad, "1").is_err(), "{bad:?}");
        // The address of a browser's push service is long.
        let long = bad.len() == 256;
        assert_eq!(Destination::device(bad).is_ok(), long, "{bad:?}");
    }
    assert!(Subject::new("", "").is_err());
    assert!(Destination::device("").is_err());
    assert!(Destination::device("a".repeat(2_048)).is_ok());
    assert!(Destination::device("a".repeat(2_049)).is_err());
    assert!(Subject::new("", &long[1..]).is_ok());
    for bad in [
        "",
        "+",
        "+123456",
        "+1234567890123456",
        "1234567",
        "+12 34567",
        "+1234567x",
        "++1234567",
        "+１２３４５６７",
        "+1234567\n",
        "00491234567",
    ] {
        assert!(Destination::phone(bad).is_err(), "{bad:?}");
    }
    assert!(Destination::phone("+1234567").is_ok());
    assert!(Destination::phone("+123456789012345").is_ok());
}

/// A code is found by its handle, and has five attempts.
#[test]
fn code_is_found_by_its_handle() {
    assert_eq!(CODE.token_lookup(), Lookup::ByHandle { attempts: 5 });
}
