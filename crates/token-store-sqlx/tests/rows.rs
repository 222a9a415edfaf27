//! Whoever reads the file, its log included, finds no token, no handle and no server key.

#[path = "support/fixture.rs"]
mod fixture;

use std::collections::HashSet;

use fixture::{CODE, Fixture, LINK, PROMPT, RECOVERY, now};
use token_store::{
    FactorStore, TokenStore,
    ott_core::{Binding, Destination},
};

/// Three of four are long enough to be looked for: more than 10,000.
const ISSUED: usize = 13_600;
/// A secret may stand in the file as its text, or as the bytes that hexadecimal text spells.
const WINDOW: usize = 16;
const SECRET: &[u8] = b"a secret of 160 bits";

/// Neither the file nor its log holds a long token, a handle, an address, an operation's parameter, a factor's secret or a server key.
#[tokio::test(flavor = "multi_thread")]
async fn files_hold_nothing_secret() {
    let fixture = Fixture::new().await;
    let address = Destination::email("alice.secret@example.org").unwrap();
    let binding = Binding::subject(&fixture.alice)
        .destination(&address)
        .operation(&[("amount", "operation-parameter-97531")]);
    let mut secrets = HashSet::new();
    let mut public = Vec::new();
    for _ in 0..ISSUED / 40 {
        let mut batch = Vec::new();
        for policy in [CODE, LINK, RECOVERY, PROMPT].iter().cycle().take(40) {
            let issued = fixture.issuer.issue(policy, &binding, now()).unwrap();
            // A code of six digits is by chance in every file: only long tokens can be looked for.
            if policy.purpose() != CODE.purpose() {
                secrets.insert(first(issued.token.expose_secret().as_bytes()));
            }
            let handle = issued.handle.expose_secret();
            secrets.insert(first(handle.as_bytes()));
            secrets.insert(first(&hex(&handle)));
            secrets.insert(first(&hex(&handle[32..])));
            public.push(*issued.record.id());
            batch.push(issued.record);
        }
        fixture.store.insert(&batch).await.unwrap();
    }
    secrets.insert(first(b"alice.secret@example.org"));
    secrets.insert(first(b"operation-parameter-97531"));
    for key in fixture.keys() {
        secrets.insert(first(key.as_bytes()));
        secrets.insert(first(&hex(&key)));
    }
    let factor = fixture.sealed(SECRET);
    secrets.insert(first(SECRET));
    assert!(fixture.store.insert_factor(&factor).await.unwrap());

    let mut bytes = Vec::new();
    for end in ["", "-wal"] {
        let mut path = fixture.path().into_os_string();
        path.push(end);
        bytes.extend(std::fs::read(path).unwrap());
    }
    let found = |wanted: &HashSet<[u8; WINDOW]>| {
        let mut begins = vec![false; 1 << 24];
        wanted.iter().for_each(|one| begins[three(one)] = true);
        let windows = bytes.windows(WINDOW).filter(|window| begins[three(window)]);
        windows.filter(|window| wanted.contains(*window)).count()
    };
    // The search finds what is there: each public id.
    let ids: HashSet<_> = public.iter().map(|id| *id.as_bytes()).collect();
    assert!(found(&ids) >= ISSUED);
    assert!(found(&HashSet::from([first(&factor.sealed)])) > 0);
    assert_eq!(found(&secrets), 0);
}

/// Codes are too short to be searched for in a file of random bytes, so each row's columns are.
#[tokio::test(flavor = "multi_thread")]
async fn columns_hold_no_code() {
    let fixture = Fixture::new().await;
    for _ in 0..200 {
        let issued = fixture.insert(&CODE).await;
        let stored = fixture
            .store
            .find(issued.record.id())
            .await
            .unwrap()
            .unwrap();
        let code = issued.token.expose_secret();
        let texts = [
            &stored.purpose,
            &stored.tenant,
            stored.subject.as_ref().unwrap(),
        ];
        assert!(texts.iter().all(|text| !text.contains(code)));
        assert!(stored.data.is_empty());
    }
}

fn first(bytes: &[u8]) -> [u8; WINDOW] {
    *bytes.first_chunk().expect("a long secret")
}

/// The first three bytes: what most of a file can be passed over by.
fn three(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take(3)
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|two| u8::from_str_radix(core::str::from_utf8(two).expect("ASCII"), 16).expect("hex"))
        .collect()
}
