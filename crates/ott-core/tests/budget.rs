//! The guess budget's figures.

#[path = "support/common.rs"]
mod common;

use common::{BEARER, CODE, LINK, PARKED, PROMPT, RECOVERY};
use ott_core::{AccountBudget, Format, GuessBound, Limit, Policy, Purpose, chrono::TimeDelta};

fn year(valid: u64) -> GuessBound {
    GuessBound::new(Limit::ALLOWANCE.most_in_a_year(), valid, 1_000_000)
}

/// Six digits under the default allowance are 465 guesses; three codes at once are too many.
#[test]
fn bound_of_six_digits_is_465_guesses() {
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

/// The limit is one in a thousand, and not a part more.
#[test]
fn bound_is_accepted_up_to_one_in_a_thousand() {
    assert!(GuessBound::new(1, 1, 1_000).check(None).is_ok());
    assert!(
        GuessBound::new(1_000_001, 1, 1_000_000_000)
            .check(None)
            .is_err()
    );
    assert!(GuessBound::new(1, 1, 999).check(None).is_err());
}

/// A larger bound is accepted by its figure, and the error names it.
#[test]
fn bound_above_is_accepted_by_its_figure() {
    let bound = year(3);
    assert!(bound.check(Some(1_395_000)).is_ok());
    assert!(bound.check(Some(1_394_999)).is_err());
    assert!(bound.check(Some(0)).is_err());
    // Accepting less than the default does not refuse what needs no acceptance.
    assert!(year(2).check(Some(1)).is_ok());
    let exceeded = bound.check(None).unwrap_err();
    assert_eq!(exceeded.bound, bound);
    let text = exceeded.to_string();
    assert!(
        text.contains("465 guesses a year, 1395000 parts per billion"),
        "{text}"
    );
}

/// A bound is rounded up and summed.
#[test]
fn bound_is_rounded_up_and_summed() {
    assert_eq!(GuessBound::new(1, 1, u128::MAX).parts_per_billion(), 1);
    assert_eq!(GuessBound::new(0, 5, 10).parts_per_billion(), 0);
    assert_eq!(GuessBound::new(1, 1, 3).parts_per_billion(), 333_333_334);
    let twice = year(1).plus(year(1));
    assert_eq!(twice.parts_per_billion(), year(2).parts_per_billion());
    assert_eq!(twice.guesses(), 930);
    assert!(year(1).plus(year(2)).check(None).is_err());
    assert_eq!(GuessBound::default().parts_per_billion(), 0);
}

/// A figure that does not fit is too large, and never small.
#[test]
fn bound_that_does_not_fit_is_too_large() {
    let all = u64::MAX;
    let certain = GuessBound::new(all, 1, 1);
    assert_eq!(certain.parts_per_billion(), all);
    assert_eq!(certain.plus(certain), certain, "both figures saturate");
    assert!(certain.check(None).is_err());
    assert!(GuessBound::new(1, 1, 0).check(None).is_err());
    // 2^128 guesses of 2^128 codes: certain, although the product does not fit.
    assert!(GuessBound::new(all, all, u128::MAX).check(None).is_err());
}

/// What a policy alone lets through: its pace, and without one a guess a microsecond.
#[test]
fn bound_of_a_policy_is_that_of_its_pace() {
    let bound = |pace| CODE.paced(pace).guess_bound();
    assert_eq!(CODE.guess_bound(), bound(Some(Limit::PACE)));
    let paced = bound(Some(Limit::PACE));
    assert_eq!(
        (paced.guesses(), paced.parts_per_billion()),
        (87_610, 87_610_000)
    );
    assert_eq!(bound(None).guesses(), 31_536_000_000_000);
    let tight = bound(Some(Limit::pace(1, TimeDelta::days(10))));
    assert_eq!((tight.guesses(), tight.parts_per_billion()), (37, 37_000));
    // Eight digits behind the pace alone come to 8.8·10⁻⁴.
    let eight = CODE.format(Format::DIGITS_8).guess_bound();
    assert_eq!(eight.parts_per_billion(), 876_100);
    assert!(eight.check(None).is_ok());
    assert!(paced.check(None).is_err());
    assert!(paced.check(Some(87_610_000)).is_ok());
    assert!(paced.check(Some(87_609_999)).is_err());
}

const PURPOSES: [Purpose; 4] = [
    Purpose::new("one"),
    Purpose::new("two"),
    Purpose::new("three"),
    Purpose::new("four"),
];

fn all_codes(budget: AccountBudget) -> AccountBudget {
    let codes = PURPOSES.map(Policy::code);
    codes.iter().fold(budget, AccountBudget::policy)
}

/// Whatever spends the account's allowance shares its guesses: four policies and an engine with two
/// codes at once get 465 guesses a year together, at the best odds among them.
#[test]
fn account_has_one_allowance_for_all() {
    let empty = AccountBudget::new(&Limit::ALLOWANCE);
    assert_eq!(empty.bound(), GuessBound::default(), "nothing to guess");
    let one = empty.policy(&Policy::code(PURPOSES[0]));
    assert_eq!(
        (one.bound().guesses(), one.bound().parts_per_billion()),
        (465, 465_000)
    );
    let four = all_codes(empty);
    assert_eq!(four.bound(), one.bound());
    let engine = |budget: AccountBudget| budget.spending(Some(&Limit::PACE), 2, 1_000_000);
    let all = engine(four).bound();
    assert_eq!((all.guesses(), all.parts_per_billion()), (465, 930_000));
    assert!(all.check(None).is_ok());
    // In whatever order, and whatever longer codes stand beside.
    let first = all_codes(engine(empty));
    assert_eq!(first.bound(), all);
    let longer = engine(four).policy(&CODE.format(Format::DIGITS_8));
    assert_eq!(longer.bound(), all);
    // A third code at once is too many.
    let wide = four.spending(None, 3, 1_000_000).bound();
    assert_eq!((wide.guesses(), wide.parts_per_billion()), (465, 1_395_000));
    assert!(wide.check(None).is_err());
}

/// The paces of what spends the allowance bound it too, all of them together.
#[test]
fn account_gets_no_more_than_its_paces_together() {
    let tight = Limit::pace(1, TimeDelta::days(10));
    let budget = AccountBudget::new(&Limit::ALLOWANCE);
    let one = budget.policy(&CODE.paced(Some(tight)));
    assert_eq!(one.bound().guesses(), 37);
    assert_eq!(one.policy(&CODE.paced(Some(tight))).bound().guesses(), 74);
    let open = one.policy(&CODE.paced(None));
    assert_eq!(
        open.bound().guesses(),
        465,
        "one without a pace has the allowance"
    );
    // A reserve comes on top of the paces too.
    let reserve = Limit::allowance(20, TimeDelta::days(30));
    assert_eq!(one.reserve(&reserve).bound().guesses(), 37 + 32);
}

/// What does not spend the allowance counts beside it, and so does a reserve.
#[test]
fn account_counts_what_is_beside_its_allowance() {
    let base = AccountBudget::new(&Limit::ALLOWANCE).policy(&CODE);
    let readable = Policy::readable(PURPOSES[0]);
    let bound = base.policy(&readable).bound();
    assert_eq!(bound, base.bound().plus(readable.guess_bound()));
    assert_eq!(bound.guesses(), 465 + 87_610);
    // 87,610 of 20⁸ codes: 3.4·10⁻⁶.
    assert_eq!(bound.parts_per_billion(), 465_000 + 3_423);
    let reckless = base.policy(&CODE.spending_allowance(false)).bound();
    assert_eq!(reckless.parts_per_billion(), 465_000 + 87_610_000);
    assert!(reckless.check(None).is_err());
    // One engine's reserve for known devices: 32 guesses more, at the best odds.
    let reserve = Limit::allowance(20, TimeDelta::days(30));
    assert_eq!(reserve.most_in_a_year(), 32);
    let budget = AccountBudget::new(&Limit::ALLOWANCE).spending(None, 2, 1_000_000);
    let bound = budget.reserve(&reserve).bound();
    assert_eq!((bound.guesses(), bound.parts_per_billion()), (497, 994_000));
    let known = GuessBound::new(5, 1, 1_000_000);
    assert_eq!(budget.beside(known).bound(), budget.bound().plus(known));
}

/// Tokens of 112 bits and more are not guessed, and count for nothing.
#[test]
fn account_counts_no_long_tokens() {
    let empty = AccountBudget::new(&Limit::ALLOWANCE);
    let long = CODE.format(Format::alphanumeric(19)).paced(None);
    let parked = PARKED.format(Format::DIGITS_6);
    for policy in [RECOVERY, LINK, BEARER, parked, PROMPT, long] {
        assert_eq!(empty.policy(&policy).bound(), GuessBound::default());
    }
    // What is parked has no token, and counts as a link by itself too.
    assert_eq!(PARKED.guess_bound().parts_per_billion(), 1);
    let short = CODE.format(Format::alphanumeric(18));
    assert_ne!(empty.policy(&short).bound(), GuessBound::default());
}

/// Not the size of a format decides whether it starts, but the bound: 9,000 PINs, or 10 codes, start
/// behind limits that are tight enough, and no other.
#[test]
fn small_format_starts_behind_tight_limits_alone() {
    const PIN: Format = Format::builder("0123456789", 4).no_leading_zero().build();
    const DIGIT: Format = Format::builder("0123456789", 1).build();
    let bound = |allowance: &Limit, policy: Policy| {
        policy.check().expect("a policy that starts");
        AccountBudget::new(allowance).policy(&policy).bound()
    };
    let pin = CODE.format(PIN);
    // 465 of 9,000 is one in twenty.
    let loose = bound(&Limit::ALLOWANCE, pin);
    assert_eq!(loose.parts_per_billion(), 51_666_667);
    assert!(loose.check(None).is_err());
    // Nine guesses a year are one in a thousand, ten are more.
    for (guesses, starts) in [(8, true), (9, false)] {
        let allowance = Limit::allowance(guesses, TimeDelta::days(365));
        let tight = bound(&allowance, pin);
        assert_eq!(tight.guesses(), u64::from(guesses) + 1);
        assert_eq!(tight.check(None).is_ok(), starts, "{tight}");
        let paced = pin.paced(Some(Limit::pace(guesses, TimeDelta::days(365))));
        assert_eq!(
            bound(&Limit::ALLOWANCE, paced),
            tight,
            "a pace does as well"
        );
    }
    // One digit does not start under any limit that this crate makes.
    let least = Limit::allowance(1, TimeDelta::days(365));
    assert!(bound(&least, CODE.format(DIGIT)).check(None).is_err());
}
