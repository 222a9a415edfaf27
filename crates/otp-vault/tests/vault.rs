//! A vault of our own: sealed as a whole, or not opened.

mod support;

use otp_vault::{CodeError, ImportError, KeyRing, Kind, Vault, VaultKey};
use support::{LONG, accounts, assert_same, entry, password};

fn key(passphrase: &str) -> VaultKey {
    VaultKey::Passphrase(password(passphrase))
}

fn sealed() -> Vec<u8> {
    let vault = Vault {
        entries: accounts(),
    };
    vault.seal(&key("passphrase")).expect("randomness")
}

/// A vault of more accounts than can be opened again is not sealed.
#[test]
fn vault_holds_what_can_be_opened_again() {
    let one = || entry(Kind::Totp(30), "", "a", LONG);
    let entries = (0..=otp_vault::limits::ENTRIES).map(|_| one()).collect();
    let error = Vault { entries }
        .seal(&key("passphrase"))
        .expect_err("too many");
    assert!(matches!(error, otp_vault::ExportError::NotHeld(_)));
}

/// A vault opens with its passphrase, and holds what was put in.
#[test]
fn vault_opens_with_its_passphrase() {
    let file = sealed();
    assert!(Vault::is_vault(&file));
    assert_same(
        &Vault::open(&file, &key("passphrase"))
            .expect("ours")
            .entries,
        &accounts(),
    );
    let error = Vault::open(&file, &key("Passphrase")).expect_err("wrong");
    assert_eq!(error, ImportError::WrongPassword("otp-vault"));
    assert_ne!(file, sealed());
    assert!(!String::from_utf8_lossy(&file).contains(LONG));
}

/// Whatever byte is changed or missing, nothing is opened.
#[test]
fn vault_notices_each_change() {
    let file = sealed();
    let opens = |file: &[u8]| Vault::open(file, &key("passphrase")).is_ok();
    // Magic, lanes, salt, nonce, text, tag. Cost first makes the derivation another one, which is slow.
    for at in [0, 23, 24, 39, 40, 63, 64, file.len() / 2, file.len() - 1] {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(!opens(&changed), "byte {at}");
    }
    for length in [0, 11, 39, 40, 63, 64, 79, file.len() - 1] {
        assert!(!opens(&file[..length]), "to {length}");
    }
    assert!(!opens(&[&file[..], b"x"].concat()));
}

/// A cost beyond the limits is not paid.
#[test]
fn vault_cost_is_capped() {
    for at in [12, 16, 20] {
        let mut changed = sealed();
        changed[at] = 0xff;
        assert_eq!(
            Vault::open(&changed, &key("passphrase")).expect_err("slow"),
            ImportError::TooMuchWork
        );
    }
}

/// What is there already is told and not added again, also within one batch.
#[test]
fn vault_tells_what_is_there_already() {
    let mut vault = Vault::default();
    let mut twice = accounts();
    twice.extend(accounts());
    let told = vault.add(twice);
    assert_eq!((told.added, told.known.len()), (4, 4));
    // Another secret under the same name is another account.
    let told = vault.add(vec![entry(
        Kind::Totp(30),
        "Example",
        "alice@example.org",
        LONG,
    )]);
    assert_eq!((told.added, told.known.len()), (1, 0));
}

/// A counter goes forward, and never past its last.
#[test]
fn vault_counters_go_forward() {
    let mut vault = Vault {
        entries: vec![
            entry(Kind::Hotp(7), "a", "b", LONG),
            entry(Kind::Hotp(u64::MAX), "a", "b", LONG),
        ],
    };
    vault.advance(0).expect("room");
    assert_eq!(vault.entries[0].counter(), Some(8));
    assert_eq!(vault.advance(1), Err(CodeError::Spent));
}

/// Under a key ring, only that ring opens it, no passphrase does, and each change is noticed.
#[test]
fn vault_opens_with_its_key_ring() {
    let ring = || KeyRing::generate().expect("randomness");
    let own = VaultKey::Ring(ring());
    let vault = Vault {
        entries: accounts(),
    };
    let file = vault.seal(&own).expect("randomness");
    assert!(Vault::is_vault(&file) && !String::from_utf8_lossy(&file).contains(LONG));
    assert_same(
        &Vault::open(&file, &own).expect("ours").entries,
        &accounts(),
    );
    let other = VaultKey::Ring(ring());
    assert!(matches!(
        Vault::open(&file, &other),
        Err(ImportError::KeyRingNeeded | ImportError::SealBroken)
    ));
    assert_eq!(
        Vault::open(&file, &key("passphrase")).expect_err("another lock"),
        ImportError::KeyRingNeeded
    );
    assert_eq!(
        Vault::open(&sealed(), &own).expect_err("another lock"),
        ImportError::PasswordNeeded("otp-vault")
    );
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(Vault::open(&changed, &own).is_err(), "byte {at}");
        assert!(Vault::open(&file[..at], &own).is_err(), "to {at}");
    }
}
