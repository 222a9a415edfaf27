//! A sealed secret opens in its own row, under the key that it names, unchanged; or not at all.

use testing::{KEY_1, KEY_2, key_1, key_2, ring, subject};
use token_store::{
    FactorId,
    ott_core::{KeyId, KeyRing, Subject, rand::rngs::SysRng},
    seal::{SealError, SealedFor, open, seal},
};

const SECRET: &[u8] = b"12345678901234567890";

struct Row {
    subject: Subject,
    factor: FactorId,
    kind: &'static str,
}

impl Row {
    fn new(tenant: &str, id: &str, factor: u8, kind: &'static str) -> Self {
        Self {
            subject: subject(tenant, id),
            factor: FactorId::from_bytes([factor; 16]),
            kind,
        }
    }

    fn context(&self) -> SealedFor<'_> {
        SealedFor {
            owner: &self.subject,
            item: *self.factor.as_bytes(),
            kind: self.kind,
        }
    }

    fn seal(&self, keys: &KeyRing) -> Vec<u8> {
        seal(keys, &self.context(), SECRET, &mut SysRng).expect("randomness")
    }

    fn open(&self, keys: &KeyRing, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        open(keys, &self.context(), sealed).map(|plain| plain.to_vec())
    }
}

/// A seal opens in the row that it was made for, and in no other.
#[test]
fn seal_opens_in_its_own_row_alone() {
    let rows = [
        Row::new("acme", "alice", 1, "totp"),
        Row::new("acme", "alice", 1, "email"),
        Row::new("acme", "alice", 2, "totp"),
        Row::new("acme", "bob", 1, "totp"),
        Row::new("other", "alice", 1, "totp"),
        // The same bytes, cut elsewhere.
        Row::new("acmea", "lice", 1, "totp"),
        Row::new("", "acmealice", 1, "totp"),
    ];
    let keys = key_1();
    for (mine, row) in rows.iter().enumerate() {
        let sealed = row.seal(&keys);
        for (theirs, other) in rows.iter().enumerate() {
            let opened = other.open(&keys, &sealed);
            if mine == theirs {
                assert_eq!(opened.as_deref(), Ok(SECRET));
            } else {
                assert_eq!(opened, Err(SealError::Broken), "row {mine} as {theirs}");
            }
        }
    }
}

/// A seal with any bit flipped or cut anywhere does not open.
#[test]
fn seal_that_is_edited_or_cut_does_not_open() {
    let row = Row::new("acme", "alice", 1, "totp");
    // Every key that a flipped id could name is in the ring, under the same bytes or others.
    let keys = key_1();
    let sealed = row.seal(&keys);
    assert_eq!(sealed.len(), 1 + 4 + 24 + SECRET.len() + 16);
    for bit in 0..sealed.len() * 8 {
        let mut edited = sealed.clone();
        edited[bit / 8] ^= 1 << (bit % 8);
        let refused = row.open(&keys, &edited).unwrap_err();
        let names_another_key = (8..40).contains(&bit);
        let expected = matches!(refused, SealError::KeyMissing(_));
        assert_eq!(expected, names_another_key, "bit {bit}: {refused}");
    }
    for length in 0..sealed.len() {
        assert_eq!(
            row.open(&keys, &sealed[..length]),
            Err(SealError::Broken),
            "{length}"
        );
    }
    let longer = [&sealed[..], b"\0"].concat();
    assert_eq!(row.open(&keys, &longer), Err(SealError::Broken));
}

/// A seal opens with the key that it names and no other.
#[test]
fn seal_opens_with_the_key_that_it_names() {
    let row = Row::new("acme", "alice", 1, "totp");
    let both = ring(&[&format!("1 {KEY_1}"), &format!("2 {KEY_2}")]);
    let mut sealed = row.seal(&key_1());
    assert_eq!(
        row.open(&key_2(), &sealed),
        Err(SealError::KeyMissing(KeyId(1)))
    );
    assert_eq!(row.open(&both, &sealed).as_deref(), Ok(SECRET));
    sealed[4] = 2;
    assert_eq!(row.open(&both, &sealed), Err(SealError::Broken));
    // Even the same key under another id.
    let renamed = ring(&[&format!("2 {KEY_1}")]);
    assert_eq!(row.open(&renamed, &sealed), Err(SealError::Broken));
}

/// A retired key opens what it sealed and seals nothing.
#[test]
fn retired_key_opens_seals_and_makes_none() {
    let row = Row::new("acme", "alice", 1, "totp");
    let old = row.seal(&key_1());
    let retired = format!("1 {KEY_1} retired 2020-01-01T00:00:00Z");
    let rotated = ring(&[&format!("2 {KEY_2}"), &retired]);
    assert_eq!(row.open(&rotated, &old).as_deref(), Ok(SECRET));
    let new = row.seal(&rotated);
    assert_eq!(row.open(&key_2(), &new).as_deref(), Ok(SECRET));
}

/// Two seals of one secret differ, and a seal shows no part of the secret.
#[test]
fn seals_differ_and_show_no_secret() {
    let (row, keys) = (Row::new("acme", "alice", 1, "totp"), key_1());
    let (one, other) = (row.seal(&keys), row.seal(&keys));
    assert_ne!(one, other);
    assert!(
        !one.windows(4)
            .any(|window| SECRET.windows(4).any(|part| part == window))
    );
}
