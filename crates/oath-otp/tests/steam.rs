//! Steam's codes: RFC 4226 appendix D, written with Steam's letters.

use oath_otp::{Secret, Steam};

/// The letters of a truncated hash, the plain way: 26 of them, the least part first.
fn letters(mut truncated: u32) -> String {
    let alphabet = b"23456789BCDFGHJKMNPQRTVWXY";
    let mut code = String::new();
    for _ in 0..5 {
        let letter = alphabet.get((truncated % 26) as usize);
        code.push((*letter.expect("one of 26")).into());
        truncated /= 26;
    }
    code
}

/// Each truncated hash of RFC 4226 appendix D gives its five letters, for all of its 30 seconds.
#[test]
fn steam_codes_are_those_of_the_rfc_in_letters() {
    let secret = Secret::from_bytes(b"12345678901234567890").expect("20 bytes");
    let truncated = [
        1_284_755_224,
        1_094_287_082,
        137_359_152,
        1_726_969_429,
        1_640_338_314,
        868_254_676,
        1_918_287_922,
        82_162_583,
        673_399_871,
        645_520_489,
    ];
    for (step, truncated) in (0_u64..).zip(truncated) {
        for time in [step * 30, step * 30 + 29] {
            assert_eq!(
                Steam.generate(&secret, time).expose_secret(),
                letters(truncated)
            );
        }
    }
}

/// The last second that there is has a code too.
#[test]
fn steam_code_of_the_last_second() {
    let secret = Secret::import_short(b"x").expect("a byte");
    assert_eq!(Steam.generate(&secret, u64::MAX).expose_secret().len(), 5);
}
