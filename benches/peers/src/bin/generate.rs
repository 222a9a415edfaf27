//! One crate's codes and nothing else, for a profiler to count instructions.
//!
//! `generate CRATE HASH COUNT`: `oath-otp` or `totp-rs`; `SHA1`, `SHA256` or `SHA512`.

use std::hint::black_box;

use oath_otp::{Algorithm, Secret, Totp};

const KEY: [u8; 64] = *b"an authenticator's secret, as long as the longest hash asks for!";
const NOW: u64 = 1_700_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, hash, count] = arguments.as_slice() else {
        panic!("usage: generate CRATE HASH COUNT");
    };
    let algorithm: Algorithm = hash.parse().expect("a hash");
    let count: u64 = count.parse().expect("a number");
    let key = &KEY[..algorithm.output_bytes()];
    match name.as_str() {
        "oath-otp" => {
            let totp = Totp {
                algorithm,
                ..Totp::default()
            };
            let secret = Secret::from_bytes(key).expect("a key");
            for _ in 0..count {
                black_box(totp.generate(&secret, black_box(NOW)));
            }
        }
        "totp-rs" => {
            let totp = totp_rs::Builder::new()
                .with_algorithm(match algorithm {
                    Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
                    Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
                    _ => totp_rs::Algorithm::SHA1,
                })
                .with_secret(key.to_vec().into_boxed_slice())
                .with_account_name("alice")
                .build()
                .expect("a secret");
            for _ in 0..count {
                black_box(totp.generate(black_box(NOW)));
            }
        }
        other => panic!("{other} is not measured here"),
    }
}
