//! A code is accepted once, however it is spelled, as long as the caller keeps the last step.

use oath_otp::{Hotp, Reason, Rejected, Secret, TimeStep, Totp, Window};

const TIME: u64 = 1_700_000_000;

fn secret() -> Secret {
    Secret::from_bytes(&[0x17; 20]).expect("20 bytes")
}

fn reason(refused: Result<TimeStep, Rejected>) -> Reason {
    refused.expect_err("a replay").reason()
}

#[test]
fn the_same_code_twice() {
    let totp = Totp::default();
    let code = totp.generate(&secret(), TIME);
    let step = totp
        .verify(&secret(), code.expose_secret(), TIME, None)
        .unwrap();
    let again = totp.verify(&secret(), code.expose_secret(), TIME, Some(step.get()));
    assert_eq!(reason(again), Reason::Replayed);
    // The trailing step: the same code while the window still reaches back to it.
    let later = totp.verify(&secret(), code.expose_secret(), TIME + 30, Some(step.get()));
    assert_eq!(reason(later), Reason::Replayed);
}

#[test]
fn the_step_before_an_accepted_one() {
    let totp = Totp::default();
    let older = totp.generate(&secret(), TIME - 30);
    let newer = totp.generate(&secret(), TIME);
    let step = totp
        .verify(&secret(), newer.expose_secret(), TIME, None)
        .unwrap()
        .get();
    let back = totp.verify(&secret(), older.expose_secret(), TIME, Some(step));
    assert_eq!(reason(back), Reason::Replayed);
    let next = totp.generate(&secret(), TIME + 30);
    let next = totp
        .verify(&secret(), next.expose_secret(), TIME + 30, Some(step))
        .unwrap();
    assert_eq!(next.get(), step + 1);
}

#[test]
fn other_spellings_of_an_accepted_code() {
    let totp = Totp::default();
    let code = totp.generate(&secret(), TIME);
    let code = code.expose_secret();
    let step = totp.verify(&secret(), code, TIME, None).unwrap().get();
    let (left, right) = code.split_at(3);
    let wide: String = code
        .bytes()
        .map(|digit| char::from_u32(0xfee0 + u32::from(digit)).unwrap())
        .collect();
    let arabic: String = code
        .bytes()
        .map(|digit| char::from_u32(0x630 + u32::from(digit)).unwrap())
        .collect();
    for spelling in [
        code.to_owned(),
        format!("{left} {right}"),
        format!("{left}-{right}"),
        format!(" {code} "),
        format!("{left}\u{a0}{right}"),
        format!("+{code}"),
        format!("0{code}"),
        format!("{left}_{right}"),
        format!("{code}\0"),
        format!("{code}\n"),
        wide,
        arabic,
    ] {
        assert!(
            totp.verify(&secret(), &spelling, TIME, Some(step)).is_err(),
            "{spelling:?}"
        );
    }
}

#[test]
fn an_old_code_after_the_clock_went_back() {
    let totp = Totp {
        window: Window { past: 2, future: 2 },
        ..Totp::default()
    };
    let step = totp.step_at(TIME).unwrap();
    for back in 0..10 {
        let time = TIME - 30 * back;
        let code = totp.generate(&secret(), time);
        assert!(
            totp.verify(&secret(), code.expose_secret(), time, Some(step))
                .is_err()
        );
    }
}

#[test]
fn nothing_follows_the_last_step_of_all() {
    let totp = Totp::default();
    let code = totp.generate(&secret(), u64::MAX);
    let refused = totp.verify(&secret(), code.expose_secret(), u64::MAX, Some(u64::MAX));
    assert_eq!(reason(refused), Reason::Replayed);
}

#[test]
fn step_zero_is_told_apart_from_none() {
    let totp = Totp::default();
    let code = totp.generate(&secret(), 0);
    assert_eq!(
        totp.verify(&secret(), code.expose_secret(), 0, None)
            .unwrap()
            .get(),
        0
    );
    assert!(
        totp.verify(&secret(), code.expose_secret(), 0, Some(0))
            .is_err()
    );
    let hotp = Hotp::default();
    let code = hotp.generate(&secret(), 0);
    assert_eq!(
        hotp.verify(&secret(), code.expose_secret(), None)
            .unwrap()
            .get(),
        0
    );
    assert!(
        hotp.verify(&secret(), code.expose_secret(), Some(0))
            .is_err()
    );
}

/// T36: whichever of two codes in the look-ahead is stored first, the older is worth nothing.
#[test]
fn two_codes_of_one_look_ahead() {
    let hotp = Hotp {
        look_ahead: 2,
        ..Hotp::default()
    };
    let older = hotp.generate(&secret(), 10);
    let newer = hotp.generate(&secret(), 12);
    let last = hotp
        .verify(&secret(), newer.expose_secret(), Some(9))
        .unwrap()
        .get();
    assert!(
        hotp.verify(&secret(), older.expose_secret(), Some(last))
            .is_err()
    );
    assert!(
        hotp.verify(&secret(), newer.expose_secret(), Some(last))
            .is_err()
    );
}
