//! RFC 6238, appendix B: all 18 rows.
//!
//! The text names only the 20-byte secret; its own Java program uses the same digits repeated to the
//! length of each hash, and the table holds for those alone.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of tests"
)]

use oath_otp::{Algorithm, Digits, Secret, Totp};

const SEED: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

/// Time in seconds, T in hexadecimal, and the codes for SHA-1, SHA-256, SHA-512.
const TABLE: [(u64, u64, [&str; 3]); 6] = [
    (59, 0x01, ["94287082", "46119246", "90693936"]),
    (
        1_111_111_109,
        0x0235_23ec,
        ["07081804", "68084774", "25091201"],
    ),
    (
        1_111_111_111,
        0x0235_23ed,
        ["14050471", "67062674", "99943326"],
    ),
    (
        1_234_567_890,
        0x0273_ef07,
        ["89005924", "91819424", "93441116"],
    ),
    (
        2_000_000_000,
        0x03f9_40aa,
        ["69279037", "90698825", "38618901"],
    ),
    (
        20_000_000_000,
        0x27bc_86aa,
        ["65353130", "77737706", "47863826"],
    ),
];

fn rows() -> impl Iterator<Item = (Totp, Secret, u64, u64, &'static str)> {
    TABLE.into_iter().flat_map(|(time, step, codes)| {
        let algorithms = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
        algorithms
            .into_iter()
            .zip(codes)
            .map(move |(algorithm, code)| {
                let totp = Totp {
                    algorithm,
                    digits: Digits::Eight,
                    ..Totp::default()
                };
                let secret = Secret::from_bytes(&SEED[..algorithm.output_bytes()]).unwrap();
                (totp, secret, time, step, code)
            })
    })
}

/// The column TOTP.
#[test]
fn appendix_b_codes() {
    assert_eq!(rows().count(), 18);
    for (totp, secret, time, step, code) in rows() {
        assert_eq!(totp.step_at(time), Some(step));
        assert_eq!(
            totp.generate(&secret, time).expose_secret(),
            code,
            "{totp:?} at {time}"
        );
    }
}

/// Each code is accepted as its step.
#[test]
fn appendix_b_codes_verify() {
    for (totp, secret, time, step, code) in rows() {
        assert_eq!(totp.verify(&secret, code, time, None).unwrap().get(), step);
    }
}

/// Section 4.2: time steps beyond 32 bits must work.
#[test]
fn steps_beyond_32_bits() {
    let secret = Secret::from_bytes(&SEED[..20]).unwrap();
    let totp = Totp::default();
    let time = 30 << 33;
    let code = totp.generate(&secret, time);
    assert_eq!(
        totp.verify(&secret, code.expose_secret(), time, None)
            .unwrap()
            .get(),
        1 << 33
    );
    assert_ne!(
        code.expose_secret(),
        totp.generate(&secret, 0).expose_secret()
    );
}
