//! Tokens are uniform over their format, and a random source that fails makes none.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/common.rs"]
mod common;

use std::collections::BTreeMap;

use common::{PROMPT, Scripted, alice, issuer, now, seeded};
use ott_core::{Binding, Extra, Format, Token};

const FORMATS: [(Format, &str); 6] = [
    (Format::DIGITS_6, "0123456789"),
    (Format::DIGITS_8, "0123456789"),
    (Format::READABLE_8, "BCDFGHJKLMNPQRSTVWXZ"),
    (Format::RECOVERY, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
    (
        Format::LINK,
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    ),
    (
        Format::alphanumeric(12),
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    ),
];

/// Upper quantiles of chi-square at 10⁻⁶ / 102, by degrees of freedom: one false alarm in a million
/// runs over the 102 positions that are tested here.
const LIMITS: [(usize, f64); 6] = [
    (9, 55.50),
    (19, 75.79),
    (31, 97.09),
    (61, 144.54),
    (63, 147.53),
    (89, 185.27),
];

fn symbols(format: &Format, source: &mut Scripted) -> Option<String> {
    let token = Token::try_generate_from_rng(format, source).ok()?;
    Some(token.expose_secret().replace('-', ""))
}

#[test]
fn every_byte_of_the_source_gives_each_symbol_equally_often_or_is_drawn_again() {
    for (format, alphabet) in FORMATS {
        // LINK's own alphabet has the dash that `symbols` takes away.
        let alphabet = alphabet.replace('-', "");
        let size = if format == Format::LINK {
            64
        } else {
            alphabet.len()
        };
        let mut counts = BTreeMap::new();
        let (mut rejected, mut dashes) = (0, 0);
        for byte in 0..=u8::MAX {
            match symbols(&format, &mut Scripted::new([byte; 64])) {
                // One block and no more: rejected bytes leave the token unfinished.
                None => rejected += 1,
                Some(token) if token.is_empty() => dashes += 1,
                Some(token) => {
                    let first = token.chars().next().unwrap();
                    assert!(token.chars().all(|symbol| symbol == first));
                    assert!(alphabet.contains(first), "{first}");
                    *counts.entry(first).or_insert(0) += 1;
                }
            }
        }
        assert_eq!(rejected, 256 % size, "{format:?}");
        assert_eq!(counts.len(), alphabet.len(), "{format:?}");
        assert!(counts.values().all(|count| *count == 256 / size));
        assert_eq!(dashes, if format == Format::LINK { 4 } else { 0 });
    }
}

#[test]
fn a_rejected_byte_is_skipped_and_not_folded() {
    // 250 and above would favour 0 to 5.
    let mut block = vec![255, 250, 7, 251, 254, 8, 253, 252, 9, 1, 2, 249];
    block.resize(64, 255);
    let mut source = Scripted::new(block);
    assert_eq!(
        symbols(&Format::DIGITS_6, &mut source).as_deref(),
        Some("789129")
    );
}

#[test]
fn a_token_longer_than_a_block_draws_on() {
    let format = Format::alphanumeric(255);
    let bytes = (0..4).flat_map(|block| [block; 64]);
    let token = symbols(&format, &mut Scripted::new(bytes)).unwrap();
    let expected: String = ["0", "1", "2", "3"].map(|one| one.repeat(64)).concat();
    assert_eq!(token, expected[..255]);
    assert_eq!(symbols(&format, &mut Scripted::new([0; 255])), None);
}

#[test]
fn a_source_that_fails_makes_no_token() {
    for (format, _) in FORMATS {
        for length in 0..64 {
            assert_eq!(symbols(&format, &mut Scripted::new(vec![0; length])), None);
        }
        assert!(symbols(&format, &mut Scripted::new([0; 64])).is_some());
    }
}

/// How often each ASCII symbol was seen.
type Counts = [u32; 128];

fn chi_square(counts: &Counts, size: usize, total: u32) {
    let expected = f64::from(total) / f64::from(u32::try_from(size).expect("a small alphabet"));
    let seen = counts.iter().filter(|count| **count > 0);
    assert_eq!(seen.clone().count(), size, "every symbol is seen");
    let distance: f64 = seen
        .map(|count| (f64::from(*count) - expected).powi(2) / expected)
        .sum();
    let (_, limit) = LIMITS
        .iter()
        .find(|(df, _)| *df == size - 1)
        .expect("a limit");
    assert!(
        distance < *limit,
        "chi-square {distance} for {size} symbols"
    );
}

#[test]
fn each_position_is_uniform() {
    let mut rng = seeded(0x07D);
    let mut positions = 1;
    for (format, alphabet) in FORMATS {
        let total = 100_000;
        let mut counts: Vec<Counts> = Vec::new();
        for _ in 0..total {
            let token = Token::try_generate_from_rng(&format, &mut rng).unwrap();
            let grouped = matches!(format, Format::READABLE_8 | Format::RECOVERY);
            let shown = token.expose_secret().bytes();
            for (at, symbol) in shown
                .filter(|symbol| !grouped || *symbol != b'-')
                .enumerate()
            {
                if counts.len() == at {
                    counts.push([0; 128]);
                }
                counts[at][usize::from(symbol)] += 1;
            }
        }
        positions += counts.len();
        for counts in counts {
            chi_square(&counts, alphabet.len(), total);
        }
    }
    assert_eq!(positions, 102, "the limits are for so many");
}

/// A prompt whose last random bytes are these.
fn number(bytes: &[u8]) -> Option<u8> {
    let owner = alice();
    let drawn = [[0; 96].as_slice(), bytes].concat();
    let issued = issuer().issue_from_rng(
        &PROMPT,
        &Binding::subject(&owner),
        Extra::default(),
        now(),
        &mut Scripted::new(drawn),
    );
    issued.ok()?.record.stored().number
}

#[test]
fn the_matching_number_is_uniform_over_its_ninety_values() {
    let mut counts = BTreeMap::new();
    let mut rejected = 0;
    for byte in 0..=u8::MAX {
        match number(&[byte]) {
            None => rejected += 1,
            Some(number) => *counts.entry(number).or_insert(0) += 1,
        }
    }
    assert_eq!(rejected, 256 - 180);
    let numbers: Vec<u8> = counts.keys().copied().collect();
    assert_eq!(numbers, (10..=99).collect::<Vec<u8>>());
    assert!(counts.values().all(|count| *count == 2));
    assert_eq!(number(&[180, 255, 33]), number(&[33]), "drawn again");

    let (issuer, owner, mut rng) = (issuer(), alice(), seeded(0x07E));
    let mut counts = [0; 128];
    let total = 9_000;
    for _ in 0..total {
        let binding = Binding::subject(&owner);
        let issued = common::issue_at(&issuer, &PROMPT, &binding, now(), &mut rng);
        let number = issued.record.stored().number.unwrap();
        counts[usize::from(number)] += 1;
    }
    chi_square(&counts, 90, total);
}

#[test]
fn entropy_and_code_space_are_those_of_the_alphabet() {
    let table = [
        (Format::DIGITS_6, 19, 1_000_000),
        (Format::DIGITS_8, 26, 100_000_000),
        (Format::READABLE_8, 34, 25_600_000_000),
        (Format::RECOVERY, 120, 1 << 120),
        (Format::LINK, 258, u128::MAX),
        (Format::alphanumeric(1), 5, 62),
        (Format::alphanumeric(12), 71, 62_u128.pow(12)),
        (Format::alphanumeric(255), 1_518, u128::MAX),
        (Format::DIGITS_6.prefixed("x"), 35, 62_u128.pow(6)),
    ];
    for (format, bits, space) in table {
        assert_eq!(format.entropy_bits(), bits, "{format:?}");
        assert_eq!(format.code_space(), space, "{format:?}");
        if space < u128::MAX {
            assert!(format.entropy_bits() <= space.ilog2(), "rounded down");
        }
    }
}
