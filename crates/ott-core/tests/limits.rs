//! How often something may happen, exactly: at every clock, over years, whatever is given back.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/common.rs"]
mod common;

use std::panic::catch_unwind;

use common::{NOW, SECOND, alice, at, subject};
use ott_core::{
    Binding, Destination, Limit, LimitKey, LimitKind, LimitScope, LimitState, Overspent,
    chrono::{DateTime, TimeDelta, Utc},
};
use proptest::prelude::*;

const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn spend(limit: &Limit, state: &mut LimitState, micros: i64) -> Result<(), Overspent> {
    let before = *state;
    let answer = limit.spend(state, at(micros));
    if answer.is_err() {
        assert_eq!(*state, before, "a refusal changes nothing");
    }
    answer
}

/// The defaults are those of the guess budget.
#[test]
fn defaults_are_those_of_the_guess_budget() {
    let figures = |limit: Limit| (limit.kind(), limit.burst(), limit.period_micros());
    assert_eq!(figures(Limit::PACE), (LimitKind::Pace, 10, 6 * MINUTE));
    assert_eq!(figures(Limit::CEILING), (LimitKind::Ceiling, 100, 0));
    assert_eq!(figures(Limit::ALLOWANCE), (LimitKind::Allowance, 100, DAY));
    assert_eq!(Limit::PACE.horizon_micros(), HOUR);
    assert_eq!(Limit::CEILING.horizon_micros(), 0);
    assert_eq!(Limit::ALLOWANCE.horizon_micros(), 100 * DAY);
}

/// Exactly the burst passes, and then one a period.
#[test]
fn burst_passes_and_then_one_a_period() {
    let limits = [
        Limit::PACE,
        Limit::ALLOWANCE,
        Limit::pace(1, TimeDelta::microseconds(1)),
        Limit::pace(1, TimeDelta::days(365)),
        Limit::pace(1_000, TimeDelta::seconds(7)),
    ];
    for limit in limits {
        // At the beginning of time as well.
        for start in [0, 1_000 * SECOND, NOW] {
            let (burst, period) = (i64::from(limit.burst()), limit.period_micros());
            let mut state = LimitState::default();
            for _ in 0..burst {
                assert_eq!(spend(&limit, &mut state, start), Ok(()), "{limit:?}");
            }
            for step in 1..=20 {
                let next = start + step * period;
                let retry = Err(Overspent::RetryAt(at(next)));
                for early in [next - period, next - period / 2 - 1, next - 1] {
                    assert_eq!(spend(&limit, &mut state, early), retry, "{limit:?}");
                }
                assert_eq!(spend(&limit, &mut state, next), Ok(()), "{limit:?}");
            }
        }
    }
}

/// A million refused tries cost the owner nothing.
#[test]
fn refused_tries_cost_the_owner_nothing() {
    let mut state = LimitState::default();
    for _ in 0..10 {
        assert_eq!(spend(&Limit::PACE, &mut state, NOW), Ok(()));
    }
    for step in 0..1_000_000 {
        let time = NOW + step * 359;
        assert!(spend(&Limit::PACE, &mut state, time).is_err());
    }
    assert_eq!(spend(&Limit::PACE, &mut state, NOW + 6 * MINUTE), Ok(()));
}

/// Unused time saves up no more than the burst.
#[test]
fn unused_time_saves_no_more_than_the_burst() {
    let mut state = LimitState::default();
    assert_eq!(spend(&Limit::PACE, &mut state, NOW), Ok(()));
    let later = NOW + 3_650 * DAY;
    let passed = (0..100).filter(|_| spend(&Limit::PACE, &mut state, later).is_ok());
    assert_eq!(passed.count(), 10);
}

