//! Policies whose parts do not fit together do not start; names that cannot be read twice only.

#[path = "support/common.rs"]
mod common;

use std::panic::catch_unwind;

use common::{
    APPROVAL, BEARER, CODE, LINK, PARKED, PROMPT, RECOVERY, alice, issue_at, issue_with, issuer,
    now, park_at, seeded, waiting,
};
use ott_core::{
    Binding, Format, IssueError, IssueOptions, Limit, Lookup, Matching, Policy, PolicyFault,
    Purpose, SlotRule, Start, Usage, chrono::TimeDelta,
};

const WAITING: Start = waiting(Matching::TwoDigits, false);

fn fault(policy: &Policy) -> Option<PolicyFault> {
    policy.check().err().map(|error| error.fault)
}

/// The ready-made policies start, and so do those of these tests.
#[test]
fn policies_that_are_ready_made_start() {
    for policy in [CODE, RECOVERY, LINK, BEARER, PARKED, PROMPT, APPROVAL] {
        assert_eq!(fault(&policy), None, "{}", policy.purpose().as_str());
    }
    assert_eq!(fault(&Policy::readable(Purpose::new("one"))), None);
}

/// What was presented knows the policy that it was presented under, by whatever decides what a proof means: a lifetime does not.
#[test]
fn presented_token_is_under_its_own_policy() {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let issued = issue_at(&issuer, &CODE, &binding, now(), &mut seeded(1));
    let typed = issued.token.expose_secret();
    let presented = issuer.present_by_handle(&CODE, &issued.handle, &binding, typed, now());
    let presented = presented.expect("what was issued");
    assert!(presented.is_under(&CODE));
    assert!(presented.is_under(&CODE.lifetime(TimeDelta::minutes(1))));
    for other in [LINK, CODE.lookup(Lookup::BySubject), CODE.start(WAITING)] {
        assert!(!presented.is_under(&other), "{}", other.purpose().as_str());
    }
}

/// Strangers make the owner wait only where a code is short, and never lock them out: the allowance
/// is spent behind a first factor alone.
#[test]
fn limits_of_each_kind_are_those_it_needs() {
    let readable = Policy::readable(Purpose::new("one"));
    // Behind a first factor alone: an allowance is used up by whoever may try.
    assert!(CODE.spends_allowance());
    for policy in [readable, LINK, RECOVERY, BEARER, PARKED, PROMPT] {
        assert!(!policy.spends_allowance(), "{}", policy.purpose().as_str());
        assert!(policy.spending_allowance(true).spends_allowance());
    }
    assert!(!CODE.spending_allowance(false).spends_allowance());
    for policy in [CODE, readable, RECOVERY] {
        let pace = Some(&Limit::PACE);
        assert_eq!(policy.pace(), pace, "{}", policy.purpose().as_str());
    }
    // 258 bits need none: whoever waits for an approval may ask as often as it likes.
    for policy in [LINK, BEARER, PARKED, PROMPT] {
        assert_eq!(policy.pace(), None, "{}", policy.purpose().as_str());
    }
    // What is sent to somebody has a pace of its own.
    for policy in [CODE, readable, LINK] {
        let requests = Some(&Limit::REQUESTS);
        assert_eq!(policy.request_pace(), requests);
        assert_eq!(policy.requests(None).request_pace(), None);
    }
    for policy in [RECOVERY, BEARER, PARKED, PROMPT] {
        assert_eq!(policy.request_pace(), None);
    }
}

/// Each kind of token lives as long as it is said to.
#[test]
fn lifetimes_are_those_that_are_told() {
    let (minutes, hour) = (Some(TimeDelta::minutes(10)), Some(TimeDelta::hours(1)));
    let month = Some(TimeDelta::days(30));
    let lives = [
        (CODE, minutes),
        (Policy::readable(Purpose::new("one")), minutes),
        (PARKED, minutes),
        (PROMPT, minutes),
        (LINK, hour),
        (BEARER, month),
        (RECOVERY, None),
    ];
    for (policy, life) in lives {
        let name = policy.purpose().as_str();
        assert_eq!(policy.token_lifetime(), life, "{name}");
        assert_eq!(policy.until_revoked().token_lifetime(), None, "{name}");
        let day = TimeDelta::days(1);
        assert_eq!(policy.lifetime(day).token_lifetime(), Some(day), "{name}");
    }
}

/// A bearer token is found by itself and starts ready.
#[test]
fn bearer_is_found_by_itself_and_starts_ready() {
    let bearer = Some(PolicyFault::Bearer);
    assert_eq!(fault(&BEARER.lookup(Lookup::BySubject)), bearer);
    assert_eq!(
        fault(&BEARER.lookup(Lookup::ByHandle { attempts: 5 })),
        bearer
    );
    assert_eq!(fault(&BEARER.start(WAITING)), bearer);
    assert_eq!(BEARER.usage(), Usage::Bearer);
    assert_eq!(LINK.usage(), Usage::Once);
}

