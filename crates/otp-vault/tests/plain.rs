//! Plain files of other programs: what is read, what is reported, what is refused.

mod support;

use otp_vault::{Import, ImportError, Kind, Reason, formats};
use support::{LONG, SHORT, accounts, assert_same, entry, fixture, import};

/// Each plain fixture is recognised by its content and read.
#[test]
fn plain_files_are_recognised() {
    let alice = || entry(Kind::Totp(30), "Example", "alice@example.org", SHORT);
    let bare = || entry(Kind::Totp(30), "", "", SHORT);
    let rows = [
        ("bitwarden.csv", "bitwarden-csv", vec![alice(), bare()]),
        (
            "duo.json",
            "duo-json",
            vec![
                entry(Kind::Totp(30), "", "alice@example.org", SHORT),
                entry(Kind::Hotp(3), "", "bob", SHORT),
            ],
        ),
        ("lastpass.json", "lastpass-json", vec![alice()]),
        ("raivo.json", "raivo-json", vec![alice()]),
        (
            "steam.maFile",
            "steam-json",
            vec![entry(Kind::Steam(30), "Steam", "carol", LONG)],
        ),
    ];
    for (name, format, expected) in rows {
        let imported = import(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(imported.format, format);
        assert_same(&imported.entries, &expected);
    }
}

/// A byte-order mark and carriage returns change nothing.
#[test]
fn plain_files_may_have_a_byte_order_mark() {
    let text = String::from_utf8(fixture("raivo.json"))
        .expect("a text")
        .replace('\n', "\r\n");
    let imported = import(format!("\u{feff}{text}").as_bytes()).expect("the same");
    assert_eq!(imported.format, "raivo-json");
    let uris = format!(
        "\u{feff}otpauth://totp/a?secret={SHORT}\r\n\r\notpauth://totp/b?secret={SHORT}\r\n"
    );
    assert_eq!(import(uris.as_bytes()).expect("two").entries.len(), 2);
}

/// JSON that is cut off is damaged, however much of it could be read.
#[test]
fn plain_files_cut_off_are_refused() {
    for name in ["duo.json", "lastpass.json", "raivo.json", "steam.maFile"] {
        let file = fixture(name);
        for length in 1..file.trim_ascii_end().len() {
            let error = import(&file[..length]).expect_err(name);
            assert_eq!(error, ImportError::Damaged("JSON"), "{name} to {length}");
        }
    }
    let csv = fixture("bitwarden.csv");
    let open_quote = csv.iter().position(|byte| *byte == b'"').expect("a quote") + 5;
    assert_eq!(
        import(&csv[..open_quote]).expect_err("an open quote"),
        ImportError::Damaged("Bitwarden")
    );
}

/// A field in quotes that is cut off is no shorter secret.
#[test]
fn quoted_field_cut_off_is_refused() {
    let csv = format!("name,login_totp\nExample,\"{LONG}\"\n");
    assert_eq!(import(csv.as_bytes()).expect("whole").entries.len(), 1);
    let cut = &csv[..csv.len() - 10];
    assert_eq!(
        import(cut.as_bytes()).expect_err("open"),
        ImportError::Damaged("Bitwarden")
    );
}

/// One entry that cannot be read is reported with its place and name; the others are there.
#[test]
fn entries_are_skipped_one_by_one() {
    let row = |field: &str| {
        format!(
            r#"{{"kind": "TOTP", "timer": "30", "account": "x", "secret": "{SHORT}", {field}}}"#
        )
    };
    let rows = [
        (row(r#""digits": "6""#), None),
        (row(r#""digits": "4""#), Some(Reason::Digits)),
        (row(r#""digits": "-6""#), Some(Reason::Digits)),
        (row(r#""digits": 6.5"#), Some(Reason::Digits)),
        (row(r#""timer": "0""#), Some(Reason::Period)),
        (row(r#""timer": "2147483648""#), Some(Reason::Period)),
        (row(r#""algorithm": "SHA224""#), Some(Reason::Algorithm)),
        (row(r#""algorithm": "SHA-256""#), Some(Reason::Algorithm)),
        (row(r#""kind": "OTHER""#), Some(Reason::Type)),
        (
            row(r#""kind": "HOTP", "counter": "18446744073709551616""#),
            Some(Reason::Counter),
        ),
        (row(r#""secret": """#), Some(Reason::NoSecret)),
        (row(r#""secret": "0189""#), Some(Reason::BadSecret)),
        (
            row(r#""secret": "JBSWY3DP=EHPK3PXP""#),
            Some(Reason::BadSecret),
        ),
    ];
    let file = format!(
        "[{}]",
        rows.iter()
            .map(|(row, _)| row.as_str())
            .collect::<Vec<_>>()
            .join(",")
    );
    let imported = import(file.as_bytes()).expect("one is right");
    assert_eq!(imported.entries.len(), 1);
    let skipped: Vec<_> = imported
        .skipped
        .iter()
        .map(|row| (row.index, Some(row.reason), row.name.as_deref()))
        .collect();
    let expected: Vec<_> = rows
        .iter()
        .enumerate()
        .skip(1)
        .map(|(at, (_, reason))| (at, *reason, Some("x")))
        .collect();
    assert_eq!(skipped, expected);
}

/// A file in which nothing can be read is an error, as is one without entries.
#[test]
fn file_without_an_entry_is_an_error() {
    assert_eq!(
        import(b"otpauth://totp/a?secret=").expect_err("no secret"),
        ImportError::Empty("list of otpauth URIs")
    );
    let empty = br#"{"version": 1, "header": {"slots": null, "params": null}, "db": {"version": 2, "entries": []}}"#;
    assert_eq!(
        import(empty).expect_err("no entry"),
        ImportError::Empty("Aegis")
    );
}

/// What is recognised and not read is named; what is unknown is refused.
#[test]
fn foreign_files_are_named() {
    let named = |file: &[u8], word: &str| {
        let error = import(file).expect_err("not read");
        assert!(
            matches!(error, ImportError::NotSupported(_)) && error.to_string().contains(word),
            "{error}"
        );
    };
    named(b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5\x01\0\x03\0", "KeePass");
    named(
        br#"{"encrypted": true, "encKeyValidation_DO_NOT_EDIT": "2.a|b|c", "items": []}"#,
        "Bitwarden",
    );
    for unknown in [&b""[..], b"hello", b"{}", b"[]", b"null", b"\xff\xfe"] {
        assert!(
            matches!(import(unknown), Err(ImportError::Unrecognised)),
            "{unknown:?}"
        );
    }
}

/// A format that is asked for by name is read as that, or refused; and names are there once.
#[test]
fn formats_are_chosen_by_name() {
    let file = fixture("raivo.json");
    assert!(Import::new(&file).format("raivo-json").read().is_ok());
    assert!(Import::new(&file).format("aegis").read().is_err());
    assert_eq!(
        Import::new(&file)
            .format("nonsense")
            .read()
            .expect_err("no name"),
        ImportError::UnknownFormat
    );
    let mut names: Vec<&str> = formats().iter().map(|format| format.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), formats().len());
}

/// URIs are read as programs write them: names as they stand, blanks of forms, Steam, a secret of odd length.
#[test]
fn uris_are_read_as_programs_write_them() {
    let rows = [
        (
            format!("otpauth://totp/Air%20Canada:Ben?secret={SHORT}&issuer=Air+Canada"),
            entry(Kind::Totp(30), "Air Canada", "Ben", SHORT),
        ),
        (
            format!("otpauth://totp/C%2B%2B:Ben?secret={SHORT}&issuer=C++"),
            entry(Kind::Totp(30), "C++", "Ben", SHORT),
        ),
        (
            format!("otpauth://totp/a%3Ab?secret={SHORT}"),
            entry(Kind::Totp(30), "a", "b", SHORT),
        ),
        (
            format!("otpauth://totp/:a%3Ab?secret={SHORT}"),
            entry(Kind::Totp(30), "", "a:b", SHORT),
        ),
        (
            format!("OTPAUTH://TOTP/tab%09here?SECRET={}", SHORT.to_lowercase()),
            entry(Kind::Totp(30), "", "tab\there", SHORT),
        ),
        (
            format!("otpauth://steam/x?secret={SHORT}"),
            entry(Kind::Steam(30), "", "x", SHORT),
        ),
        (
            format!("otpauth://totp/x?secret={SHORT}&encoder=steam"),
            entry(Kind::Steam(30), "", "x", SHORT),
        ),
        (
            format!("steam://{SHORT}"),
            entry(Kind::Steam(30), "", "", SHORT),
        ),
        (
            "otpauth://totp/x?secret=AAAAAAAAA".into(),
            entry(Kind::Totp(30), "", "x", "AAAAAAAAA"),
        ),
        (
            format!("otpauth://hotp/x?secret={SHORT}&counter=7&period=60"),
            entry(Kind::Hotp(7), "", "x", SHORT),
        ),
    ];
    for (uri, expected) in rows {
        let found = otp_vault::read_uri(&uri).unwrap_or_else(|error| panic!("{uri}: {error}"));
        assert_same(&[found], &[expected]);
    }
    for (uri, reason) in [
        ("otpauth://totp/a", Reason::NoSecret),
        ("otpauth://totp/a?secret=A", Reason::BadSecret),
        ("otpauth://hotp/a?secret=AAAA", Reason::Counter),
        ("otpauth://totp/a?secret=AAAA&secret=BBBB", Reason::Form),
        ("otpauth://totp/a?secret=AAAA&digits=4", Reason::Digits),
        ("otpauth://totp/a?secret=AAAA&period=0", Reason::Period),
        (
            "otpauth://totp/a?secret=AAAA&algorithm=SHA224",
            Reason::Algorithm,
        ),
        ("otpauth://yubi/a?secret=AAAA", Reason::Type),
        ("https://example.org", Reason::NotUri),
    ] {
        assert_eq!(otp_vault::read_uri(uri).expect_err(uri), reason, "{uri}");
    }
    // Each account's own URI gives the account back.
    for account in accounts() {
        let uri = otp_vault::write_uri(&account).expect("it fits");
        assert_same(&[otp_vault::read_uri(&uri).expect("ours")], &[account]);
    }
}

/// A malformed migration is damaged as a whole; odd ones are read as Google's own application would.
#[test]
fn migrations_are_whole_or_nothing() {
    let uri = |payload: &[u8]| {
        format!(
            "otpauth-migration://offline?data={}",
            data_encoding::BASE64.encode(payload).replace('+', "%2B")
        )
    };
    let entry = b"\x0a\x0a1234567890\x12\x01t\x20\x01\x28\x01\x30\x02";
    let payload = |entry: &[u8]| {
        [
            &[0x0a, u8::try_from(entry.len()).expect("short")],
            entry,
            b"\x10\x01\x18\x01",
        ]
        .concat()
    };
    assert_eq!(
        import(uri(&payload(entry)).as_bytes())
            .expect("whole")
            .entries
            .len(),
        1
    );
    for length in 1..payload(entry).len() - 4 {
        assert!(
            import(uri(&payload(entry)[..length]).as_bytes()).is_err(),
            "to {length}"
        );
    }
    for wrong in [
        "otpauth-migration://offline",
        "otpauth-migration://offline?data=",
        "otpauth-migration://offline?data=%%%",
        "otpauth-migration://other?data=CgA",
    ] {
        assert!(import(wrong.as_bytes()).is_err(), "{wrong}");
    }
    // Groups, which would nest, and lengths that run past the end.
    assert!(import(uri(&[0x0b; 3000]).as_bytes()).is_err());
    assert!(import(uri(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").as_bytes()).is_err());
    // An entry without secret is reported beside one that has one.
    let two = [
        &payload(b"\x12\x05empty\x20\x01\x28\x01\x30\x02")[..],
        &payload(entry)[..],
    ]
    .concat();
    let imported = import(uri(&two).as_bytes()).expect("one");
    assert_eq!(
        (imported.entries.len(), imported.skipped[0].reason),
        (1, Reason::NoSecret)
    );
}