/// A ceiling opens by clearing and refunds alone.
#[test]
fn ceiling_opens_by_clearing_and_refunds() {
    let limit = Limit::ceiling(3);
    let mut state = LimitState::default();
    for _ in 0..3 {
        assert_eq!(spend(&limit, &mut state, NOW), Ok(()));
    }
    let never = DateTime::<Utc>::MAX_UTC.timestamp_micros();
    for time in [0, NOW, NOW + 36_500 * DAY, never] {
        assert_eq!(spend(&limit, &mut state, time), Err(Overspent::Locked));
    }
    limit.refund(&mut state, 1);
    assert_eq!(spend(&limit, &mut state, NOW), Ok(()));
    assert_eq!(spend(&limit, &mut state, NOW), Err(Overspent::Locked));
    limit.refund(&mut state, u32::MAX);
    assert_eq!(state.count, 0, "never below nothing");
    assert_eq!(spend(&limit, &mut LimitState::default(), NOW), Ok(()));
}

/// A refund gives back what was spent, and never more than the burst.
#[test]
fn refund_gives_back_at_most_the_burst() {
    for times in [1, 3, 10] {
        let mut state = LimitState::default();
        for _ in 0..10 {
            assert_eq!(spend(&Limit::PACE, &mut state, NOW), Ok(()));
        }
        Limit::PACE.refund(&mut state, times);
        for _ in 0..times {
            assert_eq!(spend(&Limit::PACE, &mut state, NOW), Ok(()));
        }
        assert!(spend(&Limit::PACE, &mut state, NOW).is_err());
    }
    let mut state = LimitState::default();
    for _ in 0..1_000 {
        Limit::PACE.refund(&mut state, u32::MAX);
        Limit::ALLOWANCE.refund(&mut state, u32::MAX);
    }
    let passed = (0..100).filter(|_| spend(&Limit::PACE, &mut state, NOW).is_ok());
    assert_eq!(passed.count(), 10);
}

/// The credit of a late refund is reached: four tries, each recovered before the next, are given back
/// with the last, and three more than the burst pass at once. One try alone gains nothing.
#[test]
fn refund_of_what_recovered_is_credit() {
    for tries in 1..=4 {
        let mut state = LimitState::default();
        let mut time = NOW;
        for _ in 1..tries {
            assert_eq!(spend(&Limit::PACE, &mut state, time), Ok(()));
            time += 6 * MINUTE;
        }
        // Somebody else spends all that there is but one, then the flow has its last try.
        for _ in 1..10 {
            assert_eq!(spend(&Limit::PACE, &mut state, time), Ok(()));
        }
        assert_eq!(spend(&Limit::PACE, &mut state, time), Ok(()));
        Limit::PACE.refund(&mut state, tries);
        let more = (0..100).filter(|_| spend(&Limit::PACE, &mut state, time).is_ok());
        assert_eq!(
            u32::try_from(more.count()),
            Ok(tries),
            "one is the flow's own"
        );
    }
}

/// Clocks that are an hour apart give at most what an hour refills more.
#[test]
fn clocks_apart_give_their_distance_more() {
    // Three machines behind one key, one an hour ahead, one an hour behind, for three days.
    for order in [[-HOUR, 0, HOUR], [HOUR, 0, -HOUR], [0, HOUR, -HOUR]] {
        let mut state = LimitState::default();
        let mut passed = 0;
        let mut forward = i64::MIN;
        for step in 0..3 * 24 * 60 {
            for skew in order {
                let time = NOW + step * MINUTE + skew;
                passed += i64::from(spend(&Limit::PACE, &mut state, time).is_ok());
                assert!(state.full_at >= forward, "its time never goes back");
                forward = state.full_at;
            }
        }
        let bound = 10 + 3 * DAY / (6 * MINUTE) + HOUR / (6 * MINUTE);
        assert!(passed <= bound, "{passed} of at most {bound}");
        assert!(passed >= bound - 20, "{passed}: nobody is locked out");
    }
}

