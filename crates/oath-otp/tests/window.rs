//! Which steps and counters are accepted, and that the newest one wins.

use oath_otp::{Code, Digits, Hotp, Period, Reach, Reason, ResyncRange, Secret, Totp, Window};

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

fn reach(beyond: u8) -> Reach {
    Reach::new(beyond).expect("at most 31")
}

/// The step that a code is accepted as, or why it is refused.
fn verify(totp: &Totp, code: &Code) -> Result<u64, Reason> {
    totp.verify(&secret(), code.expose_secret(), TIME, None)
        .map(|step| step.get())
        .map_err(|refused| refused.reason())
}

/// By default the present step and the one before it are accepted, and neither neighbour of the two.
#[test]
fn window_is_one_past_step_by_default() {
    let totp = Totp::default();
    let (past, future) = (Reach::ONE, Reach::NONE);
    assert_eq!(totp.window, Window { past, future });
    let now = totp.step_at(TIME).unwrap();
    for (offset, answer) in [
        (-2, Err(Reason::NoMatch)),
        (-1, Ok(now - 1)),
        (0, Ok(now)),
        (1, Err(Reason::Ahead)),
        (2, Err(Reason::NoMatch)),
    ] {
        let code = code_at(&totp, offset);
        assert_eq!(verify(&totp, &code), answer, "offset {offset}");
    }
}

/// Of every window, each step is accepted as itself, and the steps beyond both edges are refused.
#[test]
fn window_accepts_its_steps_and_refuses_its_edges() {
    // Below, at and above the number of counters that are computed together, and the widest.
    for past in [0, 1, 2, 3, 4, 5, 6, 31] {
        for future in [0, 1, 2, 3, 4, 5, 6, 31] {
            let window = Window {
                past: reach(past),
                future: reach(future),
            };
            let totp = Totp {
                window,
                ..Totp::default()
            };
            assert_eq!(totp.valid_codes(), u32::from(past) + u32::from(future) + 1);
            let now = totp.step_at(TIME).unwrap();
            let (oldest, newest) = (-i64::from(past), i64::from(future));
            for offset in oldest - 3..=newest + 3 {
                let inside = oldest <= offset && offset <= newest;
                let step = now.checked_add_signed(offset).unwrap();
                let answer = if inside {
                    Ok(step)
                } else if offset == newest + 1 {
                    Err(Reason::Ahead)
                } else {
                    Err(Reason::NoMatch)
                };
                let code = code_at(&totp, offset);
                assert_eq!(verify(&totp, &code), answer, "{window:?}, offset {offset}");
            }
        }
    }
}

/// A reach above 31 and a range of 0 or above 1,000 counters cannot be made.
#[test]
fn window_and_ranges_have_bounds() {
    assert_eq!(Reach::new(31), Ok(Reach::MAX));
    let error = Reach::new(32).unwrap_err();
    assert_eq!(error.to_string(), "the reach is not 0 to 31");
    assert!(Reach::new(255).is_err());
    assert_eq!(ResyncRange::new(1_000), Ok(ResyncRange::MAX));
    assert_eq!(ResyncRange::new(1).unwrap().get(), 1);
    let error = ResyncRange::new(0).unwrap_err();
    assert_eq!(error.to_string(), "the range is not 1 to 1000 counters");
    assert!(ResyncRange::new(1_001).is_err());
}

