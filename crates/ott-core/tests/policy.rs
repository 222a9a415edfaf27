//! Policies whose parts do not fit together do not start; names that cannot be read twice only.

#[path = "support/common.rs"]
mod common;

use std::panic::catch_unwind;

use common::{BEARER, CODE, LINK, PROMPT, RECOVERY};
use ott_core::{
    Format, Limit, Lookup, Policy, PolicyFault, Purpose, SlotRule, Start, Usage, chrono::TimeDelta,
};

const WAITING: Start = Start::Waiting {
    number: true,
    binds_subject: false,
};

fn fault(policy: &Policy) -> Option<PolicyFault> {
    policy.check().err().map(|error| error.fault)
}

#[test]
fn the_ready_made_policies_start() {
    for policy in [CODE, RECOVERY, LINK, BEARER, PROMPT] {
        assert_eq!(fault(&policy), None, "{}", policy.purpose().as_str());
    }
    assert_eq!(fault(&Policy::readable(Purpose::new("one"))), None);
}

#[test]
fn strangers_make_the_owner_wait_only_where_a_code_is_short_and_never_lock_him_out() {
    let readable = Policy::readable(Purpose::new("one"));
    // Behind a first factor alone: an allowance is used up by whoever may try.
    assert_eq!(CODE.allowance(), Some(&Limit::ALLOWANCE));
    for policy in [readable, LINK, RECOVERY, BEARER, PROMPT] {
        assert_eq!(policy.allowance(), None, "{}", policy.purpose().as_str());
    }
    for policy in [CODE, readable, RECOVERY] {
        let pace = Some(&Limit::PACE);
        assert_eq!(policy.pace(), pace, "{}", policy.purpose().as_str());
    }
    // 258 bits need none: whoever waits for an approval may ask as often as it likes.
    for policy in [LINK, BEARER, PROMPT] {
        assert_eq!(policy.pace(), None, "{}", policy.purpose().as_str());
    }
}

#[test]
fn each_kind_of_token_lives_as_long_as_it_is_said_to() {
    let (minutes, hour) = (Some(TimeDelta::minutes(10)), Some(TimeDelta::hours(1)));
    let month = Some(TimeDelta::days(30));
    let lives = [
        (CODE, minutes),
        (Policy::readable(Purpose::new("one")), minutes),
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

#[test]
fn a_bearer_token_is_found_by_itself_and_starts_ready() {
    let bearer = Some(PolicyFault::Bearer);
    assert_eq!(fault(&BEARER.lookup(Lookup::BySubject)), bearer);
    assert_eq!(fault(&BEARER.lookup(Lookup::ById { attempts: 5 })), bearer);
    assert_eq!(fault(&BEARER.start(WAITING)), bearer);
    assert_eq!(BEARER.usage(), Usage::Bearer);
    assert_eq!(LINK.usage(), Usage::Once);
}

#[test]
fn a_token_that_nobody_may_try_is_refused() {
    let policy = CODE.lookup(Lookup::ById { attempts: 0 });
    assert_eq!(fault(&policy), Some(PolicyFault::NoAttempts));
    assert_eq!(fault(&CODE.lookup(Lookup::ById { attempts: 1 })), None);
}

#[test]
fn a_token_found_by_itself_has_no_limits_of_its_own() {
    let expected = Some(PolicyFault::LimitsByItself);
    for policy in [LINK, BEARER] {
        let (pace, allowance) = (Some(Limit::PACE), Some(Limit::ALLOWANCE));
        assert_eq!(fault(&policy.limits(pace, None)), expected);
        assert_eq!(fault(&policy.limits(None, allowance)), expected);
    }
}

#[test]
fn only_a_bearer_token_idles_out() {
    let day = TimeDelta::days(1);
    for policy in [CODE, RECOVERY, LINK, PROMPT] {
        assert_eq!(fault(&policy.idle(day)), Some(PolicyFault::IdleOnce));
    }
}

#[test]
fn a_lifetime_lies_between_a_microsecond_and_a_hundred_years() {
    let years = TimeDelta::days(36_600);
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
}

#[test]
fn a_short_token_finds_nothing_without_a_handle_unless_accepted_by_name() {
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
    // By id, a handle of 256 bits stands before it.
    assert_eq!(fault(&CODE.format(format)), None);
    // The guess budget holds whatever is accepted.
    let tiny = LINK.format(Format::DIGITS_6).accepting_short_tokens();
    assert!(matches!(fault(&tiny), Some(PolicyFault::GuessBound(_))));
}

#[test]
fn an_error_names_the_purpose_and_the_fault() {
    let error = CODE
        .lookup(Lookup::ById { attempts: 0 })
        .check()
        .unwrap_err();
    assert_eq!(error.purpose, "sign-in");
    let text = error.to_string();
    assert_eq!(
        text,
        "policy `sign-in`: a token that nobody may try is useless"
    );
}

#[test]
fn limits_lifetimes_and_slots_change_without_refusing_what_was_issued() {
    use common::{alice, issue_at, issuer, now, seeded};
    let owner = alice();
    let binding = ott_core::Binding::subject(&owner);
    let issued = issue_at(&issuer(), &CODE, &binding, now(), &mut seeded(1));
    let stored = issued.record.stored().clone();
    let opens = |policy: Policy| issuer().open(&policy, stored.clone()).is_ok();
    assert!(opens(CODE.lifetime(TimeDelta::hours(2))));
    assert!(opens(CODE.limits(None, None)));
    assert!(opens(CODE.slot(SlotRule::Subject)));
    assert!(opens(CODE.lookup(Lookup::ById { attempts: 3 })));
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
    let number = |number, binds_subject| Start::Waiting {
        number,
        binds_subject,
    };
    let prompt = issue_at(&issuer(), &PROMPT, &binding, now(), &mut seeded(2));
    for (start, same) in [
        (number(true, false), true),
        (number(false, false), false),
        (number(true, true), false),
    ] {
        let stored = prompt.record.stored().clone();
        let answer = issuer().open(&PROMPT.start(start), stored);
        assert_eq!(answer.is_ok(), same);
    }
}

#[test]
fn a_purpose_or_prefix_that_could_be_misread_is_refused() {
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
