//! What is written is what our own readers read again.

mod support;

use otp_vault::{Entry, ExportError, Icon, Import, ImportError, Kind, export, formats};
use support::{LONG, PASSWORD, SHORT, accounts, assert_same, entry, import, import_with, password};

/// Accounts whose names are unkind to every format.
fn unkind() -> Vec<Entry> {
    let names = [
        ("", "plain"),
        ("", "with:colon"),
        ("a/b?c#d&e=f", "100% + \"quoted\" \\ back"),
        ("用户", "tab\there"),
        ("😀 Inc", "line\nbreak"),
        ("Ends in colon:", "x"),
    ];
    let mut entries = accounts();
    entries.extend(
        names
            .iter()
            .map(|(issuer, account)| entry(Kind::Totp(30), issuer, account, LONG)),
    );
    entries.push(entry(Kind::Hotp(0), "Zero", "x", LONG));
    entries
}

/// Every exporter's file is recognised and read by its own importer, entry by entry; what does not fit is listed.
#[test]
fn exports_are_read_again() {
    let written = formats().iter().filter(|format| format.exports());
    let mut count = 0;
    for format in written {
        let entries = unkind();
        let secret = (format.name == "otp-vault-sealed").then(|| password(PASSWORD));
        let exported = export(format.name, &entries, secret.as_ref()).expect(format.name);
        let left_out: Vec<usize> = exported.left_out.iter().map(|row| row.index).collect();
        let mut held: Vec<Entry> = entries
            .into_iter()
            .enumerate()
            .filter(|(at, _)| !left_out.contains(at))
            .map(|(_, entry)| entry)
            .collect();
        let imported = import_with(&exported.file, PASSWORD)
            .unwrap_or_else(|error| panic!("{}: {error}", format.name));
        assert_eq!(imported.format, format.name);
        assert_eq!(imported.skipped, [], "{}", format.name);
        for entry in &mut held {
            known_loss(format.name, entry);
        }
        assert_same(&imported.entries, &held);
        count += 1;
    }
    assert_eq!(count, 13);
}

/// Where a format itself has no room for a name, and its program shows it all the same.
fn known_loss(format: &str, entry: &mut Entry) {
    match format {
        // Bitwarden and Proton write Steam's secret alone; names stand in the item around it.
        "bitwarden-json" if matches!(entry.kind, Kind::Steam(_)) => {
            (entry.issuer, entry.account) = Default::default()
        }
        "proton-json" if matches!(entry.kind, Kind::Steam(_)) => entry.issuer = String::new(),
        _ => {}
    }
}

/// Aegis, 2FAS and a vault are encrypted with a password: no secret stands in the file, and no two files are alike.
#[test]
fn exports_are_sealed_afresh() {
    for name in ["2fas", "aegis", "otp-vault-sealed"] {
        let write = || {
            export(name, &accounts(), Some(&password(PASSWORD)))
                .expect(name)
                .file
        };
        let (one, other) = (write(), write());
        assert_ne!(*one, *other);
        assert!(!String::from_utf8_lossy(&one).contains(LONG));
        assert_same(
            &import_with(&one, PASSWORD).expect(name).entries,
            &accounts(),
        );
        assert!(import_with(&one, "wrong").is_err());
    }
}

/// A password for a format that is never encrypted is an error, not a plain file.
#[test]
fn exports_never_drop_a_password() {
    let error =
        export("andotp", &accounts(), Some(&password(PASSWORD))).expect_err("not encrypted");
    assert_eq!(error, ExportError::NeverEncrypted("andOTP"));
}

