//! Which steps and counters are accepted, and that the newest one wins.

use oath_otp::{Code, Digits, Hotp, Period, Reason, Secret, Totp, Window};

const TIME: u64 = 1_700_000_000;

fn secret() -> Secret {
    Secret::from_bytes(&[0x5a; 20]).expect("20 bytes")
}

/// The code of the step that lies `offset` steps from the present one.
fn code_at(totp: &Totp, offset: i64) -> Code {
    let time = TIME
        .checked_add_signed(offset.wrapping_mul(30))
        .expect("far from both ends");
    totp.generate(&secret(), time)
}

#[test]
fn default_is_one_past_none_future() {
    let totp = Totp::default();
    assert_eq!(totp.window, Window { past: 1, future: 0 });
    let now = totp.step_at(TIME).unwrap();
    for (offset, accepted) in [(-2, None), (-1, Some(now - 1)), (0, Some(now)), (1, None)] {
        let code = code_at(&totp, offset);
        let found = totp.verify(&secret(), code.expose_secret(), TIME, None);
        assert_eq!(
            found.ok().map(|step| step.get()),
            accepted,
            "offset {offset}"
        );
    }
}

#[test]
fn every_step_of_every_window_is_accepted_and_no_other() {
    // Windows below, at and above the number of counters that are computed together.
    for past in 0..7_u8 {
        for future in 0..7_u8 {
            let totp = Totp {
                window: Window { past, future },
                ..Totp::default()
            };
            assert_eq!(totp.valid_codes(), u32::from(past) + u32::from(future) + 1);
            for offset in -8..=8_i64 {
                let code = code_at(&totp, offset);
                let found = totp.verify(&secret(), code.expose_secret(), TIME, None);
                let inside = -i64::from(past) <= offset && offset <= i64::from(future);
                let step = totp.step_at(TIME).unwrap().checked_add_signed(offset);
                assert_eq!(found.ok().map(|step| step.get()), step.filter(|_| inside));
            }
        }
    }
}

#[test]
fn widest_window_works() {
    let totp = Totp {
        window: Window {
            past: 255,
            future: 255,
        },
        ..Totp::default()
    };
    for offset in [-255, 0, 255] {
        let code = code_at(&totp, offset);
        assert!(
            totp.verify(&secret(), code.expose_secret(), TIME, None)
                .is_ok()
        );
    }
    let code = code_at(&totp, 256);
    assert!(
        totp.verify(&secret(), code.expose_secret(), TIME, None)
            .is_err()
    );
}

/// Two steps of one window with the same five digits: the newest is returned, so that neither
/// serves again.
#[test]
fn newest_of_two_matching_steps_wins() {
    let digits = Digits::Five;
    let totp = Totp {
        digits,
        window: Window {
            past: 200,
            future: 0,
        },
        ..Totp::default()
    };
    let hotp = Hotp {
        digits,
        look_ahead: 200,
        ..Hotp::default()
    };
    let secret = secret();
    let codes: Vec<Code> = (0..20_000)
        .map(|step| hotp.generate(&secret, step))
        .collect();
    let mut twins = 0;
    for (newer, code) in codes.iter().enumerate().skip(201) {
        let older = (newer - 200..newer)
            .find(|older| codes[*older].expose_secret() == code.expose_secret());
        let Some(older) = older else { continue };
        twins += 1;
        let (older, newer) = (older as u64, newer as u64);
        let typed = code.expose_secret();
        let step = totp
            .verify(&secret, typed, 30 * newer, Some(older - 1))
            .unwrap();
        assert_eq!(step.get(), newer);
        let counter = hotp.verify(&secret, typed, Some(older - 1)).unwrap();
        assert_eq!(counter.get(), newer);
    }
    assert!(twins > 10, "the search found only {twins} pairs");
}

#[test]
fn windows_are_cut_at_both_ends_of_time() {
    let window = Window {
        past: 255,
        future: 255,
    };
    let period = Period::from_seconds(1).unwrap();
    let totp = Totp {
        period,
        window,
        ..Totp::default()
    };
    for time in [0, 1, 254, 255, u64::MAX - 255, u64::MAX - 1, u64::MAX] {
        let code = totp.generate(&secret(), time);
        let step = totp
            .verify(&secret(), code.expose_secret(), time, None)
            .unwrap();
        assert_eq!(step.get(), time);
    }
}

