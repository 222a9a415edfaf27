//! Tokens are uniform over their format, and a random source that fails makes none.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/common.rs"]
mod common;

use std::collections::BTreeMap;

use common::{
    APPROVAL, CODE, Endless, PARKED, PROMPT, Scripted, alice, issue_at, issuer, now, park_at,
    seeded, waiting,
};
use ott_core::{
    Binding, Format, IssueError, IssueOptions, Matching, Policy, RandomFailed, Token,
    rand::{RngExt, TryCryptoRng},
};

/// Formats of every alphabet and shape, with the symbols that are drawn.
const FORMATS: [(Format, &str); 7] = [
    (Format::DIGITS_6, DIGITS),
    (Format::DIGITS_8, DIGITS),
    (Format::READABLE_8, CONSONANTS),
    (Format::RECOVERY, BASE32),
    (Format::LINK, BASE64URL),
    (Format::alphanumeric(12), BASE62),
    (PREFIXED, BASE62),
];

const DIGITS: &str = "0123456789";
const CONSONANTS: &str = "BCDFGHJKLMNPQRSTVWXZ";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const PREFIXED: Format = Format::alphanumeric(10).prefixed("ex_");

/// By degrees of freedom, the quantiles of chi-square that one run in a million falls below and
/// that one in a million exceeds. Below is too even, which no fair source is either.
const LIMITS: [(usize, f64, f64); 7] = [
    (8, 0.1420, 42.70),
    (9, 0.2284, 44.81),
    (19, 2.2551, 63.68),
    (31, 6.6195, 83.64),
    (61, 21.9984, 128.52),
    (63, 23.1615, 131.37),
    (89, 39.2599, 167.35),
];

/// The drawn symbols of a token, without what only shows them: groups, prefix and checksum.
fn symbols(format: &Format, source: &mut impl TryCryptoRng) -> Option<String> {
    let token = Token::try_generate_from_rng(format, source).ok()?;
    let shown = token.expose_secret();
    Some(match *format {
        Format::READABLE_8 | Format::RECOVERY => shown.replace('-', ""),
        PREFIXED => shown["ex_".len()..shown.len() - 6].to_owned(),
        _ => shown.to_owned(),
    })
}

/// Every byte of the source gives each symbol equally often, or is drawn again.
#[test]
fn byte_of_the_source_favours_no_symbol() {
    for (format, alphabet) in FORMATS {
        let size = alphabet.len();
        let (mut counts, mut rejected) = (BTreeMap::new(), 0);
        for byte in 0..=u8::MAX {
            match symbols(&format, &mut Scripted::new([byte; 64])) {
                // One block and no more: rejected bytes leave the token unfinished.
                None => rejected += 1,
                Some(token) => {
                    let first = token.chars().next().unwrap();
                    assert!(token.chars().all(|symbol| symbol == first));
                    *counts.entry(first).or_insert(0) += 1;
                }
            }
        }
        assert_eq!(rejected, 256 % size, "{format:?}");
        assert!(counts.values().all(|count| *count == 256 / size));
        let mut all: Vec<char> = alphabet.chars().collect();
        all.sort_unstable();
        assert!(counts.into_keys().eq(all), "{format:?}");
    }
}

/// A byte that would favour a symbol is skipped, and not folded into the range.
#[test]
fn rejected_byte_is_skipped_and_not_folded() {
    // 250 and above would favour 0 to 5.
    let mut block = vec![255, 250, 7, 251, 254, 8, 253, 252, 9, 1, 2, 249];
    block.resize(64, 255);
    let mut source = Scripted::new(block);
    assert_eq!(
        symbols(&Format::DIGITS_6, &mut source).as_deref(),
        Some("789129")
    );
}

/// A token that is longer than a block draws on.
#[test]
fn token_longer_than_a_block_draws_on() {
    let format = Format::alphanumeric(255);
    let bytes = (0..4).flat_map(|block| [block; 64]);
    let token = symbols(&format, &mut Scripted::new(bytes)).unwrap();
    let expected: String = ["0", "1", "2", "3"].map(|one| one.repeat(64)).concat();
    assert_eq!(token, expected[..255]);
    assert_eq!(symbols(&format, &mut Scripted::new([0; 255])), None);
}

/// A source that fails makes no token.
#[test]
fn source_that_fails_makes_no_token() {
    for (format, _) in FORMATS {
        for length in 0..64 {
            assert_eq!(symbols(&format, &mut Scripted::new(vec![0; length])), None);
        }
        assert!(symbols(&format, &mut Scripted::new([0; 64])).is_some());
    }
}

/// How often each ASCII symbol was seen.
type Counts = [u32; 128];

