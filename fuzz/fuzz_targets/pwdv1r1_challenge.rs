//! A challenge is made of salts and solutions of their lengths alone, opens with its own solution alone, and a row that
//! somebody edited opens with nothing.
#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use pwdv1r1::{Challenge, ChallengeError, SOLUTION};

#[derive(Arbitrary, Debug)]
struct Input {
    salts: [Salt; 3],
    solution: Text,
    other: Text,
    edit: (u16, u8),
    row: Vec<u8>,
}

/// A salt of the right length, or nearly.
#[derive(Arbitrary, Debug)]
struct Salt {
    byte: u8,
    longer: i8,
    instead: Option<String>,
}

/// A solution of the right length, or any text.
#[derive(Arbitrary, Debug)]
enum Text {
    Any(String),
    Right([u8; 32]),
}

/// Hexadecimal digits: at least, exactly, exactly.
const LENGTHS: [usize; 3] = [512, 128, 32];

fuzz::fuzz_target!(|input: Input| {
    let mut lengths = LENGTHS.iter();
    let salts = input.salts.each_ref().map(|salt| {
        let length = lengths.next().expect("one of three");
        salt.text(*length)
    });
    let (solution, other) = (input.solution.text(), input.other.text());
    let made = Challenge::new(salts.clone(), &solution);
    let hex = |salt: &String| {
        salt.len().is_multiple_of(2) && salt.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let fit = salts[0].len() >= LENGTHS[0]
        && salts[1].len() == LENGTHS[1]
        && salts[2].len() == LENGTHS[2];
    match made {
        Err(ChallengeError::Solution) => assert_ne!(solution.len(), SOLUTION),
        Err(_) => assert!(!fit || !salts.iter().all(hex)),
        Ok(made) => {
            assert!(fit && salts.iter().all(hex) && solution.len() == SOLUTION);
            assert!(made.is_solved_by(&solution));
            assert_eq!(made.is_solved_by(&other), other == solution);
            let row = serde_json::to_value(&made).expect("a row");
            let kept: Challenge = serde_json::from_value(row.clone()).expect("a challenge");
            assert!(kept.is_solved_by(&solution));
            assert_eq!(kept.salts(), &salts);
            edited(row, input.edit, &solution);
        }
    }
    // Whatever stands in a row, reading it breaks nothing.
    if let Ok(kept) = serde_json::from_slice::<Challenge>(&input.row) {
        assert!(!kept.is_solved_by(&solution));
    }
});

/// One byte of what the server keeps for itself is another: no solution opens it.
fn edited(mut row: serde_json::Value, (at, by): (u16, u8), solution: &str) {
    let fields = ["server_salt", "nonce", "key"];
    let bytes = row[fields[usize::from(at) % 3]]
        .as_array_mut()
        .expect("bytes");
    let at = usize::from(at) % bytes.len();
    let was = bytes[at].as_u64().expect("a byte");
    bytes[at] = (was ^ u64::from(by)).into();
    let kept: Challenge = serde_json::from_value(row).expect("a challenge");
    assert_eq!(kept.is_solved_by(solution), by == 0);
}

impl Salt {
    fn text(&self, length: usize) -> String {
        let longer = self.longer.checked_rem(3).map_or(0, isize::from);
        let length = length.saturating_add_signed(longer);
        let digits = format!("{:02x}", self.byte).repeat(length / 2 + 1);
        self.instead
            .clone()
            .unwrap_or_else(|| digits[..length].into())
    }
}

impl Text {
    fn text(&self) -> String {
        match self {
            Self::Any(text) => text.clone(),
            Self::Right(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}
