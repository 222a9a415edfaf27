//! Answers a folder of other programs' files, migrations and QR codes, and says for each list how many rows it held
//! against us: `vault_vectors FOLDER`.
//!
//! The files are not part of this repository. Its own tests have a case of their own for each kind of oddity; this shows
//! that what other programs wrote is read. `scripts/vectors` runs it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a check that a person starts; an overflow fails it"
)]

mod rows;

use core::time::Duration;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use data_encoding::BASE32_NOPAD;
use otp_vault::{Entry, EntrySecret, Import, ImportError, Imported, Kind, Password, qr, read_uri};
use rows::Rows;
use serde_json::Value;

/// A list, and what holds its rows against us.
type List = (&'static str, fn(&Path, &Value, &mut Rows));

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("vault_vectors FOLDER");
        return ExitCode::from(2);
    };
    let folder = Path::new(&folder);
    let lists: [List; 5] = [
        ("vaults/made_expected.json", made),
        ("vaults/thirdparty_expected.json", third_party),
        ("migration/google_migration.json", migration),
        ("qr/qr_expected.json", pictures),
        ("algorithms/steam.json", steam),
    ];
    let mut wrong = 0;
    for (name, check) in lists {
        let mut rows = Rows::default();
        let list =
            serde_json::from_slice(&std::fs::read(folder.join(name)).expect(name)).expect("JSON");
        check(folder, &list, &mut rows);
        println!("{name}: {rows}");
        wrong += rows.wrong.len();
    }
    ExitCode::from(u8::from(wrong > 0))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Reads the file of a row. A refusal takes no longer than two seconds.
fn import(folder: &Path, row: &Value) -> Result<Imported, ImportError> {
    let file = std::fs::read(folder.join(text(row, "file"))).expect("a file");
    let password = row["password"]
        .as_str()
        .map(|text| Password::new(text.to_owned()));
    let begun = Instant::now();
    let mut import = Import::new(&file);
    if let Some(password) = &password {
        import = import.password(password);
    }
    let found = import.read();
    assert!(
        found.is_ok() || begun.elapsed() < Duration::from_secs(2),
        "slow: {row}"
    );
    found
}

/// What makes the same codes under the same name, of a row and of an entry.
fn expected(row: &Value) -> String {
    let number = |name: &str| row[name].as_u64();
    let names = ["type", "issuer", "account", "secret", "algorithm"].map(|name| text(row, name));
    format!(
        "{names:?} {:?} {:?} {:?}",
        number("digits"),
        number("period"),
        number("counter")
    )
}

fn essence(entry: &Entry) -> String {
    let names = [
        entry.kind.name(),
        &entry.issuer,
        &entry.account,
        entry.secret.expose_secret(),
        entry.algorithm_name(),
    ];
    let period = entry.period().map(u64::from);
    format!(
        "{names:?} {:?} {:?} {:?}",
        Some(u64::from(entry.digits)),
        period,
        entry.counter()
    )
}

fn compare(row: &Value, found: &Imported, rows: &mut Rows) {
    let mut found: Vec<String> = found.entries.iter().map(essence).collect();
    let mut wanted: Vec<String> = list(row, "entries").iter().map(expected).collect();
    // A hash map has no order.
    if text(row, "format") == "freeotp2-javaser" {
        found.sort();
        wanted.sort();
    }
    rows.check(text(row, "file"), found == wanted);
}

fn made(folder: &Path, lists: &Value, rows: &mut Rows) {
    let folder = &folder.join("vaults");
    for row in list(lists, "good") {
        match import(folder, row) {
            Ok(found) => {
                rows.check(text(row, "format"), found.format == text(row, "format"));
                compare(row, &found, rows);
            }
            Err(error) => rows.refused(text(row, "file"), error),
        }
    }
    for row in ["damaged", "wrong_password"]
        .iter()
        .flat_map(|name| list(lists, name))
    {
        rows.check(text(row, "file"), import(folder, row).is_err());
    }
}

