//! A copy of the store tells nothing of a code without the key: all million of them are tried against
//! a row, and everything in the row is known.

#[path = "support/common.rs"]
mod common;

use core::ops::Range;

use common::{CODE, KEY, alice, issue_at, issuer, now, seeded};
use hmac::{Hmac, KeyInit, Mac, digest::Update};
use ott_core::{Binding, Stored};
use sha2::{Digest, Sha256};

/// The fields of a token's digest, but for the token itself, as docs/formats.md has them.
fn fields(row: &Stored) -> Vec<u8> {
    let mut out = Vec::new();
    let mut field = |tag: u8, content: &[u8]| {
        out.push(tag);
        out.extend(u32::try_from(content.len()).expect("short").to_be_bytes());
        out.extend(content);
    };
    field(0, b"ott digest v1");
    field(1, row.purpose.as_bytes());
    field(2, &[1]);
    field(3, &row.key.0.to_be_bytes());
    field(4, row.id.as_bytes());
    field(5, row.tenant.as_bytes());
    field(6, row.subject.as_deref().expect("a subject").as_bytes());
    // The token's tag and length; its six digits follow.
    out.extend([12, 0, 0, 0, 6]);
    out
}

/// Every code of these whose digest this hash gives, the state before the code being shared.
fn found<H: Update + Clone>(
    codes: Range<u32>,
    before: &H,
    row: &Stored,
    finish: impl Fn(H) -> [u8; 32],
) -> Vec<String> {
    codes
        .map(|code| format!("{code:06}"))
        .filter(|code| {
            let mut hash = before.clone();
            hash.update(code.as_bytes());
            finish(hash) == *row.digest.as_bytes()
        })
        .collect()
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("any length")
}

/// Without the key, no code of all million gives the row's digest; with it, one does.
#[test]
fn dump_of_a_row_tells_no_code() {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let issued = issue_at(&issuer(), &CODE, &binding, now(), &mut seeded(1));
    let (row, code) = (issued.record.stored(), issued.token.expose_secret());
    let fields = fields(row);

    let hash = Sha256::new().chain(&fields);
    let unkeyed = found(0..1_000_000, &hash, row, |hash| hash.finalize().into());
    assert_eq!(unkeyed, Vec::<String>::new());

    // The same search under the key finds the code, so it searches for the right thing.
    let key: Vec<u8> = (0..32).collect();
    assert_eq!(common::hex(&key), KEY);
    let sub_key = mac(&key).chain(b"ott digest key v1\x01").finalize();
    let keyed = mac(&sub_key.into_bytes()).chain(&fields);
    let thousand = code[..3].parse::<u32>().unwrap() * 1_000;
    let finish = |mac: Hmac<Sha256>| mac.finalize().into_bytes().into();
    let keyed = found(thousand..thousand + 1_000, &keyed, row, finish);
    assert_eq!(keyed, [code]);
}
