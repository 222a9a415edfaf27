//! Nothing of a file is lost without a word: accounts, names, notes, parts.

mod support;

use otp_vault::{Entry, Import, ImportError, Kind, Reason, export};
use support::{LONG, PASSWORD, SHORT, accounts, assert_same, entry, fixture, import, import_with};

/// Where bytes stand in a file.
fn place(file: &[u8], what: &[u8]) -> usize {
    file.windows(what.len())
        .position(|window| window == what)
        .expect("it is there")
}

/// An account of FreeOTP 2 without its token, or a token without its secret, is damage and no shorter vault.
#[test]
fn freeotp2_halves_of_accounts_are_damage() {
    let file = fixture("freeotp2.xml");
    let imported = import_with(&file, PASSWORD).expect("whole");
    assert_eq!(imported.format, "freeotp2-javaser");
    assert_same(&imported.entries, &accounts()[..3]);
    let damaged = |file: &[u8], what: &str| {
        let error = import_with(file, PASSWORD).expect_err(what);
        assert_eq!(error, ImportError::Damaged("FreeOTP 2"), "{what}");
    };
    let suffix = place(&file, b"b-token") + 1;
    for at in suffix..suffix + 6 {
        let mut changed = file.clone();
        changed[at] ^= 1;
        damaged(&changed, "another name");
    }
    let count = place(&file, b"w\x08") + 9;
    for key in [&b"t\0\x01b"[..], b"t\0\x07b-token"] {
        let mut shorter = file.clone();
        let begin = place(&file, key);
        let value = begin + key.len();
        let length = usize::from(u16::from_be_bytes([file[value + 1], file[value + 2]]));
        drop(shorter.drain(begin..value + 3 + length));
        shorter[count] -= 1;
        damaged(&shorter, "one half");
    }
}

/// Aegis spells every secret in base32, also those of mOTP.
#[test]
fn aegis_motp_secrets_are_base32() {
    let file = r#"{"version": 1, "header": {"slots": null, "params": null}, "db": {"version": 3, "entries": [
        {"type": "motp", "name": "dave", "issuer": "x", "note": "", "info":
            {"secret": "4MKSV7XGEWM4Q", "algo": "MD5", "digits": 6, "period": 10, "pin": "1234"}}]}}"#;
    let imported = import(file.as_bytes()).expect("one");
    assert_eq!(imported.entries[0].secret.expose_secret(), "4MKSV7XGEWM4Q");
    let written = export("aegis", &imported.entries, None).expect("it fits");
    assert!(String::from_utf8_lossy(&written.file).contains("4MKSV7XGEWM4Q"));
    assert_eq!(written.dropped, []);
}

/// An entry that a format writes and does not read again is left out and named: the others are in the file.
#[test]
fn entries_too_long_for_a_uri_are_left_out() {
    let named = |account: &str, note: Option<String>| Entry {
        note,
        ..entry(Kind::Totp(30), "Example", account, SHORT)
    };
    // A URI of more than 8 KiB fits no QR code, and is refused wherever one is read.
    let entries = [
        named("first", None),
        named(&"x".repeat(9_000), None),
        named("second", Some("y".repeat(9_000))),
        named("third", None),
    ];
    for (format, too_long) in [
        ("uri-list", &[1][..]),
        ("proton-json", &[1]),
        ("ente-text", &[1, 2]),
        ("aegis", &[]),
        ("otp-vault", &[]),
    ] {
        let written = export(format, &entries, None).expect(format);
        let left: Vec<usize> = written.left_out.iter().map(|left| left.index).collect();
        assert_eq!(left, too_long, "{format}");
        assert!(
            written
                .left_out
                .iter()
                .all(|left| left.reason == Reason::Form)
        );
        let again = Import::new(&written.file)
            .format(format)
            .read()
            .expect(format);
        assert_eq!(
            again.entries.len(),
            entries.len() - too_long.len(),
            "{format}"
        );
    }
}

