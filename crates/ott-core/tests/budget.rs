//! The guess budget's figures.

#[path = "support/common.rs"]
mod common;

use common::CODE;
use ott_core::{Format, GuessBound, Limit, Policy, PolicyFault, Purpose, chrono::TimeDelta};

fn year(valid: u64) -> GuessBound {
    GuessBound::new(Limit::ALLOWANCE.most_in_a_year(), valid, 1_000_000)
}

#[test]
fn six_digits_under_the_default_allowance() {
    let figures = [
        (1, 465_000, true),
        (2, 930_000, true),
        (3, 1_395_000, false),
    ];
    for (valid, parts, starts) in figures {
        let bound = year(valid);
        assert_eq!(bound.parts_per_billion(), parts);
        assert_eq!(bound.check(None).is_ok(), starts, "w = {valid}");
    }
}

#[test]
fn the_limit_is_one_in_a_thousand_and_not_a_part_more() {
    assert!(GuessBound::new(1, 1, 1_000).check(None).is_ok());
    assert!(
        GuessBound::new(1_000_001, 1, 1_000_000_000)
            .check(None)
            .is_err()
    );
    assert!(GuessBound::new(1, 1, 999).check(None).is_err());
}

#[test]
fn a_larger_bound_is_accepted_by_its_figure_and_names_it() {
    let bound = year(3);
    assert!(bound.check(Some(1_395_000)).is_ok());
    assert!(bound.check(Some(1_394_999)).is_err());
    assert!(bound.check(Some(0)).is_err());
    // Accepting less than the default does not refuse what needs no acceptance.
    assert!(year(2).check(Some(1)).is_ok());
    let exceeded = bound.check(None).unwrap_err();
    assert_eq!(exceeded.bound, bound);
    let text = exceeded.to_string();
    assert!(text.contains("1395000 parts per billion a year"), "{text}");
}

#[test]
fn a_bound_is_rounded_up_and_summed() {
    assert_eq!(GuessBound::new(1, 1, u128::MAX).parts_per_billion(), 1);
    assert_eq!(GuessBound::new(0, 5, 10).parts_per_billion(), 0);
    assert_eq!(GuessBound::new(1, 1, 3).parts_per_billion(), 333_333_334);
    assert_eq!(year(1).plus(year(1)), year(2));
    assert!(year(1).plus(year(2)).check(None).is_err());
    assert_eq!(GuessBound::default().parts_per_billion(), 0);
}

#[test]
fn a_figure_that_does_not_fit_is_too_large_and_never_small() {
    let all = u64::MAX;
    let certain = GuessBound::new(all, 1, 1);
    assert_eq!(certain.parts_per_billion(), all);
    assert_eq!(certain.plus(certain), certain);
    assert!(certain.check(None).is_err());
    assert!(GuessBound::new(1, 1, 0).check(None).is_err());
    // 2^128 guesses of 2^128 codes: certain, although the product does not fit.
    assert!(GuessBound::new(all, all, u128::MAX).check(None).is_err());
}

#[test]
fn a_policys_bound_is_that_of_its_tightest_limit() {
    let purpose = Purpose::new("one");
    let code = |pace, allowance| CODE.limits(pace, allowance).guess_bound();
    let (pace, allowance) = (Some(Limit::PACE), Some(Limit::ALLOWANCE));
    assert_eq!(CODE.guess_bound().parts_per_billion(), 465_000);
    assert_eq!(code(None, allowance).parts_per_billion(), 465_000);
    assert_eq!(code(pace, None).parts_per_billion(), 87_610_000);
    assert_eq!(code(None, None).parts_per_billion(), 31_622_400_000_000_000);
    let tight = Limit::pace(1, TimeDelta::days(10));
    assert_eq!(code(Some(tight), allowance).parts_per_billion(), 37_000);
    // Eight digits behind the pace alone come to 8.8·10⁻⁴.
    let eight = CODE.format(Format::DIGITS_8).limits(pace, None);
    assert_eq!(eight.guess_bound().parts_per_billion(), 876_100);
    assert!(eight.check().is_ok());

    let reckless = CODE.limits(pace, None);
    let fault = reckless.check().unwrap_err().fault;
    assert!(matches!(fault, PolicyFault::GuessBound(_)));
    assert!(reckless.accepting_guess_bound(87_610_000).check().is_ok());
    assert!(reckless.accepting_guess_bound(87_609_999).check().is_err());
    for policy in [
        Policy::readable(purpose),
        Policy::link(purpose),
        Policy::recovery(purpose),
        Policy::prompt(purpose),
        Policy::bearer(purpose, TimeDelta::days(30)),
    ] {
        assert!(policy.guess_bound().parts_per_billion() < 4_000);
    }
}
