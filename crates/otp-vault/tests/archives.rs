//! KeePass databases and ZIP archives: what other programs wrote is read, and what a stranger made is bounded.
//! `fixtures/make_archives.py` wrote them.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a mistake fails the test"
)]

mod support;

use std::io::Write;

use otp_vault::{Entry, IconType, Import, ImportError, Kind, Reason, limits};
use sha2::{Digest, Sha256};
use support::{LONG, PASSWORD, SHORT, accounts, assert_same, entry, fixture, import, import_with};
use zip::write::SimpleFileOptions;

const DATABASES: [&str; 3] = [
    "keepass-aes-kdf.kdbx",
    "keepass-argon2d.kdbx",
    "keepass-argon2id.kdbx",
];

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|a, b| a.account.cmp(&b.account));
    entries
}

/// Databases under each cipher and derivation, with KeePassXC's own field; older versions of entries are none.
#[test]
fn keepass_databases_are_read() {
    for name in DATABASES {
        let found =
            import_with(&fixture(name), PASSWORD).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.format, "keepass-kdbx4");
        assert!(found.skipped.is_empty());
        let found = sorted(found.entries);
        assert_same(&found, &sorted(accounts()));
        let of = |account: &str| {
            found
                .iter()
                .find(|entry| entry.account == account)
                .expect("there")
        };
        assert_eq!(of("me:too").groups, ["Work"]);
        assert_eq!(
            of("alice@example.org").note.as_deref(),
            Some("written <beside> it")
        );
        assert!(of("carol").groups.is_empty());
    }
}

/// The fields of KeePass 2, of older programs and of plug-ins, each account once.
#[test]
fn keepass_fields_are_read() {
    let found = import_with(&fixture("keepass-fields.kdbx"), PASSWORD).expect("accounts");
    let mut wanted = accounts();
    // A counter has six digits and SHA-1 there.
    wanted[2] = entry(Kind::Hotp(7), "C++ Corp", "bob smith", LONG);
    wanted.push(entry(Kind::Totp(30), "Plain", "text", LONG));
    let mut keeotp = entry(Kind::Totp(60), "KeeOtp", "plug-in", SHORT);
    (keeotp.algorithm, keeotp.digits) = (otp_vault::Algorithm::Sha256, 8);
    wanted.push(keeotp);
    wanted.push(entry(Kind::Totp(30), "Both", "fields", SHORT));
    assert_same(&found.entries, &wanted);
    let [wrong] = found.skipped.as_slice() else {
        panic!("{:?}", found.skipped)
    };
    assert_eq!(
        (wrong.reason, wrong.name.as_deref()),
        (Reason::Algorithm, Some("Wrong"))
    );
}

/// A picture of the database's own comes along with each entry that has it.
#[test]
fn keepass_icons_come_along() {
    let found = import_with(&fixture("keepass-icons.kdbx"), PASSWORD).expect("accounts");
    let icons: Vec<_> = found
        .entries
        .iter()
        .map(|entry| entry.icon.as_ref().map(|icon| icon.kind()))
        .collect();
    assert_eq!(icons, [Some(IconType::Png), Some(IconType::Png), None]);
}

/// A wrong password, and one that is missing, are told from damage.
#[test]
fn archives_need_their_password() {
    for (name, title) in [
        ("keepass-argon2d.kdbx", "KeePass"),
        ("authenticator-plus.zip", "Authenticator Plus"),
        ("winauth-sealed.zip", "WinAuth"),
    ] {
        let file = fixture(name);
        assert_eq!(
            import(&file).expect_err("none"),
            ImportError::PasswordNeeded(title)
        );
        for wrong in ["correct horsex", "", "Correct horse"] {
            assert_eq!(
                import_with(&file, wrong).expect_err("wrong"),
                ImportError::WrongPassword(title)
            );
        }
    }
}

/// A database that is cut off or changed anywhere is refused as a whole.
#[test]
fn damaged_databases_are_refused() {
    let file = fixture("keepass-aes-kdf.kdbx");
    for length in (0..file.len()).step_by(7) {
        assert!(
            import_with(&file[..length], PASSWORD).is_err(),
            "{length} bytes"
        );
    }
    for at in (12..file.len()).step_by(11) {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(import_with(&changed, PASSWORD).is_err(), "byte {at}");
    }
    let behind = [&file[..], b"x"].concat();
    assert_eq!(
        import_with(&behind, PASSWORD).expect_err("more"),
        ImportError::Damaged("KeePass")
    );
    let mut old = file;
    old[10] = 3;
    assert!(matches!(
        import(&old).expect_err("old"),
        ImportError::NotSupported(_)
    ));
}

