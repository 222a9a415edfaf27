//! HOTP beyond the look-ahead: two consecutive codes, in order, within a bound.

use oath_otp::{Code, Hotp, Reason, ResyncRange, Secret};

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

fn hotp(range: u16) -> Hotp {
    Hotp {
        resync_range: ResyncRange::new(range).expect("1 to 1,000"),
        ..Hotp::default()
    }
}

/// One code beyond the look-ahead is refused, however right it is.
#[test]
fn resync_takes_more_than_one_code() {
    let (hotp, code) = (Hotp::default(), code(50));
    let refused = hotp.verify(&secret(), code.expose_secret(), Some(9));
    assert_eq!(refused.unwrap_err().reason(), Reason::NoMatch);
}

/// Two consecutive codes give the second one's counter, directly ahead as well, and the very first pair.
#[test]
fn resync_returns_the_second_counter() {
    let hotp = Hotp::default();
    assert_eq!(resync(&hotp, 50, 51, Some(9)), Ok(51));
    assert_eq!(resync(&hotp, 10, 11, Some(9)), Ok(11));
    assert_eq!(resync(&hotp, 0, 1, None), Ok(1));
}

/// Pairs that are not consecutive, or in the wrong order, are refused.
#[test]
fn resync_refuses_other_pairs() {
    let hotp = Hotp::default();
    for (first, second) in [(50, 52), (51, 50), (50, 50), (50, 60)] {
        assert_eq!(resync(&hotp, first, second, Some(9)), Err(Reason::NoMatch));
    }
}

/// Nothing at or before the last accepted counter is found.
#[test]
fn resync_never_goes_back() {
    let hotp = Hotp::default();
    assert_eq!(resync(&hotp, 51, 52, Some(51)), Err(Reason::NoMatch));
    assert_eq!(resync(&hotp, 51, 52, Some(52)), Err(Reason::NoMatch));
    assert_eq!(resync(&hotp, 20, 21, Some(51)), Err(Reason::NoMatch));
}

/// The first code of a pair lies in the range, and not behind it.
#[test]
fn resync_searches_its_range_alone() {
    for range in [1, 2, 3, 4, 20, 1_000] {
        let (hotp, first, last) = (hotp(range), 10, 9 + u64::from(range));
        assert_eq!(resync(&hotp, first, first + 1, Some(9)), Ok(first + 1));
        assert_eq!(resync(&hotp, last, last + 1, Some(9)), Ok(last + 1));
        let behind = resync(&hotp, last + 1, last + 2, Some(9));
        assert_eq!(behind, Err(Reason::NoMatch), "{range}");
    }
}

/// The last pair of all is found, and none comes after it.
#[test]
fn resync_ends_with_the_last_counter() {
    let (hotp, max) = (hotp(1_000), u64::MAX);
    assert_eq!(resync(&hotp, max - 1, max, Some(max - 5)), Ok(max));
    assert_eq!(resync(&hotp, max, 0, Some(max - 5)), Err(Reason::NoMatch));
    assert_eq!(resync(&hotp, max, 0, Some(max - 1)), Err(Reason::NoMatch));
    assert_eq!(resync(&hotp, max, 0, Some(max)), Err(Reason::Exhausted));
}

/// Each of the two texts must be a code.
#[test]
fn resync_checks_both_texts() {
    let hotp = Hotp::default();
    let good = code(50);
    for bad in ["", "12345", "1234567", "12345x"] {
        for (first, second) in [(bad, good.expose_secret()), (good.expose_secret(), bad)] {
            let refused = hotp.resync(&secret(), first, second, Some(9)).unwrap_err();
            assert_eq!(refused.reason(), Reason::Malformed);
        }
    }
}