/// One try on a machine whose clock is a day ahead is a fault for the others, which changes nothing,
/// and no lock for the rest of the day. Clearing the key is the way out.
#[test]
fn clock_that_was_ahead_is_a_fault_and_no_lock() {
    for (limit, ahead) in [(Limit::PACE, DAY), (Limit::ALLOWANCE, 200 * DAY)] {
        let mut state = LimitState::default();
        assert_eq!(spend(&limit, &mut state, NOW + ahead), Ok(()));
        for time in [NOW, NOW + 1, NOW + HOUR] {
            let answer = spend(&limit, &mut state, time);
            assert_eq!(answer, Err(Overspent::Ahead), "{limit:?}");
        }
        state = LimitState::default();
        assert_eq!(spend(&limit, &mut state, NOW), Ok(()));
    }
    // Up to a minute ahead is a clock among several: who comes too early is told when to come back.
    let furthest = NOW + Limit::PACE.horizon_micros() + 60 * SECOND;
    let at_furthest = |over| LimitState {
        full_at: furthest + over,
        ..LimitState::default()
    };
    let retry = Overspent::RetryAt(at(NOW + 60 * SECOND + Limit::PACE.period_micros()));
    assert_eq!(spend(&Limit::PACE, &mut at_furthest(0), NOW), Err(retry));
    let answer = spend(&Limit::PACE, &mut at_furthest(1), NOW);
    assert_eq!(answer, Err(Overspent::Ahead));
    // A ceiling knows no time.
    assert_eq!(spend(&Limit::CEILING, &mut at_furthest(DAY), NOW), Ok(()));
}

/// What a patient attacker gets in 365 days who tries as soon as they may, and at the last moment too.
fn simulate(limit: &Limit) -> u64 {
    let mut state = LimitState::default();
    let (mut time, end, mut passed) = (NOW, NOW + 365 * DAY, 0);
    while time <= end && passed <= limit.most_in_a_year() {
        match limit.spend(&mut state, at(time)) {
            Ok(()) => passed += 1,
            Err(Overspent::RetryAt(retry)) => {
                assert!(retry > at(time), "waiting gets somewhere");
                time = retry.timestamp_micros();
            }
            Err(Overspent::Locked) => {
                // The owner signs in daily, which clears it.
                time += DAY;
                state = LimitState::default();
            }
            Err(Overspent::Ahead) => panic!("one clock is never ahead of itself"),
        }
    }
    passed
}

/// The most in a year is what a simulation gets.
#[test]
fn most_in_a_year_is_what_a_simulation_gets() {
    assert_eq!(Limit::ALLOWANCE.most_in_a_year(), 465);
    assert_eq!(Limit::CEILING.most_in_a_year(), 36_600);
    assert_eq!(Limit::PACE.most_in_a_year(), 87_610);
    let limits = [
        Limit::ALLOWANCE,
        Limit::CEILING,
        Limit::PACE,
        Limit::pace(3, TimeDelta::days(365)),
        Limit::pace(7, TimeDelta::seconds(86_399)),
        Limit::allowance(1, TimeDelta::days(365)),
        Limit::allowance(50, TimeDelta::hours(36)),
        Limit::ceiling(1),
    ];
    for limit in limits {
        assert_eq!(simulate(&limit), limit.most_in_a_year(), "{limit:?}");
    }
}

/// Sign-ins of the owner, each given back, gain an attacker nothing.
#[test]
fn refunded_sign_ins_are_no_attackers_pump() {
    // Each sign-in spends one, and gives back only that; the attacker spends as soon as they may.
    for between in [DAY, HOUR] {
        for pause in [0, 5 * MINUTE, 10 * MINUTE - 1] {
            let mut state = LimitState::default();
            let mut guesses = 0_u64;
            let mut try_at = |state: &mut LimitState, micros| {
                while guesses <= 465 && Limit::ALLOWANCE.spend(state, at(micros)).is_ok() {
                    guesses += 1;
                }
            };
            let mut time = NOW;
            while time + pause <= NOW + 365 * DAY {
                let owner = Limit::ALLOWANCE.spend(&mut state, at(time)).is_ok();
                try_at(&mut state, time);
                if owner {
                    Limit::ALLOWANCE.refund(&mut state, 1);
                }
                try_at(&mut state, time + pause);
                time += between;
            }
            assert!(guesses <= 465, "{guesses} guesses");
            assert!(guesses >= 460, "the simulation attacks: {guesses}");
        }
    }
}

