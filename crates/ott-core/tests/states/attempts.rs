//! What is counted as an attempt, and what is not.

use ott_core::{
    Binding, Lookup, Policy, Presented, Purpose, Reason, Record, State, chrono::TimeDelta,
};

use crate::{
    approval::{Approval, Verb},
    common::{
        BEARER, CODE, RECOVERY, alice, issue_at, issuer, now, present, refusal, seeded, subject,
    },
};

/// A code's record, its right and a wrong token.
pub(crate) fn code(policy: &Policy) -> (Record, Presented, Presented) {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let mut rng = seeded(2);
    let issued = issue_at(&issuer, policy, &binding, now(), &mut rng);
    let other = issue_at(&issuer, policy, &binding, now(), &mut rng);
    let (right, wrong) = (issued.token.expose_secret(), other.token.expose_secret());
    assert_ne!(right, wrong);
    let digest = |typed| {
        let handle = &issued.handle;
        present(&issuer, policy, handle, &binding, "acme", typed, now())
            .expect("a token of this format")
    };
    let (right, wrong) = (digest(right), digest(wrong));
    (issued.record, right, wrong)
}

/// The fifth attempt is compared, and the sixth is not.
#[test]
fn attempt_five_is_compared_and_six_is_not() {
    let (mut record, right, wrong) = code(&CODE);
    for attempt in 1..=4 {
        let answer = refusal(record.redeem(&wrong, now()));
        assert_eq!(answer, Some(Reason::Mismatch));
        assert_eq!(record.stored().attempts, attempt);
    }
    let mut fifth_is_right = record.clone();
    assert_eq!(refusal(fifth_is_right.redeem(&right, now())), None);
    assert_eq!(fifth_is_right.stored().attempts, 5);

    let fifth = refusal(record.redeem(&wrong, now()));
    assert_eq!(fifth, Some(Reason::Exhausted));
    assert_eq!(record.stored().attempts, 5);
    let sixth = refusal(record.redeem(&right, now()));
    assert_eq!(sixth, Some(Reason::Exhausted));
    assert_eq!(record.stored().attempts, 5);
}

/// Pending is not counted, however often it is polled.
#[test]
fn pending_is_never_counted() {
    let mut approval = Approval::waiting();
    for _ in 0..1_000 {
        assert_eq!(approval.say(Verb::RedeemRight), Some(Reason::Pending));
    }
    assert_eq!(approval.say(Verb::Approve), None);
    assert_eq!(approval.say(Verb::RedeemRight), None);
    assert_eq!(approval.record.stored().attempts, 1);
}

/// A token of another record is unknown, and not counted.
#[test]
fn token_of_another_record_is_not_counted() {
    let (mut record, ..) = code(&CODE);
    let (_, other, _) = code(&RECOVERY);
    let answer = refusal(record.redeem(&other, now()));
    assert_eq!(answer, Some(Reason::Unknown));
    assert_eq!(record.stored().attempts, 0);
}

/// Authenticating spends nothing and counts nothing.
#[test]
fn authenticate_spends_and_counts_nothing() {
    let (record, right, _) = code(&BEARER);
    let before = record.clone();
    for _ in 0..100 {
        assert_eq!(refusal(record.authenticate(&right, now())), None);
    }
    assert!(record == before);
    // The last attempt that would exhaust is but a mismatch here.
    let (mut record, _, wrong) = code(&CODE);
    for _ in 0..4 {
        let _ = record.redeem(&wrong, now());
    }
    let answer = refusal(record.authenticate(&wrong, now()));
    assert_eq!(answer, Some(Reason::Mismatch));
    assert_eq!(record.stored().state, State::Ready);
}

/// A handle of one policy with a token, used under another purpose or for another subject, finds
/// nothing either, so that no attempt is burnt there.
#[test]
fn handle_of_another_purpose_burns_nothing() {
    let (issuer, owner) = (issuer(), alice());
    let other = subject("acme", "4712");
    let binding = Binding::subject(&owner);
    let mut issued = issue_at(&issuer, &CODE, &binding, now(), &mut seeded(7));
    let fresh = issued.record.clone();
    let elsewhere = Policy::code(Purpose::new("step-up"));
    let same_name = Policy::parked(*CODE.purpose());
    for (policy, binding) in [
        (elsewhere, binding),
        (same_name, binding),
        (CODE, Binding::subject(&other)),
        (CODE, Binding::tenant("acme")),
    ] {
        let handle = &issued.handle;
        for typed in ["000000", issued.token.expose_secret()] {
            let presented = match policy.token_lookup() {
                Lookup::Parked => issuer.present_parked(&policy, handle, &binding, now()),
                _ => issuer.present_by_handle(&policy, handle, &binding, typed, now()),
            };
            let answer = refusal(issued.record.redeem(&presented.unwrap(), now()));
            assert_eq!(answer, Some(Reason::Unknown));
            assert!(issued.record == fresh);
        }
    }
}

/// What was presented under another policy of the same purpose is refused, and counts nothing.
#[test]
fn token_under_another_policy_counts_nothing() {
    let (once, bearer) = (
        Policy::link(Purpose::new("door")),
        Policy::bearer(Purpose::new("door"), TimeDelta::hours(1)),
    );
    let owner = alice();
    let issued = issuer().issue(&once, &Binding::subject(&owner), now());
    let issued = issued.expect("a token");
    let typed = issued.token.expose_secret();
    let under = |policy: &Policy| {
        let presented = issuer().present_by_itself(policy, owner.tenant(), typed, now());
        presented.expect("of this format")
    };
    let mut record = issued.record;
    let before = record.clone();
    assert_eq!(under(&once).id(), under(&bearer).id());
    let other = under(&bearer);
    assert_eq!(refusal(record.redeem(&other, now())), Some(Reason::Policy));
    let proved = record.authenticate(&other, now());
    assert_eq!(refusal(proved), Some(Reason::Policy));
    assert!(record == before);
    assert_eq!(refusal(record.redeem(&under(&once), now())), None);
}
