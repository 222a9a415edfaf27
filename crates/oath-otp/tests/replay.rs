//! A code is accepted once, however it is spelled, as long as the caller keeps the last step.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Barrier;
use std::thread;

use oath_otp::{Hotp, Reach, Reason, Rejected, Secret, TimeStep, Totp, Window};

const TIME: u64 = 1_700_000_000;

fn secret() -> Secret {
    Secret::from_bytes(&[0x17; 20]).expect("20 bytes")
}

fn reason(refused: Result<TimeStep, Rejected>) -> Reason {
    refused.expect_err("a replay").reason()
}

/// An accepted code is refused at every second until its step leaves the window, and after.
#[test]
fn replay_is_refused_at_every_second() {
    for (past, future) in [(0, 0), (1, 0), (1, 1), (2, 3), (31, 31)] {
        let window = Window {
            past: Reach::new(past).unwrap(),
            future: Reach::new(future).unwrap(),
        };
        let totp = Totp {
            window,
            ..Totp::default()
        };
        let code = totp.generate(&secret(), TIME);
        let code = code.expose_secret();
        let step = totp.step_at(TIME).unwrap();
        // The first second of the window, and the second at which it is over.
        let (begin, over) = (
            (step - u64::from(future)) * 30,
            (step + u64::from(past) + 1) * 30,
        );
        for time in begin - 35..over + 5 {
            let first = totp.verify(&secret(), code, time, None);
            let again = totp.verify(&secret(), code, time, Some(step));
            if begin <= time && time < over {
                assert_eq!(first.unwrap().get(), step, "{window:?} at {time}");
                assert_eq!(reason(again), Reason::Replayed, "{window:?} at {time}");
            } else if begin - 30 <= time && time < begin {
                // The step behind the window: a clock that is ahead, and nothing any more once it was used.
                assert_eq!(reason(first), Reason::Ahead, "{window:?} at {time}");
                assert_eq!(reason(again), Reason::Replayed, "{window:?} at {time}");
            } else {
                assert_eq!(reason(first), Reason::NoMatch, "{window:?} at {time}");
                assert_eq!(reason(again), Reason::NoMatch, "{window:?} at {time}");
            }
        }
    }
}

/// After a newer step, an older one of the window is refused, and the next one is accepted.
#[test]
fn replay_of_an_older_step_is_refused() {
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

/// An accepted code is refused in every other spelling too.
#[test]
fn replay_in_another_spelling_is_refused() {
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

/// Where the clock goes back, no older step is accepted.
#[test]
fn replay_after_the_clock_went_back() {
    let totp = Totp {
        window: Window {
            past: Reach::MAX,
            future: Reach::MAX,
        },
        ..Totp::default()
    };
    let step = totp.step_at(TIME).unwrap();
    for back in 0..32 {
        let time = TIME - 30 * back;
        let code = totp.generate(&secret(), time);
        assert!(
            totp.verify(&secret(), code.expose_secret(), time, Some(step))
                .is_err()
        );
    }
}

/// No step follows the last of all.
#[test]
fn replay_of_the_last_step_of_all() {
    let totp = Totp::default();
    let code = totp.generate(&secret(), u64::MAX);
    let refused = totp.verify(&secret(), code.expose_secret(), u64::MAX, Some(u64::MAX));
    assert_eq!(reason(refused), Reason::Replayed);
}

/// Step 0 and counter 0 as the last accepted ones are not the same as none.
#[test]
fn replay_of_step_zero_is_refused() {
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

/// Of two codes in one look-ahead, the older is worth nothing once the newer was accepted.
#[test]
fn replay_of_an_older_counter_is_refused() {
    let hotp = ahead();
    let older = hotp.generate(&secret(), 10);
    let newer = hotp.generate(&secret(), 12);
    let last = hotp.verify(&secret(), newer.expose_secret(), Some(9));
    let last = last.unwrap().get();
    for code in [older, newer] {
        let refused = hotp.verify(&secret(), code.expose_secret(), Some(last));
        assert_eq!(refused.unwrap_err().reason(), Reason::NoMatch);
    }
}

fn ahead() -> Hotp {
    Hotp {
        look_ahead: Reach::new(2).expect("at most 31"),
        ..Hotp::default()
    }
}

/// The caller's part, as `verify` asks for it: raises the stored counter in one step, or refuses.
/// Returns what was stored before.
fn advance(stored: &AtomicU64, counter: u64) -> Option<u64> {
    let before = stored.fetch_max(counter, Ordering::SeqCst);
    (before < counter).then_some(before)
}

/// Of two codes of one look-ahead, each typed twice in parallel, one moves the stored counter on. Behind
/// the newer one nothing is accepted; behind the older one the newer is, once.
#[test]
fn replay_in_parallel_is_refused() {
    let (hotp, secret) = (ahead(), secret());
    let [older, newer] = [10, 12].map(|counter| hotp.generate(&secret, counter));
    for round in 0..2_000 {
        let (stored, barrier) = (AtomicU64::new(9), Barrier::new(4));
        let try_it = |code: &str| {
            let last = stored.load(Ordering::SeqCst);
            // All of them are verified against the same stored counter.
            barrier.wait();
            let found = hotp.verify(&secret, code, Some(last)).unwrap().get();
            barrier.wait();
            advance(&stored, found).map(|before| (found, before))
        };
        let accepted: Vec<(u64, u64)> = thread::scope(|scope| {
            let codes = [&older, &newer, &older, &newer];
            let tasks = codes.map(|code| scope.spawn(|| try_it(code.expose_secret())));
            let answers = tasks.map(|task| task.join().unwrap());
            answers.into_iter().flatten().collect()
        });
        let from_9 = accepted.iter().filter(|(_, before)| *before == 9);
        assert_eq!(from_9.count(), 1, "round {round}: {accepted:?}");
        if accepted.contains(&(12, 9)) {
            assert_eq!(accepted.len(), 1, "round {round}: {accepted:?}");
        } else {
            let both = accepted.contains(&(10, 9)) && accepted.contains(&(12, 10));
            assert!(both && accepted.len() == 2, "round {round}: {accepted:?}");
        }
    }
}