/// No time panics or opens a limit.
#[test]
fn times_of_any_kind_open_no_limit() {
    let ends = [
        DateTime::<Utc>::MIN_UTC,
        at(-1),
        at(0),
        at(i64::MAX / 2),
        DateTime::<Utc>::MAX_UTC,
    ];
    let widest = Limit::pace(100, TimeDelta::days(365));
    for limit in [Limit::PACE, Limit::ALLOWANCE, Limit::CEILING, widest] {
        for first in ends {
            for second in ends {
                let mut state = LimitState::default();
                let passed = (0..1_000).filter(|_| limit.spend(&mut state, first).is_ok());
                assert!(passed.count() <= limit.burst() as usize);
                let passed = (0..1_000).filter(|_| limit.spend(&mut state, second).is_ok());
                assert!(passed.count() <= limit.burst() as usize);
            }
        }
        for full_at in [i64::MIN, i64::MAX] {
            let count = u32::MAX;
            let mut state = LimitState { full_at, count };
            let _ = limit.spend(&mut state, at(NOW));
            limit.refund(&mut state, u32::MAX);
        }
    }
}

/// A limit that could not be kept is not made.
#[test]
fn limit_that_cannot_be_kept_is_not_made() {
    let day = TimeDelta::days(1);
    let bad: [fn() -> Limit; 8] = [
        || Limit::pace(0, TimeDelta::days(1)),
        || Limit::allowance(0, TimeDelta::days(1)),
        || Limit::ceiling(0),
        || Limit::pace(1, TimeDelta::zero()),
        || Limit::pace(1, TimeDelta::nanoseconds(999)),
        || Limit::pace(1, TimeDelta::days(-1)),
        || Limit::pace(1, TimeDelta::days(366)),
        // All of it back after 8 million years: the sums would saturate and refuse nothing.
        || Limit::pace(u32::MAX, TimeDelta::days(365)),
    ];
    for (at, make) in bad.into_iter().enumerate() {
        assert!(catch_unwind(make).is_err(), "{at}");
    }
    assert_eq!(Limit::pace(36_500, day).burst(), 36_500);
    assert!(catch_unwind(|| Limit::pace(36_501, TimeDelta::days(1))).is_err());
}

/// Each scope, name and binding has a key of its own.
#[test]
fn key_is_one_per_scope_name_and_binding() {
    let (one, other) = (alice(), subject("other", "4711"));
    let email = Destination::email("a@example.org").unwrap();
    let device = Destination::device("a@example.org").unwrap();
    let bindings = [
        Binding::tenant(""),
        Binding::tenant("acme"),
        Binding::subject(&one),
        Binding::subject(&other),
        Binding::subject(&one).destination(&email),
        Binding::subject(&one).destination(&device),
        Binding::tenant("acme").destination(&email),
        Binding::subject(&one).epoch(0),
    ];
    let scopes = [
        LimitScope::Application,
        LimitScope::Engine,
        LimitScope::Policy,
    ];
    let names = ["pace", "allowance", "policy", ""];
    let mut keys = Vec::new();
    for binding in &bindings {
        for name in names {
            keys.extend(scopes.map(|scope| LimitKey::new(scope, name, binding)));
        }
    }
    let again = LimitKey::new(LimitScope::Engine, "pace", &Binding::subject(&alice()));
    assert!(keys.contains(&again));
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 8 * 4 * 3);
}

fn pace_of(who: &Binding<'_>) -> LimitKey {
    LimitKey::new(LimitScope::Policy, "pace", who)
}

/// No other part of a binding opens a second count.
#[test]
fn account_is_all_that_limits_count_for() {
    let (one, other) = (alice(), subject("acme", "4712"));
    let [email, device] = [
        Destination::email("a@example.org").unwrap(),
        Destination::device("a@example.org").unwrap(),
    ];
    let key = |binding: Binding<'_>| binding.account().map(|who| pace_of(&who));
    // A subject is counted as that, whatever is sent where and for which operation.
    let own = Some(pace_of(&Binding::subject(&one)));
    let bound = Binding::subject(&one);
    let transfer = [("to", "ab")];
    for binding in [
        bound,
        bound.destination(&email),
        bound.destination(&device),
        bound.epoch(7),
        bound.operation(&transfer),
    ] {
        assert_eq!(key(binding), own, "{binding:?}");
        assert_eq!(binding.owner(), Some(("acme", "4711")));
    }
    // Where nobody is known yet, the destination is.
    let nobody = Binding::tenant("acme");
    let by_email = Some(pace_of(&nobody.destination(&email)));
    for binding in [
        nobody.destination(&email),
        nobody.destination(&email).epoch(7).operation(&transfer),
    ] {
        assert_eq!(key(binding), by_email, "{binding:?}");
        assert_eq!(binding.owner(), None);
    }
    assert_eq!(key(nobody.epoch(7)), None);
    let others = [
        key(Binding::subject(&other)),
        key(nobody.destination(&device)),
        key(Binding::tenant("").destination(&email)),
    ];
    for key in others {
        assert!(key.is_some() && key != own && key != by_email);
    }
}