#[test]
fn nothing_is_accepted_before_the_start() {
    let totp = Totp {
        start: TIME,
        ..Totp::default()
    };
    assert_eq!(totp.step_at(TIME - 1), None);
    assert_eq!(totp.step_at(TIME), Some(0));
    let first = totp.generate(&secret(), TIME);
    let early = totp.generate(&secret(), 0);
    assert_eq!(first.expose_secret(), early.expose_secret());
    let refused = totp
        .verify(&secret(), first.expose_secret(), TIME - 1, None)
        .unwrap_err();
    assert_eq!(refused.reason(), Reason::BeforeStart);
    assert_eq!(
        totp.verify(&secret(), first.expose_secret(), TIME, None)
            .unwrap()
            .get(),
        0
    );
    let last = Totp {
        start: u64::MAX,
        ..Totp::default()
    };
    assert_eq!(last.step_at(u64::MAX), Some(0));
}

#[test]
fn a_step_begins_and_ends_with_its_period() {
    for seconds in [1, 30, 60, i32::MAX.cast_unsigned()] {
        let period = Period::from_seconds(seconds).unwrap();
        let totp = Totp {
            period,
            start: 7,
            ..Totp::default()
        };
        assert_eq!(totp.step_at(7 + u64::from(seconds) - 1), Some(0));
        assert_eq!(totp.step_at(7 + u64::from(seconds)), Some(1));
    }
    assert!(Period::from_seconds(0).is_err());
    assert!(Period::from_seconds(1 << 31).is_err());
}

#[test]
fn look_ahead_of_hotp() {
    let hotp = Hotp {
        look_ahead: 3,
        ..Hotp::default()
    };
    assert_eq!(hotp.valid_codes(), 4);
    assert_eq!(hotp.code_space(), 999_759);
    for (counter, accepted) in [(5, false), (6, true), (7, true), (9, true), (10, false)] {
        let code = hotp.generate(&secret(), counter);
        let found = hotp.verify(&secret(), code.expose_secret(), Some(5));
        assert_eq!(
            found.ok().map(|counter| counter.get()),
            accepted.then_some(counter)
        );
    }
}

#[test]
fn last_counters_of_hotp() {
    let hotp = Hotp {
        look_ahead: 255,
        ..Hotp::default()
    };
    let code = hotp.generate(&secret(), u64::MAX);
    let found = hotp
        .verify(&secret(), code.expose_secret(), Some(u64::MAX - 1))
        .unwrap();
    assert_eq!(found.get(), u64::MAX);
    let found = hotp
        .verify(&secret(), code.expose_secret(), Some(u64::MAX - 200))
        .unwrap();
    assert_eq!(found.get(), u64::MAX);
    // Behind the last counter nothing comes, least of all counter 0 again.
    for counter in [0, u64::MAX] {
        let code = hotp.generate(&secret(), counter);
        let refused = hotp
            .verify(&secret(), code.expose_secret(), Some(u64::MAX))
            .unwrap_err();
        assert_eq!(refused.reason(), Reason::Exhausted);
    }
}

/// The code space is the inverse of the chance of the likeliest code, rounded down.
#[test]
fn code_space_bounds_the_likeliest_code() {
    const HASHES: u64 = 1 << 31;
    let spaces = [99_999, 999_759, 9_988_296, 97_612_893, 715_827_882, HASHES];
    for (digits, space) in (5..=10_u8).zip(spaces) {
        let totp = Totp {
            digits: Digits::try_from(digits).unwrap(),
            ..Totp::default()
        };
        assert_eq!(totp.code_space(), space, "{digits} digits");
        assert_eq!(totp.valid_codes(), 2);

        // The hashes of a code, counted one by one: of the first and of the last of those that stand
        // for one more, of the code after these, and of the last code.
        let codes = 10_usize.pow(digits.into());
        let hashes = |code: u64| (code..HASHES).step_by(codes).count() as u64;
        let last_of_more = (HASHES - 1) % codes as u64;
        let most = hashes(0);
        assert_eq!(hashes(last_of_more), most);
        assert_eq!(hashes(last_of_more + 1), most - 1);
        assert_eq!(hashes(codes as u64 - 1), most - 1);
        // A chance of most in 2^31: as one in the space at most, and not as one in the next number.
        assert!(most * space <= HASHES && HASHES < most * (space + 1));
    }
}
