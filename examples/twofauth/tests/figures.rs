//! Ten thousand accounts: what a list with codes and an import take.
//!
//! `cargo test --release -p twofauth --test figures -- --nocapture` prints the figures that count.

#![expect(clippy::unwrap_used, reason = "an error fails its test")]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a mistake fails the test"
)]

#[expect(dead_code, reason = "what the rows need")]
#[path = "rows/support.rs"]
mod support;

use core::{fmt::Write as _, time::Duration};
use std::{sync::Arc, time::Instant};

use contract_server::sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use contract_server::testing::Response;
use otp_vault::{
    Import, key_file,
    store::{Draft, Subject, Vaults},
};
use otp_vault_sqlx::SqlVaultStore;
use support::{Site, T};

/// A build that is not optimised shows that it works, with fewer.
const COUNT: usize = if cfg!(debug_assertions) { 500 } else { 10_000 };

/// Puts accounts into the server's own database, which would take a minute by as many requests.
fn keep(site: &Site, uris: &str) {
    let entries = Import::new(uris.as_bytes()).read().unwrap().entries;
    let drafts: Vec<Draft> = entries.into_iter().map(Draft::new).collect();
    let data = site.server.folder().join("data");
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(async {
        let options = SqliteConnectOptions::new().filename(data.join("data.db"));
        let pool = SqlitePoolOptions::new()
            .connect_with(options)
            .await
            .unwrap();
        let store = SqlVaultStore::sqlite(pool).await.unwrap();
        let vaults = Vaults::new(Arc::new(store), key_file::read(data.join("keys")).unwrap());
        let alice = Subject::new("", "1").unwrap();
        vaults.add(&alice, None, &drafts).await.unwrap();
    });
}

/// How long each of several answers takes to the last byte, the first of them first and the others sorted. What is looked at
/// in an answer, by this program, is no part of it.
fn times(send: impl Fn() -> Response, look: impl Fn(&Response)) -> [Duration; 6] {
    let mut times = [Duration::ZERO; 6];
    for time in &mut times {
        let begun = Instant::now();
        let answer = send();
        *time = begun.elapsed();
        look(&answer);
    }
    if let Some(others) = times.get_mut(1..) {
        others.sort_unstable();
    }
    times
}

/// Ten thousand accounts are listed with their codes in 50 milliseconds, and a file of as many is read in five seconds.
#[test]
fn ten_thousand_accounts_are_no_wait() {
    let mut uris = String::new();
    for at in 0..COUNT {
        let secret = secret(at);
        let uri = format!(
            "otpauth://totp/Issuer%20{}:user{at}?secret={secret}",
            at % 700
        );
        writeln!(uris, "{uri}").unwrap();
    }
    let site = Site::start();
    let alice = site.by("alice");
    keep(&site, &uris);
    // Its answers are not held against the OpenAPI file, which takes longer than to make them.
    let client = site.server.client();
    let request = alice.request("GET", &format!("{T}?withOtp=1"));
    let list = times(
        || client.send(&request),
        |list| {
            let codes = list.body.windows(9).filter(|at| at == b"\"password");
            assert_eq!(codes.count(), COUNT);
        },
    );
    let path = format!("{T}/migration");
    let request = alice
        .request("POST", &path)
        .json(&serde_json::json!({"payload": uris}));
    let import = times(
        || client.send(&request),
        |read| {
            let read = read.json();
            let read = read.as_array().unwrap();
            assert!(read.len() == COUNT && read.iter().all(|entry| entry["id"] == -1));
        },
    );
    println!(
        "{COUNT} accounts with codes: first {:?}, median {:?}",
        list[0], list[3]
    );
    println!(
        "{COUNT} accounts imported beside as many: first {:?}, median {:?}",
        import[0], import[3]
    );
    // What is not optimised is not measured, nor are other programs beside it.
    if !cfg!(debug_assertions) && std::env::var_os("NIGHTLY").is_some() {
        assert!(list[3] < Duration::from_millis(50), "{list:?}");
        assert!(import[3] < Duration::from_secs(5), "{import:?}");
    }
}

/// Sixteen bytes of base32 that differ from account to account.
fn secret(at: usize) -> String {
    let digit =
        |place: u32| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[at >> (5 * place) & 31]);
    let number: String = (0..8).map(digit).collect();
    format!("A4GRFHVVRBGY7UIW{number}")
}