proptest! {
    /// Whatever is tried, at whatever clock going forward: in no span do more pass than the burst
    /// and what the span gives back.
    #[test]
    fn span_passes_the_burst_and_its_refill_at_most(
        burst in 1_u32..20,
        period in 1_i64..1_000,
        steps in prop::collection::vec(0_i64..2_000, 1..200),
    ) {
        let limit = Limit::pace(burst, TimeDelta::microseconds(period));
        let mut state = LimitState::default();
        let (mut time, mut passed) = (NOW, Vec::new());
        for step in steps {
            time += step;
            if limit.spend(&mut state, at(time)).is_ok() {
                passed.push(time);
            }
        }
        for (first, start) in passed.iter().enumerate() {
            for (last, end) in passed.iter().enumerate().skip(first) {
                let most = i64::from(burst) + (end - start) / period;
                let within = i64::try_from(last - first + 1).unwrap();
                prop_assert!(within <= most, "{within} within {}", end - start);
            }
        }
    }

    /// The law of [`Limit::refund`]: whatever is spent and given back, within any span of time what
    /// was spent less what was given back is at most the burst and one more for each period in it.
    #[test]
    fn refunds_and_spends_keep_the_law(
        burst in 1_u32..12,
        period in 100_i64..1_000,
        steps in prop::collection::vec((0_i64..200, 0_u32..4), 1..150),
    ) {
        let limit = Limit::pace(burst, TimeDelta::microseconds(period));
        let mut state = LimitState::default();
        // When, and by how much the sum of what was spent went up or down.
        let (mut time, mut events, mut outstanding) = (NOW, Vec::new(), 0);
        for (step, refund) in steps {
            time += step;
            let refund = refund.min(outstanding);
            if refund > 0 {
                limit.refund(&mut state, refund);
                outstanding -= refund;
                events.push((time, -i64::from(refund)));
            } else if limit.spend(&mut state, at(time)).is_ok() {
                outstanding += 1;
                events.push((time, 1));
            }
        }
        for (first, (start, _)) in events.iter().enumerate() {
            let mut net = 0;
            for (end, change) in events.iter().skip(first) {
                net += change;
                let most = i64::from(burst) + (end - start) / period;
                prop_assert!(net <= most, "{net} within {}", end - start);
            }
        }
    }

    /// And the credit of a late refund: a flow of `n` tries that gives all of them back with its last
    /// lets others pass at most `n - 1` times more than if it had never been.
    #[test]
    fn refund_of_a_flow_gains_less_than_its_tries(
        burst in 1_u32..8,
        period in 100_i64..1_000,
        tries in 1_usize..6,
        // Of others, before, during and after the flow; a try of the flow comes where it is marked.
        steps in prop::collection::vec((0_i64..500, any::<bool>()), 1..100),
    ) {
        let limit = Limit::pace(burst, TimeDelta::microseconds(period));
        let (mut with, mut without) = (LimitState::default(), LimitState::default());
        let (mut time, mut left, mut spent, mut gained) = (NOW, tries, 0, 0_i64);
        for (step, own) in steps {
            time += step;
            if own && left > 0 {
                let passed = limit.spend(&mut with, at(time)).is_ok();
                spent += u32::from(passed);
                left -= 1;
                if left == 0 && passed {
                    limit.refund(&mut with, spent);
                }
            } else {
                gained += i64::from(limit.spend(&mut with, at(time)).is_ok());
                gained -= i64::from(limit.spend(&mut without, at(time)).is_ok());
                prop_assert!(gained < i64::try_from(tries).unwrap(), "{gained} of {tries} tries");
            }
        }
    }
}