/// A Google migration has at most ten entries a URI, and all of its parts are read in any order.
#[test]
fn migrations_are_cut_at_ten_entries() {
    let entries: Vec<Entry> = (0..21)
        .map(|at| entry(Kind::Totp(30), "Example", &format!("user {at}"), LONG))
        .collect();
    let file = export("google-migration", &entries, None)
        .expect("it fits")
        .file;
    let text = String::from_utf8(file.to_vec()).expect("ASCII");
    let mut lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    lines.reverse();
    assert_same(
        &import(lines.join("\r\n").as_bytes())
            .expect("in any order")
            .entries,
        &entries,
    );
    // One that is missing is told.
    let imported = import([lines[0], lines[2]].join("\n").as_bytes()).expect("two parts");
    assert_eq!(imported.entries.len(), 11);
    assert_eq!(imported.skipped.len(), 1);
    assert_eq!(imported.skipped[0].name.as_deref(), Some("part 2 of 3"));
    // One that comes twice counts once.
    assert_eq!(
        import(
            [lines[2], lines[2], lines[0], lines[1]]
                .join("\n")
                .as_bytes()
        )
        .expect("again")
        .entries
        .len(),
        21
    );
}

/// An entry that a format cannot hold is left out and told, never changed into another code.
#[test]
fn exports_leave_out_what_does_not_fit() {
    let exported = export("google-migration", &accounts(), None).expect("one fits");
    let left_out: Vec<(usize, &str)> = exported
        .left_out
        .iter()
        .map(|row| (row.index, row.name.as_str()))
        .collect();
    assert_eq!(
        left_out,
        [
            (1, "Zoë & Söhne:me:too"),
            (2, "C++ Corp:bob smith"),
            (3, "Steam:carol")
        ]
    );
    assert_same(
        &import(&exported.file).expect("one").entries,
        &accounts()[..1],
    );
}

/// Groups, notes and PINs survive where a format has room for them.
#[test]
fn exports_keep_groups_notes_and_pins() {
    for (name, groups, note, pin) in [
        ("otp-vault", 2, true, true),
        ("aegis", 2, true, true),
        ("stratum-json", 2, false, true),
        ("ente-text", 2, true, false),
        ("andotp", 2, false, false),
        ("2fas", 1, false, false),
    ] {
        let mut entries = accounts();
        let first = &mut entries[0];
        first.groups = vec!["Work".into(), "Élan".into()];
        first.note = Some("a note".into());
        let mut motp = entry(Kind::Motp(10), "mOTP", "dave", LONG);
        motp.pin = Some(zeroize::Zeroizing::new("1234".into()));
        entries.push(motp);
        let file = export(name, &entries, None).expect(name).file;
        let found = Import::new(&file).format(name).read().expect(name).entries;
        assert_eq!(found[0].groups, entries[0].groups[..groups], "{name}");
        assert_eq!(found[0].note.is_some(), note, "{name}");
        assert_eq!(
            found
                .get(4)
                .is_some_and(|entry| entry.pin.as_ref().is_some_and(|pin| pin.as_str() == "1234")),
            pin,
            "{name}"
        );
        if let Some(motp) = found.get(4) {
            assert_eq!(motp.secret.expose_secret(), LONG);
        }
    }
}

/// A PNG of one pixel, as every program takes it.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
/// A picture with a script, in base64.
const SCRIPTED: &str = "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciPjxzY3JpcHQ+YWxlcnQoMSk8L3NjcmlwdD48cGF0aCBkPSJNMCAwaDF2MXoiLz48L3N2Zz4=";
const GIF: &str = "R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==";

fn icon(base64: &str) -> Icon {
    let bytes = data_encoding::BASE64.decode(base64.as_bytes());
    Icon::read(&bytes.expect("base64")).expect("an icon")
}