fn third_party(folder: &Path, lists: &Value, rows: &mut Rows) {
    for row in lists.as_array().expect("a list") {
        match import(folder, row) {
            // Listed elsewhere, with its entries.
            Ok(_) if text(row, "format") == "google-migration-uri" => {}
            Ok(found) => compare(row, &found, rows),
            Err(_) if text(row, "note").contains("must be refused") => {
                rows.check(text(row, "file"), true)
            }
            Err(error) => rows.refused(text(row, "file"), error),
        }
    }
}

fn migration(_: &Path, lists: &Value, rows: &mut Rows) {
    for batch in list(lists, "generated") {
        let parts = list(batch, "batch");
        let uris: Vec<&str> = parts.iter().rev().map(|part| text(part, "uri")).collect();
        let wanted: Vec<&Value> = parts
            .iter()
            .flat_map(|part| list(&part["decoded"], "entries"))
            .collect();
        let found = match Import::new(uris.join("\n").as_bytes()).read() {
            Ok(found) => found,
            // Nothing but what is not read here.
            Err(error) => {
                let none = wanted.iter().all(|row| text(row, "algorithm") == "MD5");
                rows.check(
                    "an empty batch",
                    none && matches!(error, ImportError::Empty(_)),
                );
                continue;
            }
        };
        let total = found.entries.len() + found.skipped.len();
        rows.check("parts in any order", total == wanted.len());
        let secrets = wanted.iter().map(|row| {
            let bytes = data_encoding::HEXLOWER
                .decode(text(row, "secret_hex").as_bytes())
                .expect("hex");
            BASE32_NOPAD.encode(&bytes)
        });
        let secrets: Vec<String> = secrets.collect();
        rows.check(
            "secrets",
            found.entries.iter().all(|entry| {
                secrets
                    .iter()
                    .any(|secret| secret == entry.secret.expose_secret())
            }),
        );
    }
    for row in list(lists, "reject") {
        rows.check(
            text(row, "why"),
            Import::new(text(row, "uri").as_bytes()).read().is_err(),
        );
    }
    // Read or refused, and never a panic.
    for row in list(lists, "odd") {
        let _ = Import::new(text(row, "uri").as_bytes()).read();
        rows.check(text(row, "why"), true);
    }
}

fn pictures(folder: &Path, lists: &Value, rows: &mut Rows) {
    for row in list(lists, "images") {
        let file = std::fs::read(folder.join("qr").join(text(row, "file"))).expect("a picture");
        let mut found: Vec<String> = qr::decode_picture(&file)
            .expect("a picture")
            .iter()
            .map(|text| text.to_string())
            .collect();
        let mut wanted: Vec<&str> = list(row, "texts")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        found.sort();
        wanted.sort();
        rows.check(text(row, "file"), found == wanted);
    }
}

fn steam(_: &Path, lists: &Value, rows: &mut Rows) {
    for row in ["known", "generated"]
        .iter()
        .flat_map(|name| list(lists, name))
    {
        let secret = match (row["secret_base32"].as_str(), row["secret_base64"].as_str()) {
            (Some(base32), _) => EntrySecret::from_base32(base32),
            (_, Some(base64)) => EntrySecret::from_bytes(
                &data_encoding::BASE64
                    .decode(base64.as_bytes())
                    .expect("base64"),
            ),
            _ => EntrySecret::from_bytes(
                &data_encoding::HEXLOWER
                    .decode(text(row, "secret_hex").as_bytes())
                    .expect("hex"),
            ),
        };
        let mut entry = read_uri("otpauth://steam/x?secret=AAAA").expect("Steam");
        assert_eq!(entry.kind, Kind::Steam(30));
        entry.secret = secret.expect("a secret");
        let code = entry
            .code(row["time"].as_u64().expect("a time"))
            .expect("a code");
        rows.check("code", code.expose_secret() == text(row, "code"));
    }
}
