//! Ten thousand accounts: what reading them and all their codes take.
//!
//! `cargo test --release -p otp-vault --test many -- --nocapture` prints the figures that count.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a mistake fails the test"
)]

use core::cell::Cell;
use core::fmt::Write;
use core::time::Duration;
use std::time::Instant;

use otp_vault::{Import, Password, Vault, VaultKey, export};

const COUNT: usize = 10_000;

/// How many times as long a build that is not optimised may take, beside others.
const PATIENCE: u32 = if cfg!(debug_assertions) { 20 } else { 1 };

/// The median of several runs.
fn median(mut run: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..5)
        .map(|_| {
            let begun = Instant::now();
            run();
            begun.elapsed()
        })
        .collect();
    times.sort();
    times[2]
}

/// Ten thousand accounts are imported into a vault in five seconds, each told as it is read, and all their codes are
/// made in 50 milliseconds.
#[test]
fn ten_thousand_accounts_are_no_wait() {
    let mut uris = String::new();
    for at in 0..COUNT {
        let secret = data_encoding::BASE32_NOPAD.encode(format!("a secret of {at:08}").as_bytes());
        writeln!(
            uris,
            "otpauth://totp/Issuer%20{}:user{at}?secret={secret}",
            at % 700
        )
        .expect("room");
    }
    let entries = Import::new(uris.as_bytes())
        .read()
        .expect("accounts")
        .entries;
    assert_eq!(entries.len(), COUNT);
    let file = export("aegis", &entries, None).expect("a file").file;

    let told = Cell::new(0);
    let import = median(|| {
        told.set(0);
        let progress = |done, all| {
            assert_eq!((done, all), (told.get() + 1, COUNT));
            told.set(done);
        };
        let found = Import::new(&file)
            .progress(&progress)
            .read()
            .expect("accounts");
        assert_eq!((found.entries.len(), told.get()), (COUNT, COUNT));
    });
    let key = VaultKey::Passphrase(Password::new("correct horse".to_owned()));
    let mut sealed = Vec::new();
    let begun = Instant::now();
    let found = Import::new(&file).read().expect("accounts");
    let mut vault = Vault::default();
    assert_eq!(vault.add(found.entries).added, COUNT);
    sealed.extend(vault.seal(&key).expect("a vault"));
    let into = begun.elapsed();
    let begun = Instant::now();
    let vault = Vault::open(&sealed, &key).expect("the passphrase");
    let open = begun.elapsed();
    let codes = median(|| {
        let codes = vault.entries.iter().map(|entry| entry.code(1_700_000_000));
        assert_eq!(codes.filter(Result::is_ok).count(), COUNT);
    });
    println!(
        "10,000 accounts: read {import:?}, read into a vault {into:?}, opened {open:?}, all codes {codes:?}"
    );
    assert!(into < Duration::from_secs(5) * PATIENCE, "{into:?}");
    assert!(codes < Duration::from_millis(50) * PATIENCE, "{codes:?}");
}
