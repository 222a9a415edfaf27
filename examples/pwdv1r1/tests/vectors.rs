//! Solutions of the clients, and what is refused.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "small numbers, and a test says so"
)]

use pwdv1r1::{Challenge, ChallengeError, solve};

/// Bytes that count up, in hexadecimal.
fn run(first: u32, length: u32) -> String {
    let bytes = (first..first + length).map(|byte| format!("{:02x}", byte % 256));
    bytes.collect()
}

/// Inputs invented here. The solutions were computed with npm's `passwords-client` over libsodium, and again in Python
/// (hashlib and PyNaCl).
const VECTORS: [(&str, u32, &str); 3] = [
    (
        "correct horse battery",
        0,
        "6b69a010936b56a53a27405c8174c9346db36f77770943c3fa2ab73ee01438d1",
    ),
    (
        "pässwörd-ünïcode-ß",
        7,
        "2b93f213e41fb74608c68eb88d17e4d1287005bef3f0ac7bc6591bdd63bd59db",
    ),
    (
        "twelve-chars",
        99,
        "7ca2e619aaa8878221f22756ab8573e199704105295b4b9ad396a278c45e0080",
    ),
];

/// Solutions are those of the clients, and open the challenge that was made with them alone.
#[test]
fn solutions_are_the_clients() {
    for (password, first, expected) in VECTORS {
        let salts = [run(first, 256), run(first + 1, 64), run(first + 2, 16)];
        let solution = solve(password, &salts).expect("a solution");
        assert_eq!(solution.as_str(), expected, "{password}");
        let kept = Challenge::new(salts, &solution).expect("a challenge");
        assert!(kept.is_solved_by(&solution));
        for wrong in ["", "00", &"0".repeat(64), &"0".repeat(65), &solution[1..]] {
            assert!(!kept.is_solved_by(wrong), "{wrong}");
        }
    }
}

/// Salts have their lengths and are hexadecimal; a solution has 64 characters.
#[test]
fn salts_and_solutions_have_their_lengths() {
    let right = || [run(0, 256), run(1, 64), run(2, 16)];
    let solution = "ab".repeat(32);
    assert!(Challenge::new(right(), &solution).is_ok());
    for wrong in ["", "ab", &"a".repeat(63), &"a".repeat(65)] {
        let refused = Challenge::new(right(), wrong).map(drop);
        assert_eq!(refused, Err(ChallengeError::Solution), "{wrong}");
    }
    for (at, wrong) in [
        (0, run(0, 255)),
        (0, format!("{}0", run(0, 256))),
        (0, "zz".repeat(256)),
        (0, "é".repeat(256)),
        (1, run(0, 63)),
        (1, run(0, 65)),
        (2, run(0, 17)),
        (2, "+1".repeat(16)),
    ] {
        let mut salts = right();
        salts[at] = wrong;
        let refused = Challenge::new(salts, &solution).map(drop);
        assert_eq!(refused, Err(ChallengeError::Salts), "{at}");
    }
    assert_eq!(
        solve("a", &[String::new(), String::new(), "x".into()]),
        Err(ChallengeError::Salts)
    );
}