/// A token that nobody may try is refused.
#[test]
fn attempts_of_none_are_refused() {
    let policy = CODE.lookup(Lookup::ByHandle { attempts: 0 });
    assert_eq!(fault(&policy), Some(PolicyFault::NoAttempts));
    assert_eq!(fault(&CODE.lookup(Lookup::ByHandle { attempts: 1 })), None);
}

/// A token that is found by itself, and what is parked, have no limits of redeems.
#[test]
fn lookup_without_an_account_has_no_limits() {
    let (by_itself, parked) = (PolicyFault::LimitsByItself, PolicyFault::LimitsParked);
    for (policy, expected) in [
        (LINK, by_itself),
        (BEARER, by_itself),
        (PARKED, parked),
        (PROMPT, parked),
    ] {
        assert_eq!(fault(&policy.paced(Some(Limit::PACE))), Some(expected));
        assert_eq!(fault(&policy.spending_allowance(true)), Some(expected));
        // How often something is issued to an account is another matter.
        assert_eq!(fault(&policy.requests(Some(Limit::REQUESTS))), None);
    }
}

/// A ceiling or an allowance is no pace: neither for redeems nor for requests.
#[test]
fn pace_is_no_ceiling_and_no_allowance() {
    for limit in [Limit::CEILING, Limit::ALLOWANCE, Limit::ceiling(1)] {
        let expected = Some(PolicyFault::NoPace);
        assert_eq!(fault(&CODE.paced(Some(limit))), expected, "{limit:?}");
        assert_eq!(fault(&CODE.requests(Some(limit))), expected, "{limit:?}");
        assert_eq!(fault(&LINK.requests(Some(limit))), expected, "{limit:?}");
    }
}

/// A bearer token does not wait, and what is parked is taken up once.
#[test]
fn parked_is_no_bearer() {
    let policy = BEARER.lookup(Lookup::Parked);
    assert_eq!(fault(&policy), Some(PolicyFault::Bearer));
    assert_eq!(PARKED.usage(), Usage::Once);
    assert_eq!(PARKED.starting(), Start::Ready);
    assert_eq!(PROMPT.starting(), WAITING);
    assert_eq!(PROMPT.token_lookup(), Lookup::Parked);
}

/// A policy whose parts do not fit together issues and parks nothing.
#[test]
fn issue_asks_the_policy_first() {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let options = IssueOptions::default();
    let ceiling = Some(Limit::CEILING);
    for policy in [
        CODE.lookup(Lookup::ByHandle { attempts: 0 }),
        CODE.paced(ceiling),
        CODE.lifetime(TimeDelta::zero()),
        LINK.format(Format::DIGITS_6),
        LINK.idle(TimeDelta::days(1)),
        BEARER.start(WAITING),
        PARKED.paced(Some(Limit::PACE)),
        PARKED.requests(ceiling),
    ] {
        let expected = IssueError::Policy(policy.check().unwrap_err());
        let rng = &mut seeded(4);
        let issued = issue_with(&issuer, &policy, &binding, options, now(), rng);
        assert_eq!(issued.err(), Some(expected));
        let parked = issuer.park_from_rng(&policy, &binding, options, now(), rng);
        assert_eq!(parked.err(), Some(expected));
        let texts = ["314159"];
        let given = issuer.issue_given_from_rng(&policy, &binding, &texts, options, now(), rng);
        assert_eq!(given.err(), Some(expected));
    }
}

/// What has a token is issued, and what has none is parked: the other verb makes nothing.
#[test]
fn issue_and_park_are_each_for_their_own() {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let options = IssueOptions::default();
    let rng = &mut seeded(5);
    for policy in [CODE, RECOVERY, LINK, BEARER, APPROVAL] {
        let parked = issuer.park_from_rng(&policy, &binding, options, now(), rng);
        assert_eq!(parked.err(), Some(IssueError::Verb));
    }
    for policy in [PARKED, PROMPT] {
        let issued = issue_with(&issuer, &policy, &binding, options, now(), rng);
        assert_eq!(issued.err(), Some(IssueError::Verb));
        let text = "A".repeat(43);
        let texts = [text.as_str()];
        let given = issuer.issue_given_from_rng(&policy, &binding, &texts, options, now(), rng);
        assert_eq!(given.err(), Some(IssueError::Verb));
    }
}

/// Only a bearer token idles out.
#[test]
fn idle_time_is_a_bearers_alone() {
    let day = TimeDelta::days(1);
    for policy in [CODE, RECOVERY, LINK, PARKED, PROMPT] {
        assert_eq!(fault(&policy.idle(day)), Some(PolicyFault::IdleOnce));
    }
}