/// Whether the counts are as uneven as chance makes them, and no more or less.
fn is_uniform(counts: &Counts, size: usize, total: u32) -> bool {
    let expected = f64::from(total) / f64::from(u32::try_from(size).expect("a small alphabet"));
    let seen = counts.iter().filter(|count| **count > 0);
    let distance: f64 = seen
        .clone()
        .map(|count| (f64::from(*count) - expected).powi(2) / expected)
        .sum();
    let mut limits = LIMITS.iter();
    let (_, least, most) = limits.find(|(df, ..)| *df == size - 1).expect("limits");
    seen.count() == size && (*least..=*most).contains(&distance)
}

/// So many draws that a byte taken modulo the alphabet would be noticed at each position in 999 of
/// 1,000 runs; 64 and 32 divide 256, so nothing could be.
fn enough(alphabet: &str) -> u32 {
    match alphabet {
        DIGITS => 235_023,
        CONSONANTS => 103_744,
        BASE62 => 21_263,
        _ => 20_000,
    }
}

/// At each position every symbol is equally likely.
#[test]
fn position_by_position_tokens_are_uniform() {
    let mut rng = seeded(0x07D);
    for (format, alphabet) in FORMATS {
        let total = enough(alphabet);
        let length = symbols(&format, &mut rng).unwrap().len();
        let (mut counts, mut together) = (vec![[0; 128]; length], [0; 128]);
        for _ in 0..total {
            let token = symbols(&format, &mut rng).unwrap();
            for (counts, symbol) in counts.iter_mut().zip(token.bytes()) {
                counts[usize::from(symbol)] += 1;
                together[usize::from(symbol)] += 1;
            }
        }
        for (position, counts) in counts.iter().enumerate() {
            assert!(
                is_uniform(counts, alphabet.len(), total),
                "{format:?} {position}"
            );
        }
        let all = total * u32::try_from(length).unwrap();
        assert!(is_uniform(&together, alphabet.len(), all), "{format:?}");
    }
}

/// The check bites: a byte modulo ten, and counts that are too even.
#[test]
fn source_biased_or_too_even_is_noticed() {
    let mut rng = seeded(0x07F);
    let (mut fair, mut folded, mut even) = ([0; 128], [0; 128], [0; 128]);
    let total = enough(DIGITS);
    for number in 0..total {
        let byte: u8 = rng.random();
        folded[usize::from(byte % 10)] += 1;
        fair[rng.random_range(0..10)] += 1;
        even[usize::try_from(number % 10).unwrap()] += 1;
    }
    assert!(is_uniform(&fair, 10, total));
    assert!(!is_uniform(&folded, 10, total));
    assert!(!is_uniform(&even, 10, total));
    // A symbol that never comes.
    fair[0] = 0;
    assert!(!is_uniform(&fair, 10, total));
}

/// A source of 0xFF only, which fair drawing never takes, is an error and no endless loop: for the
/// token, and for the matching number.
#[test]
fn source_of_one_rejected_byte_is_an_error() {
    let owner = alice();
    let binding = Binding::subject(&owner);
    for (format, alphabet) in FORMATS {
        let made = Token::try_generate_from_rng(&format, &mut Endless(0xFF));
        // 32 and 64 divide 256: there every byte is a symbol.
        let drawn = 256 % alphabet.len() == 0;
        assert_eq!(made.is_ok(), drawn, "{format:?}");
        assert_eq!(made.err(), (!drawn).then_some(RandomFailed));
        let policy = CODE.format(format);
        let options = IssueOptions::default();
        let issued = issuer().issue_from_rng(&policy, &binding, options, now(), &mut Endless(0xFF));
        assert_eq!(issued.err(), (!drawn).then_some(IssueError::Random));
    }
    for matching in [Matching::TwoDigits, Matching::SixDigits] {
        let policy = PROMPT.start(waiting(matching, false));
        let options = IssueOptions::default();
        let parked = issuer().park_from_rng(&policy, &binding, options, now(), &mut Endless(0xFF));
        assert_eq!(parked.err(), Some(IssueError::Random), "{matching:?}");
    }
}

/// The number of a record whose last random bytes are these.
fn number(policy: &Policy, bytes: &[u8]) -> Option<u32> {
    let owner = alice();
    let drawn = [[0; 32].as_slice(), bytes].concat();
    let parked = issuer().park_from_rng(
        policy,
        &Binding::subject(&owner),
        IssueOptions::default(),
        now(),
        &mut Scripted::new(drawn),
    );
    parked.ok()?.record.stored().number
}