/// What `import` skipped is skipped again where its document is read.
#[test]
fn skipped_entries_stay_skipped() {
    let list = format!(
        "otpauth://totp/a?secret={SHORT}\notpauth://totp/b?secret={SHORT}&algorithm=SHA224\n"
    );
    let first = import(list.as_bytes()).expect("one of two");
    assert_eq!(first.skipped[0].reason, Reason::Algorithm);
    let again = import(&first.to_json()).expect("the same");
    assert_eq!(again.skipped, first.skipped);
}

/// Places of entries, and the fields that are dropped of each.
type Rows = &'static [(usize, &'static [&'static str])];

/// What a format has no room for beside the code is told, field by field.
#[test]
fn exports_tell_what_is_dropped() {
    let full = || {
        let mut first = entry(Kind::Totp(30), "Example", "alice", SHORT);
        first.groups = vec!["Work".into(), "Élan".into()];
        first.note = Some("a note".into());
        vec![
            first,
            entry(Kind::Totp(30), "", "bob", LONG),
            entry(Kind::Steam(30), "Steam", "carol", LONG),
        ]
    };
    let rows: [(&str, Rows); 11] = [
        ("otp-vault", &[]),
        ("aegis", &[]),
        ("ente-text", &[]),
        ("2fas", &[(0, &["groups", "note"])]),
        ("2fauth-json", &[(0, &["groups", "note"])]),
        ("andotp", &[(0, &["note"])]),
        (
            "bitwarden-json",
            &[(0, &["groups"]), (2, &["issuer", "account", "note"])],
        ),
        ("freeotpplus-json", &[(0, &["groups", "note"])]),
        ("google-migration", &[(0, &["groups", "note"])]),
        ("stratum-json", &[(0, &["note"])]),
        ("uri-list", &[(0, &["groups", "note"])]),
    ];
    for (format, expected) in rows {
        let exported = export(format, &full(), None).expect(format);
        let dropped: Vec<(usize, &[&str])> = exported
            .dropped
            .iter()
            .map(|row| (row.index, row.fields.as_slice()))
            .collect();
        assert_eq!(dropped, expected, "{format}");
    }
    // Also where the file is sealed.
    let sealed = export("2fas", &full(), Some(&support::password(PASSWORD))).expect("sealed");
    assert_eq!(sealed.dropped.len(), 1);
}

/// Bitwarden's names of an item stay in the note where its code has none, and its own notes are read.
#[test]
fn bitwarden_names_and_notes_are_kept() {
    let json = format!(
        r#"{{"encrypted": false, "items": [
            {{"name": "Bank", "notes": null, "login": {{"username": "carol", "totp": "{SHORT}"}}}},
            {{"name": "x", "notes": "mine", "login": {{"username": "y", "totp": "otpauth://totp/a?secret={SHORT}"}}}}]}}"#
    );
    let csv = format!(
        "name,notes,login_username,login_totp\nBank,,carol,{SHORT}\nx,mine,y,otpauth://totp/a?secret={SHORT}\n"
    );
    for file in [json, csv] {
        let entries: Vec<Entry> = import(file.as_bytes()).expect("two").entries;
        assert_eq!(entries[0].name(), "");
        assert_eq!(entries[0].note.as_deref(), Some("Bank\ncarol"));
        assert_eq!(entries[1].note.as_deref(), Some("mine"));
    }
}

/// A row of CSV with fewer or more fields than its header is damage.
#[test]
fn csv_rows_have_all_columns() {
    let whole = format!("{SHORT},a,,\n");
    for (before, row) in [
        ("", SHORT),
        ("", "JBSWY3DPEHPK3PXP,a"),
        (&whole, SHORT),
        (&whole, "JBSWY3DPEHPK3PXP,a,,,"),
    ] {
        let csv = format!("login_totp,name,folder,notes\n{before}{row}\n");
        assert_eq!(
            import(csv.as_bytes()).expect_err(row),
            ImportError::Damaged("Bitwarden"),
            "{row}"
        );
    }
}