/// A lifetime, idle time or horizon is at most a hundred years, and the first two at least a microsecond.
#[test]
fn lifetime_and_idle_time_are_bounded() {
    let years = TimeDelta::days(36_500);
    let microsecond = TimeDelta::microseconds(1);
    let table = [
        (TimeDelta::MIN, false),
        (TimeDelta::seconds(-1), false),
        (TimeDelta::zero(), false),
        (TimeDelta::nanoseconds(999), false),
        (microsecond, true),
        (years, true),
        (years + microsecond, false),
        (TimeDelta::MAX, false),
    ];
    for (span, fits) in table {
        let expected = (!fits).then_some(PolicyFault::Lifetime);
        assert_eq!(fault(&BEARER.lifetime(span)), expected, "{span}");
        assert_eq!(fault(&BEARER.idle(span)), expected, "{span}");
    }
    assert_eq!(fault(&LINK.until_revoked()), None);
    for (horizon, fits) in [
        (TimeDelta::zero(), true),
        (TimeDelta::days(30), true),
        (years, true),
        (years + microsecond, false),
        (TimeDelta::MAX, false),
    ] {
        let expected = (!fits).then_some(PolicyFault::Lifetime);
        assert_eq!(fault(&CODE.horizon(horizon)), expected, "{horizon}");
    }
}

/// A short token finds nothing without a handle, unless it is accepted by name.
#[test]
fn short_token_needs_a_handle_or_acceptance() {
    let short = Some(PolicyFault::ShortToken);
    let found = [LINK, RECOVERY, BEARER];
    for (symbols, accepted) in [(18, false), (19, true), (43, true)] {
        let format = Format::alphanumeric(symbols);
        assert_eq!(format.entropy_bits() >= 112, accepted);
        for policy in found {
            let answer = fault(&policy.format(format));
            assert_eq!(answer, if accepted { None } else { short }, "{symbols}");
        }
    }
    let format = Format::alphanumeric(12);
    for policy in found {
        let policy = policy.format(format);
        assert_eq!(fault(&policy), short);
        assert_eq!(fault(&policy.accepting_short_tokens()), None);
    }
    // A handle of 256 bits stands before it.
    assert_eq!(fault(&CODE.format(format)), None);
    assert_eq!(fault(&PARKED.format(Format::DIGITS_6)), None);
}

/// An error names the purpose and the fault.
#[test]
fn error_names_the_purpose_and_the_fault() {
    let error = CODE
        .lookup(Lookup::ByHandle { attempts: 0 })
        .check()
        .unwrap_err();
    assert_eq!(error.purpose, "sign-in");
    let text = error.to_string();
    assert_eq!(
        text,
        "policy `sign-in`: a token that nobody may try is useless"
    );
}

/// Limits, lifetimes, formats and slots change without refusing what was issued; what a proof means does not.
#[test]
fn fingerprint_covers_the_meaning_of_a_proof() {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let issued = issue_at(&issuer(), &CODE, &binding, now(), &mut seeded(1));
    let stored = issued.record.stored().clone();
    let opens = |policy: Policy| issuer().open(&policy, stored.clone()).is_ok();
    assert!(opens(CODE.lifetime(TimeDelta::hours(2))));
    assert!(opens(
        CODE.paced(None).spending_allowance(false).requests(None)
    ));
    assert!(opens(CODE.horizon(TimeDelta::days(1))));
    assert!(opens(CODE.slot(SlotRule::Subject)));
    assert!(opens(CODE.lookup(Lookup::ByHandle { attempts: 3 })));
    assert!(opens(CODE.format(Format::DIGITS_8)));
    // What a proof means does not.
    assert!(!opens(CODE.lookup(Lookup::ByItself)));
    assert!(!opens(CODE.start(WAITING)));
    let purpose = Purpose::new("sign-in");
    assert!(!opens(Policy::bearer(purpose, TimeDelta::days(1))));
    // A link and a bearer token of one purpose differ in their usage alone.
    let link = issue_at(&issuer(), &LINK, &binding, now(), &mut seeded(3));
    let reused = Policy::bearer(*LINK.purpose(), TimeDelta::hours(1));
    let answer = issuer().open(&reused, link.record.stored().clone());
    assert!(answer.is_err(), "what works once does not work for ever");
    let prompt = park_at(&issuer(), &PROMPT, &binding, now(), &mut seeded(2));
    for (start, same) in [
        (waiting(Matching::TwoDigits, false), true),
        (waiting(Matching::SixDigits, false), false),
        (waiting(Matching::Nothing, false), false),
        (waiting(Matching::TwoDigits, true), false),
        (Start::Ready, false),
    ] {
        let stored = prompt.record.stored().clone();
        let answer = issuer().open(&PROMPT.start(start), stored);
        assert_eq!(answer.is_ok(), same);
    }
}

/// A purpose or prefix that could be misread is refused.
#[test]
fn purpose_or_prefix_misread_is_refused() {
    let long = "a".repeat(65).leak();
    for bad in [
        "",
        "Sign-in",
        "sign in",
        "sign_in",
        "sign-in\0",
        "é",
        &*long,
    ] {
        assert!(catch_unwind(|| Purpose::new(bad)).is_err(), "{bad:?}");
    }
    assert_eq!(Purpose::new(&long[1..]).as_str().len(), 64);
    let long = "a".repeat(33).leak();
    for bad in ["", "a-", "a ", "é", "a\0", &*long] {
        let made = catch_unwind(|| Format::LINK.prefixed(bad));
        assert!(made.is_err(), "{bad:?}");
    }
    assert!(catch_unwind(|| Format::alphanumeric(0)).is_err());
}