/// Icons are written where a format has room for one, and read again as they were; of another format is told which are lost.
#[test]
fn icons_come_along() {
    // For each format, which of PNG, SVG and GIF it holds.
    for (name, holds) in [
        ("otp-vault", [true, true, true]),
        ("otp-vault-sealed", [true, true, true]),
        ("aegis", [true, true, false]),
        ("2fauth-json", [true, true, false]),
        ("stratum-json", [true, false, true]),
        ("2fas", [false; 3]),
        ("uri-list", [false; 3]),
    ] {
        let mut entries: Vec<Entry> = [PNG, SCRIPTED, GIF, PNG]
            .map(|picture| {
                let mut entry = entry(Kind::Totp(30), "Example", "alice", SHORT);
                entry.icon = Some(icon(picture));
                entry
            })
            .into();
        entries[3].icon = None;
        let secret = (name == "otp-vault-sealed").then(|| password(PASSWORD));
        let exported = export(name, &entries, secret.as_ref()).expect(name);
        let found = import_with(&exported.file, PASSWORD).expect(name).entries;
        for ((found, wanted), holds) in found.iter().zip(&entries).zip(holds) {
            let held = wanted.icon.as_ref().filter(|_| holds);
            assert_eq!(found.icon.as_ref(), held, "{name}");
        }
        assert_eq!(found[3].icon, None, "{name}");
        let lost: Vec<usize> = exported.dropped.iter().map(|row| row.index).collect();
        let expected: Vec<usize> = (0..3).filter(|at| !holds[*at]).collect();
        assert_eq!(lost, expected, "{name}");
        let fields = exported.dropped.iter().map(|row| row.fields.as_slice());
        assert!(
            fields.into_iter().all(|fields| fields == ["icon"]),
            "{name}"
        );
    }
}

/// An icon of a stranger's file is sanitised like any other, and one that is none costs no account.
#[test]
fn icons_of_files_are_sanitised() {
    let file = |icon: &str| {
        format!(
            r#"{{"version":1,"header":{{"slots":null,"params":null}},"db":{{"version":3,"entries":[{{"type":"totp",
            "name":"a","issuer":"b","icon":"{icon}","icon_mime":"image/svg+xml",
            "info":{{"secret":"{SHORT}","algo":"SHA1","digits":6,"period":30}}}}]}}}}"#
        )
    };
    let found = import(file(SCRIPTED).as_bytes()).expect("an account");
    let found = found.entries[0].icon.as_ref().expect("an icon");
    let text = core::str::from_utf8(found.bytes()).expect("UTF-8");
    assert!(
        text.contains("M0 0h1v1z") && !text.contains("alert"),
        "{text}"
    );
    for none in ["AAAA", "!", "", "PGh0bWw+PC9odG1sPg=="] {
        let found = import(file(none).as_bytes()).expect("an account");
        assert_eq!(found.entries[0].icon, None, "{none}");
    }
}

/// One large picture that every account of a file has is read once, and all together have a bound.
#[test]
fn icons_of_files_are_bounded() {
    // A bitmap of 700 times 900 pixels of three bytes.
    let pixels = 700_u32 * 900 * 3;
    let mut large = b"BM".to_vec();
    for word in [
        pixels + 54,
        0,
        54,
        40,
        700,
        900,
        0x18_0001,
        0,
        pixels,
        0,
        0,
        0,
        0,
    ] {
        large.extend(word.to_le_bytes());
    }
    large.resize(large.len() + 700 * 900 * 3, 0);
    let large = data_encoding::BASE64.encode(&large);
    let file = |picture: &str, count: usize| {
        let account = format!(
            r#"{{"Type":2,"Icon":"@1","Issuer":"a","Secret":"{SHORT}","Digits":6,"Period":30}}"#
        );
        let accounts = vec![account; count].join(",");
        format!(
            r#"{{"Authenticators":[{accounts}],"CustomIcons":[{{"Id":"1","Data":"{picture}"}}]}}"#
        )
    };
    let many = import(file(PNG, 10_000).as_bytes())
        .expect("accounts")
        .entries;
    assert!(many.iter().all(|entry| entry.icon.is_some()));
    let few = import(file(&large, 30).as_bytes())
        .expect("accounts")
        .entries;
    assert_eq!(few.iter().filter(|entry| entry.icon.is_some()).count(), 30);
    let refused = import(file(&large, 90_000).as_bytes()).expect_err("too much");
    assert_eq!(refused, ImportError::TooMuchWork);
}
