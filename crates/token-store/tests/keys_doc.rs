//! What docs/keys.md and docs/formats.md say of keys and seals, held against the crate.

use testing::{KEY_1, KEY_2, alice, ring};
use token_store::{
    FactorId,
    ott_core::{Destination, KeyId, KeyRing, KeyRingError, rand::rngs::SysRng},
    seal::{SealError, SealedFor, needs_renewal, open, seal},
};

const KEYS: &str = include_str!("../../../docs/keys.md");
const FORMATS: &str = include_str!("../../../docs/formats.md");

/// What stands in the first row of this name, between its second pair of backticks.
fn value(name: &str) -> &'static str {
    FORMATS
        .split_once(&format!("| `{name}` | `"))
        .and_then(|(_, rest)| rest.split_once('`'))
        .expect("a row of this name")
        .0
}

fn bytes(hex: &str) -> Vec<u8> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| core::str::from_utf8(pair).expect("ASCII"))
        .map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal"))
        .collect()
}

/// No ring of docs/keys.md works when it is copied: each is malformed in its first line.
#[test]
fn ring_copied_from_the_page_is_refused() {
    let mut rings = 0;
    for block in KEYS.split("```ring ").skip(1) {
        let (name, rest) = block.split_once('\n').unwrap();
        let (text, _) = rest.split_once("```").unwrap();
        let answer = KeyRing::from_text(text).map(drop);
        assert_eq!(answer, Err(KeyRingError::Malformed { line: 1 }), "{name}");
        rings += 1;
    }
    assert_eq!(rings, 8);
}

/// docs/keys.md and docs/formats.md list the same sub-keys.
#[test]
fn page_lists_the_sub_keys_of_the_formats() {
    let labels = |page: &'static str| -> Vec<_> {
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut labels: Vec<_> = rows
            .filter_map(|row| Some(row.split_once('`')?.0))
            .filter(|name| name.starts_with("ott ") && name.contains(" key "))
            .collect();
        labels.sort_unstable();
        labels
    };
    assert_eq!(labels(KEYS), labels(FORMATS));
    assert_eq!(labels(KEYS).len(), 5);
}

/// The seal of docs/formats.md opens, and the crate's own seals have its shape.
#[test]
fn seal_of_the_formats_page_opens() {
    let keys = ring(&[&format!("{} {}", value("key id"), value("key"))]);
    let subject = testing::subject(value("tenant"), value("subject"));
    let factor = FactorId::parse(value("factor id")).unwrap();
    let context = SealedFor {
        owner: &subject,
        item: *factor.as_bytes(),
        kind: value("kind"),
    };
    let sealed = bytes(value("sealed"));
    let plain = open(&keys, &context, &sealed).unwrap();
    assert_eq!(&**plain, value("secret").as_bytes());
    assert_eq!(sealed[5..29], bytes(value("nonce")));
    // The crate's own seals have the same shape.
    let again = seal(&keys, &context, &plain, &mut SysRng).unwrap();
    assert_eq!(again[..5], sealed[..5]);
    assert_eq!(again.len(), sealed.len());
}

/// A seal needs renewal if the ring's first key did not make it. A renewed seal needs none.
#[test]
fn seal_of_another_key_than_the_first_needs_renewal() {
    let (one, two) = (format!("1 {KEY_1}"), format!("2 {KEY_2}"));
    let retired = format!("{one} retired 2020-01-01T00:00:00Z");
    let (subject, factor) = (alice(), FactorId::from_bytes([1; 16]));
    let context = SealedFor {
        owner: &subject,
        item: *factor.as_bytes(),
        kind: "totp",
    };
    let sealed = seal(&ring(&[&one]), &context, b"secret", &mut SysRng).unwrap();
    for (lines, expected) in [
        (vec![&one], false),
        (vec![&one, &two], false),
        (vec![&two, &one], true),
        (vec![&two, &retired], true),
        (vec![&two], true),
    ] {
        let keys = ring(&lines.iter().map(|line| line.as_str()).collect::<Vec<_>>());
        assert_eq!(needs_renewal(&keys, &sealed), expected, "{keys:?}");
        // Sealed again it needs none, unless the ring cannot open it.
        match open(&keys, &context, &sealed) {
            Ok(plain) => {
                let new = seal(&keys, &context, &plain, &mut SysRng).unwrap();
                assert!(!needs_renewal(&keys, &new));
            }
            Err(error) => assert_eq!(error, SealError::KeyMissing(KeyId(1))),
        }
    }
    for none in [&b""[..], &[1, 0, 0, 0], &[2, 0, 0, 0, 9, 0]] {
        assert!(!needs_renewal(&ring(&[&two]), none), "{none:?} is no seal");
    }
}

/// A pseudonym changes when the new key moves first, and only then.
#[test]
fn pseudonym_changes_with_the_first_key_alone() {
    let address = Destination::email("alice@example.org").expect("an address");
    let names = ["before", "added", "moved", "retired", "dropped"].map(|step| {
        let (_, rest) = KEYS
            .split_once(&format!("```ring {step}\n"))
            .expect("a ring");
        let (text, _) = rest.split_once("```").expect("an end");
        let text = text.replace("KEY-A", KEY_1).replace("KEY-B", KEY_2);
        let keys = KeyRing::from_text(&text).expect("a key ring");
        keys.pseudonym(&address)
    });
    assert_eq!(names[0], names[1]);
    assert_ne!(names[1], names[2]);
    assert_eq!([names[2]; 2], [names[3], names[4]]);
}
