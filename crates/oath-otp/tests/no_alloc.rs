//! Generate and verify allocate nothing, whatever the outcome.

use allocation_counter::measure;
use oath_otp::{Algorithm, Digits, Hotp, Reach, Secret, Totp, Window};

const TIME: u64 = 1_700_000_000;

fn allocations(work: impl FnOnce()) -> u64 {
    measure(work).count_total
}

/// A counter that counts nothing would prove nothing.
#[test]
fn allocations_are_counted() {
    assert_eq!(allocations(|| drop(core::hint::black_box(Box::new(7)))), 1);
}

/// Generating and verifying allocate nothing, whatever the parameters, the key and the typed text.
#[test]
fn generate_and_verify_allocate_nothing() {
    let huge = "1".repeat(1_000_000);
    // Keys below, at and above the block of every hash.
    for length in [1, 20, 64, 65, 72, 128, 144, 200] {
        let secret = Secret::import_short(&vec![9; length]).unwrap();
        for &algorithm in Algorithm::ALL {
            for digits in 5..=10 {
                let digits = Digits::try_from(digits).unwrap();
                let window = Window {
                    past: Reach::MAX,
                    future: Reach::ONE,
                };
                let totp = Totp {
                    algorithm,
                    digits,
                    window,
                    ..Totp::default()
                };
                let hotp = Hotp {
                    algorithm,
                    digits,
                    ..Hotp::default()
                };
                let count = allocations(|| {
                    let code = totp.generate(&secret, TIME);
                    let code = code.expose_secret();
                    let step = totp.verify(&secret, code, TIME, None).unwrap().get();
                    assert!(totp.verify(&secret, code, TIME, Some(step)).is_err());
                    assert!(totp.verify(&secret, &huge, TIME, None).is_err());
                    let (first, second) = (hotp.generate(&secret, 7), hotp.generate(&secret, 8));
                    let (first, second) = (first.expose_secret(), second.expose_secret());
                    assert!(hotp.verify(&secret, first, Some(6)).is_ok());
                    assert!(hotp.verify(&secret, first, Some(8)).is_err());
                    assert!(hotp.resync(&secret, first, second, None).is_ok());
                });
                assert_eq!(count, 0, "{algorithm}, {length} bytes of key");
            }
        }
    }
}