/// A header with one number of its derivation replaced, and the checksum that anybody can compute.
fn with_number(name: &str, field: u8, number: u64) -> Vec<u8> {
    let mut file = fixture(name);
    let kind = if field == b'P' { 4 } else { 5 };
    let size = kind * 4 - 12;
    let mark = [kind, 1, 0, 0, 0, field, size, 0, 0, 0];
    let at = file
        .windows(mark.len())
        .position(|bytes| bytes == mark)
        .expect("a field")
        + mark.len();
    let size = usize::from(size);
    file[at..at + size].copy_from_slice(&number.to_le_bytes()[..size]);
    let end = file
        .windows(9)
        .position(|bytes| bytes == *b"\0\x04\0\0\0\r\n\r\n")
        .expect("an end")
        + 9;
    let hash = Sha256::digest(&file[..end]);
    file[end..end + 32].copy_from_slice(&hash);
    file
}

/// Costs of a database beyond the caps are not begun.
#[test]
fn keepass_costs_are_capped() {
    let password = support::password(PASSWORD);
    for (name, field, number) in [
        ("keepass-aes-kdf.kdbx", b'R', limits::KEEPASS_AES_ROUNDS + 1),
        ("keepass-aes-kdf.kdbx", b'R', u64::MAX),
        ("keepass-argon2d.kdbx", b'M', (1 << 30) + 1024),
        ("keepass-argon2d.kdbx", b'M', u64::MAX),
        (
            "keepass-argon2id.kdbx",
            b'I',
            (limits::KEEPASS_ARGON2_KIB >> 10) + 1,
        ),
        ("keepass-argon2id.kdbx", b'I', u64::MAX),
        ("keepass-argon2id.kdbx", b'P', 65),
    ] {
        let file = with_number(name, field, number);
        let error = Import::new(&file)
            .password(&password)
            .before_derivation(&|_| panic!("a key is derived"))
            .read()
            .expect_err("beyond");
        assert_eq!(error, ImportError::TooMuchWork, "{name} {number}");
    }
    for (field, number) in [(b'I', 0), (b'M', 0), (b'P', 0)] {
        let file = with_number("keepass-argon2d.kdbx", field, number);
        assert_eq!(
            import_with(&file, PASSWORD).expect_err("none"),
            ImportError::Damaged("KeePass")
        );
    }
}

/// What a database unpacks to is capped.
#[test]
fn keepass_bombs_are_refused() {
    let error = import_with(&fixture("keepass-bomb.kdbx"), PASSWORD).expect_err("a bomb");
    assert_eq!(error, ImportError::TooMuchWork);
}

/// Archives of Authenticator Plus and WinAuth, under AES, under the old cipher of ZIP and under none.
#[test]
fn zip_archives_are_read() {
    for (name, format) in [
        ("authenticator-plus.zip", "authenticator-plus-zip"),
        ("winauth-sealed.zip", "winauth-zip"),
        ("winauth.zip", "winauth-zip"),
    ] {
        let found =
            import_with(&fixture(name), PASSWORD).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.format, format);
        assert!(found.skipped.is_empty());
        assert_same(&found.entries, &accounts());
    }
    import(&fixture("winauth.zip")).expect("no password");
}

/// An archive that is cut off, and one whose content was changed, is refused as a whole.
#[test]
fn damaged_archives_are_refused() {
    for name in [
        "authenticator-plus.zip",
        "winauth-sealed.zip",
        "winauth.zip",
    ] {
        let file = fixture(name);
        for length in 0..file.len() {
            assert!(
                import_with(&file[..length], PASSWORD).is_err(),
                "{name}: {length} bytes"
            );
        }
        // Behind the header and the name, in front of the list.
        for at in (80..file.len() - 120).step_by(5) {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(
                import_with(&changed, PASSWORD).is_err(),
                "{name}: byte {at}"
            );
        }
    }
}

fn archive(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        writer
            .start_file(name, SimpleFileOptions::default())
            .expect("a file");
        writer.write_all(&content).expect("room");
    }
    writer.finish().expect("an archive").into_inner()
}

/// An archive's files and what they unpack to are capped; one without lists is damaged.
#[test]
fn zip_bombs_are_refused() {
    let uri = format!("otpauth://totp/a?secret={SHORT}\n").into_bytes();
    let bomb = |size: usize| {
        let mut content = uri.clone();
        content.resize(size, b'\n');
        content
    };
    let many = |count: usize| (0..count).map(|at| (format!("{at}.txt"), uri.clone()));
    for file in [
        archive([("a.txt".to_owned(), bomb(limits::UNPACKED_BYTES + 1))]),
        archive((0..3).map(|at| (format!("{at}.TXT"), bomb(limits::UNPACKED_BYTES / 2)))),
        archive(many(limits::ZIP_FILES + 1)),
        b"PK\x03\x04PK\x01\x02".repeat(1 << 20),
    ] {
        assert_eq!(import(&file).expect_err("a bomb"), ImportError::TooMuchWork);
    }
    let found = import(&archive(many(limits::ZIP_FILES))).expect("as many as are allowed");
    assert_eq!(found.entries.len(), limits::ZIP_FILES);
    let other = [("picture.png".to_owned(), uri.clone())];
    for file in [archive([]), archive(other)] {
        assert_eq!(
            import(&file).expect_err("no list"),
            ImportError::Damaged("WinAuth")
        );
    }
}