/// The matching number is four random bytes, drawn again where they would favour one, and uniform
/// over its ninety or 900,000 values.
#[test]
fn number_is_uniform_over_its_values() {
    let six = PROMPT.start(waiting(Matching::SixDigits, false));
    for (policy, least, most) in [(PROMPT, 10_u32, 99_u32), (six, 100_000, 999_999)] {
        let numbers = most - least + 1;
        let fair = u32::MAX - u32::MAX % numbers;
        let number = |drawn: &[u32]| {
            let bytes: Vec<u8> = drawn.iter().flat_map(|one| one.to_be_bytes()).collect();
            number(&policy, &bytes)
        };
        for (drawn, expected) in [
            (0, Some(least)),
            (1, Some(least + 1)),
            (numbers - 1, Some(most)),
            (numbers, Some(least)),
            (fair - 1, Some(most)),
            (fair, None),
            (fair + 1, None),
            (u32::MAX, None),
        ] {
            assert_eq!(number(&[drawn]), expected, "{drawn}");
        }
        assert_eq!(
            number(&[fair, u32::MAX, 33]),
            Some(least + 33),
            "drawn again"
        );
        assert_eq!(number(&[]), None);
    }

    let (issuer, owner, mut rng) = (issuer(), alice(), seeded(0x07E));
    let binding = Binding::subject(&owner);
    let mut counts = [0; 128];
    let total = 9_000;
    for _ in 0..total {
        let parked = park_at(&issuer, &PROMPT, &binding, now(), &mut rng);
        let number = parked.record.stored().number.unwrap();
        counts[usize::try_from(number).unwrap()] += 1;
    }
    assert!(is_uniform(&counts, 90, total));
    let mut firsts = [0; 128];
    for _ in 0..total {
        let parked = park_at(&issuer, &six, &binding, now(), &mut rng);
        let number = parked.record.stored().number.unwrap();
        assert!((100_000..=999_999).contains(&number));
        firsts[usize::try_from(number / 100_000).unwrap()] += 1;
    }
    assert!(is_uniform(&firsts, 9, total));
}

/// Where no number is asked for, none is drawn and none is kept.
#[test]
fn number_is_there_only_where_it_is_asked_for() {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let plain = PROMPT.start(waiting(Matching::Nothing, false));
    for policy in [PARKED, plain] {
        assert_eq!(number(&policy, &[]), None);
        let parked = park_at(
            &issuer(),
            &policy,
            &binding,
            now(),
            &mut Scripted::new([7; 32]),
        );
        assert_eq!(parked.record.stored().number, None);
    }
    let issued = issue_at(&issuer(), &CODE, &binding, now(), &mut seeded(1));
    assert_eq!(issued.record.stored().number, None);
    let issued = issue_at(&issuer(), &APPROVAL, &binding, now(), &mut seeded(1));
    assert!(issued.record.stored().number.is_some());
}

/// 1000 to 9999.
const PIN: Format = Format::builder(DIGITS, 4).no_leading_zero().build();

/// A PIN without a leading zero is uniform over its 9,000 values: the first digit among nine, the
/// others among ten.
#[test]
fn pin_is_uniform_from_1000_to_9999() {
    assert_eq!(PIN.code_space(), 9_000);
    assert_eq!(PIN.entropy_bits(), 13);
    for byte in 0..=u8::MAX {
        let pin = symbols(&PIN, &mut Scripted::new([byte; 64]));
        // 252 is the largest multiple of nine, 250 that of ten.
        let expected = (byte < 250).then(|| {
            let (first, other) = (byte % 9 + 1, byte % 10);
            format!("{first}{other}{other}{other}")
        });
        assert_eq!(pin, expected, "{byte}");
    }
    // Only the first place takes 250 and 251.
    let mut block = vec![255, 252, 251, 251, 250, 3, 4, 5];
    block.resize(64, 255);
    let pin = symbols(&PIN, &mut Scripted::new(block));
    assert_eq!(pin.as_deref(), Some("9345"));

    let mut rng = seeded(0x7114);
    let total = enough(DIGITS);
    let mut counts = vec![[0; 128]; 4];
    for _ in 0..total {
        let pin = symbols(&PIN, &mut rng).unwrap();
        assert!((1_000..=9_999).contains(&pin.parse::<u32>().unwrap()));
        for (counts, symbol) in counts.iter_mut().zip(pin.bytes()) {
            counts[usize::from(symbol)] += 1;
        }
    }
    for (position, counts) in counts.iter().enumerate() {
        let size = if position == 0 { 9 } else { 10 };
        assert!(is_uniform(counts, size, total), "{position}");
    }
}

/// Entropy and code space are those of the alphabet.
#[test]
fn entropy_and_code_space_are_exact() {
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
