//! Whether a branch or an address depends on a secret: `scripts/constant-time` runs it under valgrind.
//!
//! Memcheck follows each bit that was never written, and reports where one decides a branch or an
//! address. Here the secrets are marked so, as in Adam Langley's ctgrind: each report is a place at which
//! time may tell of a secret. One a verification is meant: whether and as what a code was accepted is
//! the answer, and becomes a `Result`. What is planted must be found.

#![forbid(unsafe_code)]

use core::hint::black_box;
use std::process::ExitCode;

use crabgrind::memcheck::{MemState, mark_mem};
use oath_otp::yubico::{Key, Press, PublicId};
use oath_otp::{Algorithm, Hotp, Reach, Secret, Totp, Window};
use ott_core::TokenDigest;
use subtle::ConstantTimeEq;

const NOW: u64 = 1_767_323_045;
/// How many codes and pairs [`verify`] answers.
const ANSWERS: usize = 10;
/// What [`verify_presses`] answers: four times whether an OTP is right, and once whether it was spent.
const PRESSES: usize = 5;

fn main() -> ExitCode {
    if crabgrind::run_mode() == crabgrind::RunMode::Native {
        eprintln!("not under valgrind: nothing would be found");
        return ExitCode::from(2);
    }
    let long = std::env::args().nth(1).as_deref() == Some("full");
    let mut failed = false;
    let mut case = |name: &str, expected: Option<usize>, work: &dyn Fn()| {
        let before = crabgrind::count_errors();
        work();
        let found = crabgrind::count_errors() - before;
        let right = expected.map_or(found > 0, |expected| found == expected);
        failed |= !right;
        println!(
            "{name:<44} {found:>4} reports {}",
            if right { "ok" } else { "FAILED" }
        );
    };
    for &algorithm in Algorithm::ALL {
        // In the long form also shorter, as long as a block, and longer than every block.
        let lengths: &[usize] = if long { &[16, 20, 64, 128, 200] } else { &[20] };
        for &length in lengths {
            case(
                &format!("{algorithm}, a secret of {length} bytes"),
                Some(ANSWERS),
                &|| verify(algorithm, length),
            );
        }
    }
    case("OTPs of a Yubikey", Some(PRESSES), &verify_presses);
    case("digest comparison", Some(0), &|| {
        for place in [None, Some(0), Some(15), Some(31)] {
            let (kept, presented) = digests(place);
            let [kept, presented] = [kept, presented].map(TokenDigest::from_bytes);
            let mut equal = kept.ct_eq(&presented).unwrap_u8();
            mark(&mut equal, MemState::Defined);
            assert_eq!(equal == 1, place.is_none());
        }
    });
    case("planted: bytes until the first difference", None, &|| {
        let (kept, presented) = digests(Some(15));
        let pairs = kept.iter().zip(&presented);
        let equal = pairs.take_while(|(one, other)| black_box(one) == black_box(other));
        black_box(equal.count());
    });
    case("planted: an address that a secret names", None, &|| {
        let (kept, _) = digests(None);
        let table = black_box([7_u8; 256]);
        black_box(table.get(usize::from(kept[3])).copied());
    });
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// What is kept, as a secret, and what was presented: it differs at that place, or nowhere.
fn digests(place: Option<usize>) -> ([u8; 32], [u8; 32]) {
    let (mut kept, mut presented) = ([0x5a; 32], [0x5a; 32]);
    if let Some(place) = place {
        presented[place] = 0;
    }
    mark(&mut kept, MemState::Undefined);
    (kept, presented)
}

/// Right, wrong and replayed codes, and a pair of codes, of a secret that is marked.
fn verify(algorithm: Algorithm, length: usize) {
    let window = Window {
        past: Reach::ONE,
        future: Reach::ONE,
    };
    let totp = Totp {
        algorithm,
        window,
        ..Totp::default()
    };
    let hotp = Hotp {
        algorithm,
        ..Hotp::default()
    };
    let secret = Secret::import_short(&vec![0x17; length]).expect("1 to 1,024 bytes");
    let now = totp.step_at(NOW).expect("after the start");
    let codes = [now - 2, now - 1, now, now + 1].map(|step| hotp.generate(&secret, step));
    let codes = codes.each_ref().map(|code| code.expose_secret());

    let bytes = secret.expose_secret();
    let address = bytes.as_ptr().cast_mut().cast();
    let _ = mark_mem(address, bytes.len(), MemState::Undefined);
    for code in codes {
        for last in [None, Some(now)] {
            let mut found = totp.verify(&secret, code, NOW, last);
            mark(&mut found, MemState::Defined);
            black_box(&found);
        }
    }
    for [first, second] in [[codes[0], codes[1]], [codes[1], codes[0]]] {
        let mut found = hotp.resync(&secret, first, second, Some(now - 5));
        mark(&mut found, MemState::Defined);
        black_box(&found);
    }
}

/// Right, wrong and replayed OTPs, of a key that is marked.
fn verify_presses() {
    let key = Key::from_bytes(&[1; 6], &[2; 16]);
    let press = Press {
        session: 7,
        uses: 7,
        timestamp: 7,
        random: 7,
    };
    let id = PublicId::from_bytes(&[3; 6]).expect("six bytes");
    let right = key.generate(id, &press);
    let foreign = Key::from_bytes(&[9; 6], &[2; 16]).generate(id, &press);
    let garbage = Key::from_bytes(&[1; 6], &[9; 16]).generate(id, &press);
    for bytes in [&key.expose_private_id()[..], &key.expose_aes_key()[..]] {
        let _ = mark_mem(
            bytes.as_ptr().cast_mut().cast(),
            bytes.len(),
            MemState::Undefined,
        );
    }
    for (otp, last) in [
        (&right, None),
        (&right, Some(u64::MAX)),
        (&foreign, None),
        (&garbage, None),
    ] {
        let mut found = key.verify(otp, last);
        mark(&mut found, MemState::Defined);
        black_box(&found);
    }
}

fn mark<T>(value: &mut T, state: MemState) {
    let address: *mut T = value;
    // What it returns is read the wrong way round; the planted leaks show that memory was marked.
    let _ = mark_mem(address.cast(), size_of::<T>(), state);
}
