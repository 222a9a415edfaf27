//! HOTP beyond the look-ahead: two consecutive codes, in order, within a bound.

use oath_otp::{Code, Hotp, Reason, Secret};

fn secret() -> Secret {
    Secret::from_bytes(&[0x33; 20]).expect("20 bytes")
}

fn code(counter: u64) -> Code {
    Hotp::default().generate(&secret(), counter)
}

fn resync(hotp: &Hotp, first: u64, second: u64, last: Option<u64>) -> Result<u64, Reason> {
    let (first, second) = (code(first), code(second));
    hotp.resync(
        &secret(),
        first.expose_secret(),
        second.expose_secret(),
        last,
    )
    .map(|counter| counter.get())
    .map_err(|refused| refused.reason())
}

#[test]
fn one_code_beyond_the_look_ahead_is_refused() {
    let hotp = Hotp {
        look_ahead: 1,
        ..Hotp::default()
    };
    assert!(
        hotp.verify(&secret(), code(50).expose_secret(), Some(9))
            .is_err()
    );
}

#[test]
fn two_consecutive_codes_give_the_second_counter() {
    let hotp = Hotp::default();
    assert_eq!(resync(&hotp, 50, 51, Some(9)), Ok(51));
    // Directly ahead as well, and the very first pair.
    assert_eq!(resync(&hotp, 10, 11, Some(9)), Ok(11));
    assert_eq!(resync(&hotp, 0, 1, None), Ok(1));
}

#[test]
fn pairs_that_are_not_consecutive_are_refused() {
    let hotp = Hotp::default();
    for (first, second) in [(50, 52), (51, 50), (50, 50), (50, 60)] {
        assert_eq!(resync(&hotp, first, second, Some(9)), Err(Reason::NoMatch));
    }
}

#[test]
fn nothing_at_or_before_the_last_accepted_counter() {
    let hotp = Hotp::default();
    assert_eq!(resync(&hotp, 51, 52, Some(51)), Err(Reason::NoMatch));
    assert_eq!(resync(&hotp, 51, 52, Some(52)), Err(Reason::NoMatch));
    assert_eq!(resync(&hotp, 20, 21, Some(51)), Err(Reason::NoMatch));
}

#[test]
fn the_range_is_a_bound() {
    let hotp = Hotp {
        resync_range: 20,
        ..Hotp::default()
    };
    assert_eq!(resync(&hotp, 29, 30, Some(9)), Ok(30));
    assert_eq!(resync(&hotp, 30, 31, Some(9)), Err(Reason::NoMatch));
    let none = Hotp {
        resync_range: 0,
        ..Hotp::default()
    };
    assert_eq!(resync(&none, 10, 11, Some(9)), Err(Reason::NoMatch));
    let widest = Hotp {
        resync_range: u16::MAX,
        ..Hotp::default()
    };
    assert_eq!(resync(&widest, 65_544 - 1, 65_544, Some(9)), Ok(65_544));
}

#[test]
fn the_last_counters() {
    let hotp = Hotp {
        resync_range: u16::MAX,
        ..Hotp::default()
    };
    let max = u64::MAX;
    assert_eq!(resync(&hotp, max - 1, max, Some(max - 5)), Ok(max));
    assert_eq!(resync(&hotp, max, 0, Some(max - 5)), Err(Reason::NoMatch));
    assert_eq!(resync(&hotp, max, 0, Some(max - 1)), Err(Reason::NoMatch));
    assert_eq!(resync(&hotp, max, 0, Some(max)), Err(Reason::Exhausted));
}

#[test]
fn both_texts_are_checked() {
    let hotp = Hotp::default();
    let good = code(50);
    for bad in ["", "12345", "1234567", "１２３４５６"] {
        for (first, second) in [(bad, good.expose_secret()), (good.expose_secret(), bad)] {
            let refused = hotp.resync(&secret(), first, second, Some(9)).unwrap_err();
            assert_eq!(refused.reason(), Reason::Malformed);
        }
    }
}
