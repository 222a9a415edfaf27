//! Accounts and fixtures that several tests share.
#![allow(dead_code, reason = "each test takes what it needs")]

use core::time::Duration;
use std::path::PathBuf;

use otp_vault::{Algorithm, Entry, EntrySecret, Import, ImportError, Imported, Kind, Password};

pub(crate) const SHORT: &str = "JBSWY3DPEHPK3PXP";
pub(crate) const LONG: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) fn password(text: &str) -> Password {
    Password::new(text.to_owned())
}

pub(crate) fn entry(kind: Kind, issuer: &str, account: &str, secret: &str) -> Entry {
    Entry {
        kind,
        issuer: issuer.into(),
        account: account.into(),
        secret: EntrySecret::from_base32(secret).expect("base32"),
        algorithm: Algorithm::Sha1,
        digits: if matches!(kind, Kind::Steam(_)) { 5 } else { 6 },
        groups: Vec::new(),
        note: None,
        pin: None,
        icon: None,
    }
}

/// The accounts of `fixtures/make.py`.
pub(crate) fn accounts() -> Vec<Entry> {
    let mut second = entry(Kind::Totp(60), "Zoë & Söhne", "me:too", LONG);
    (second.algorithm, second.digits) = (Algorithm::Sha256, 8);
    let mut third = entry(Kind::Hotp(7), "C++ Corp", "bob smith", LONG);
    (third.algorithm, third.digits) = (Algorithm::Sha512, 7);
    vec![
        entry(Kind::Totp(30), "Example", "alice@example.org", SHORT),
        second,
        third,
        entry(Kind::Steam(30), "Steam", "carol", LONG),
    ]
}

/// What makes the same codes under the same names.
pub(crate) fn essence(entry: &Entry) -> (Kind, &str, &str, &str, &str, u8) {
    let Entry {
        kind,
        issuer,
        account,
        secret,
        digits,
        ..
    } = entry;
    (
        *kind,
        issuer,
        account,
        secret.expose_secret(),
        entry.algorithm_name(),
        *digits,
    )
}

#[track_caller]
pub(crate) fn assert_same(found: &[Entry], expected: &[Entry]) {
    let [found, expected] =
        [found, expected].map(|entries| entries.iter().map(essence).collect::<Vec<_>>());
    assert_eq!(found, expected);
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn import(bytes: &[u8]) -> Result<Imported, ImportError> {
    Import::new(bytes).read()
}

pub(crate) fn import_with(bytes: &[u8], password_text: &str) -> Result<Imported, ImportError> {
    Import::new(bytes).password(&password(password_text)).read()
}

/// What this thread took of a processor, which does not grow while others run.
pub(crate) fn processor_time() -> Duration {
    // Nanoseconds on a processor stand first (Documentation/scheduler/sched-stats.rst of Linux).
    let taken = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let first = taken
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    Duration::from_nanos(first.expect("a number"))
}

/// The encrypted fixtures: name, format, and how many of the accounts it holds.
pub(crate) const SEALED: [(&str, &str, usize); 10] = [
    ("2fas-encrypted.2fas", "2fas", 4),
    ("aegis-encrypted.json", "aegis", 4),
    ("andotp-old.json.aes", "andotp-old-sha256", 4),
    ("andotp.json.aes", "andotp-pbkdf2", 4),
    ("bitwarden-argon2id.json", "bitwarden-password-protected", 2),
    ("bitwarden-pbkdf2.json", "bitwarden-password-protected", 2),
    ("ente-encrypted.json", "ente-encrypted", 4),
    ("proton-encrypted.json", "proton-encrypted", 2),
    ("stratum-legacy.authpro", "stratum-legacy", 4),
    ("stratum-strong.authpro", "stratum-strong", 4),
];