/// Where two steps of one window have the same five digits, the newest is returned, so that neither
/// serves again.
#[test]
fn window_returns_the_newest_of_two_matches() {
    let digits = Digits::Five;
    let totp = Totp {
        digits,
        window: Window {
            past: Reach::MAX,
            future: Reach::NONE,
        },
        ..Totp::default()
    };
    let hotp = Hotp {
        digits,
        look_ahead: Reach::MAX,
        ..Hotp::default()
    };
    let secret = secret();
    let codes: Vec<Code> = (0..60_000)
        .map(|step| hotp.generate(&secret, step))
        .collect();
    let mut twins = 0;
    for (newer, code) in codes.iter().enumerate().skip(32) {
        let older =
            (newer - 31..newer).find(|older| codes[*older].expose_secret() == code.expose_secret());
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

/// At both ends of time the window is cut: steps that exist are accepted, and nothing wraps around.
#[test]
fn window_is_cut_at_both_ends_of_time() {
    let window = Window {
        past: Reach::MAX,
        future: Reach::MAX,
    };
    let period = Period::from_seconds(1).unwrap();
    let totp = Totp {
        period,
        window,
        digits: Digits::Ten,
        ..Totp::default()
    };
    let accepted = |step: u64, time: u64| {
        let code = totp.generate(&secret(), step);
        totp.verify(&secret(), code.expose_secret(), time, None)
            .is_ok()
    };
    let ends = [0, 1, 30, 31, 32].map(|step| [step, u64::MAX - step]);
    for time in ends.concat() {
        for step in ends.concat() {
            assert_eq!(
                accepted(step, time),
                step.abs_diff(time) <= 31,
                "{step} at {time}"
            );
        }
    }
}

/// Before the start no code is accepted, not even that of the first step.
#[test]
fn totp_accepts_nothing_before_its_start() {
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

/// A step begins and ends with its period, whatever its length.
#[test]
fn step_begins_and_ends_with_its_period() {
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

/// HOTP accepts the counters of its look-ahead, and neither the last accepted one nor the one behind.
#[test]
fn look_ahead_accepts_its_counters_alone() {
    for ahead in [0, 1, 2, 3, 4, 31] {
        let hotp = Hotp {
            look_ahead: reach(ahead),
            ..Hotp::default()
        };
        let ahead = u64::from(ahead);
        assert_eq!(u64::from(hotp.valid_codes()), ahead + 1);
        assert_eq!(hotp.code_space(), 999_759);
        for counter in 3..=6 + ahead + 3 {
            let code = hotp.generate(&secret(), counter);
            let found = hotp.verify(&secret(), code.expose_secret(), Some(5));
            let inside = 6 <= counter && counter <= 6 + ahead;
            assert_eq!(
                found.map(|counter| counter.get()).ok(),
                inside.then_some(counter)
            );
        }
    }
}

/// The last counters of all are accepted, and none comes after them, least of all counter 0 again.
#[test]
fn look_ahead_ends_with_the_last_counter() {
    let hotp = Hotp {
        look_ahead: Reach::MAX,
        ..Hotp::default()
    };
    let code = hotp.generate(&secret(), u64::MAX);
    for last in [u64::MAX - 1, u64::MAX - 32] {
        let found = hotp.verify(&secret(), code.expose_secret(), Some(last));
        assert_eq!(found.unwrap().get(), u64::MAX);
    }
    for (counter, last, reason) in [
        (u64::MAX, u64::MAX - 33, Reason::NoMatch),
        (0, u64::MAX - 1, Reason::NoMatch),
        (0, u64::MAX, Reason::Exhausted),
        (u64::MAX, u64::MAX, Reason::Exhausted),
    ] {
        let code = hotp.generate(&secret(), counter);
        let refused = hotp.verify(&secret(), code.expose_secret(), Some(last));
        assert_eq!(refused.unwrap_err().reason(), reason);
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

/// The code of the step behind the window is refused, and the refusal says that the clock of the device is ahead;
/// the code of any later step is a wrong one, and one that was burnt is a replay.
#[test]
fn window_names_a_clock_that_is_ahead() {
    let secret = Secret::from_bytes(&[7; 20]).unwrap();
    for future in [0, 1, 3] {
        let totp = Totp {
            window: Window {
                future: Reach::new(future).unwrap(),
                ..Window::default()
            },
            ..Totp::default()
        };
        let now = 1_700_000_000_u64;
        let present = totp.step_at(now).unwrap();
        let behind = present + u64::from(future) + 1;
        let answer = |step: u64, last| {
            let code = totp.generate(&secret, step * 30);
            let answer = totp.verify(&secret, code.expose_secret(), now, last);
            let named = answer.err().and_then(|refused| refused.ahead());
            let reason = answer.err().map(|refused| refused.reason());
            assert_eq!(named, (reason == Some(Reason::Ahead)).then_some(step));
            answer
                .map(|step| step.get())
                .map_err(|refused| refused.reason())
        };
        for step in present - 1..behind {
            assert_eq!(answer(step, None), Ok(step));
        }
        for last in [None, Some(0), Some(present), Some(behind - 1)] {
            assert_eq!(answer(behind, last), Err(Reason::Ahead));
        }
        // Burnt: nothing is learnt from it twice, and in its own time it is refused.
        assert_eq!(answer(behind, Some(behind)), Err(Reason::Replayed));
        let code = totp.generate(&secret, behind * 30);
        let later = totp.verify(&secret, code.expose_secret(), behind * 30, Some(behind));
        assert_eq!(
            later.map_err(|refused| refused.reason()),
            Err(Reason::Replayed)
        );
        for step in [present - 2, behind + 1, behind + 2] {
            assert_eq!(answer(step, None), Err(Reason::NoMatch));
        }
        assert_eq!(u64::from(totp.valid_codes()), u64::from(future) + 2);
    }
    // At the end of all time there is no step behind.
    let totp = Totp::default();
    let code = totp.generate(&secret, u64::MAX);
    let last = totp.step_at(u64::MAX);
    let found = totp.verify(&secret, code.expose_secret(), u64::MAX, None);
    assert_eq!(found.ok().map(|step| step.get()), last);
}