/// A newer version of Aegis' files is named, not read by the rules of an older one.
#[test]
fn aegis_newer_versions_are_named() {
    let file = |file: u64, db: u64| {
        format!(
            r#"{{"version": {file}, "header": {{"slots": null, "params": null}}, "db": {{"version": {db}, "entries": [
            {{"type": "totp", "name": "a", "issuer": "", "info": {{"secret": "{SHORT}", "algo": "SHA1"}}}}]}}}}"#
        )
    };
    assert_eq!(
        import(file(1, 3).as_bytes()).expect("known").entries.len(),
        1
    );
    for (outer, inner) in [(2, 3), (1, 4), (1, 9)] {
        let error = import(file(outer, inner).as_bytes()).expect_err("newer");
        assert!(matches!(error, ImportError::NotSupported(_)), "{error}");
    }
}

/// A text of UTF-16 and a picture of another text are of no known format, not encrypted ones.
#[test]
fn unknown_texts_are_not_taken_for_encrypted() {
    let utf16: Vec<u8> = core::iter::once(0xfeff_u16)
        .chain("just a long text of words, \u{e9}".encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let picture = otp_vault::qr::Code::new("just a text")
        .expect("short")
        .to_png();
    for file in [&utf16[..], &picture] {
        assert_eq!(
            import(file).expect_err("unknown"),
            ImportError::Unrecognised
        );
    }
    // Noise may be andOTP's.
    let noise: Vec<u8> = (0..64_u8).map(|at| at.wrapping_mul(37) | 128).collect();
    let said = import(&noise).expect_err("no password").to_string();
    assert!(
        said.contains("unknown") && said.contains("needs a password"),
        "{said}"
    );
}

/// A derivation that costs nothing is damage of a file that is known.
#[test]
fn costs_of_zero_are_damage() {
    let text = String::from_utf8(fixture("bitwarden-argon2id.json")).expect("a text");
    let file = text.replace("\"kdfParallelism\": 4", "\"kdfParallelism\": 0");
    assert_ne!(file, text);
    let error = import_with(file.as_bytes(), PASSWORD).expect_err("zero");
    assert!(matches!(error, ImportError::Damaged(_)), "{error}");
}

/// The code that follows is that of the next period or counter, and none follows the last.
#[test]
fn next_code_is_the_one_that_follows() {
    let code = |entry: &Entry, time| entry.code(time).expect("a code").expose_secret().to_owned();
    let next = |entry: &Entry, time| {
        entry
            .next_code(time)
            .map(|code| code.expose_secret().to_owned())
    };
    let totp = entry(Kind::Totp(30), "", "a", LONG);
    assert_eq!(next(&totp, 29), Ok(code(&totp, 30)));
    assert_eq!(next(&totp, 0), Ok(code(&totp, 59)));
    assert!(next(&totp, u64::MAX).is_err());
    // RFC 4226 appendix D.
    assert_eq!(
        next(&entry(Kind::Hotp(0), "", "a", LONG), 0),
        Ok("287082".into())
    );
    assert!(next(&entry(Kind::Hotp(u64::MAX), "", "a", LONG), 0).is_err());
}

/// Where every entry was skipped, the caller sees each reason beside the error.
#[test]
fn reasons_are_told_where_nothing_is_left() {
    let seen = core::cell::RefCell::new(Vec::new());
    let file = b"otpauth://totp/a?secret=\notpauth://totp/b?secret=AAAA&digits=4";
    let error = Import::new(file)
        .when_empty(&|skipped| {
            seen.borrow_mut()
                .extend(skipped.iter().map(|row| row.reason))
        })
        .read()
        .expect_err("none is left");
    assert!(matches!(error, ImportError::Empty(_)));
    assert_eq!(*seen.borrow(), [Reason::NoSecret, Reason::Digits]);
}
