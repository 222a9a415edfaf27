//! Every state with every verb: what it answers, what it becomes, what it counts; and when it lives.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/common.rs"]
mod common;
#[path = "support/prompt.rs"]
mod prompt;

use common::{
    BEARER, CODE, LINK, NOW, PROMPT, RECOVERY, SECOND, alice, at, issue_at, issuer, now, present,
    refusal, seeded,
};
use ott_core::{
    Binding, Issuer, Policy, Presented, Reason, Record, State, Verdict,
    chrono::{DateTime, TimeDelta, Utc},
};
use prompt::{Prompt, VERBS, Verb};

/// State, verb: refused why, the state afterwards, attempts counted. What is not listed is final.
const LIVING: [(State, Verb, Option<Reason>, State, u32); 18] = {
    use {State as S, Verb as V};
    [
        (
            S::Waiting,
            V::RedeemRight,
            Some(Reason::Pending),
            S::Waiting,
            0,
        ),
        (
            S::Waiting,
            V::RedeemWrong,
            Some(Reason::Mismatch),
            S::Waiting,
            1,
        ),
        (S::Waiting, V::Approve, None, S::Ready, 0),
        (S::Waiting, V::Deny, None, S::Denied, 0),
        (
            S::Waiting,
            V::DecideAsStranger,
            Some(Reason::Stranger),
            S::Waiting,
            0,
        ),
        (S::Waiting, V::Revoke, None, S::Revoked, 0),
        (S::Waiting, V::Supersede, None, S::Superseded, 0),
        (
            S::Waiting,
            V::Authenticate,
            Some(Reason::Pending),
            S::Waiting,
            0,
        ),
        (S::Waiting, V::Touch, None, S::Waiting, 0),
        (S::Ready, V::RedeemRight, None, S::Spent, 1),
        (
            S::Ready,
            V::RedeemWrong,
            Some(Reason::Mismatch),
            S::Ready,
            1,
        ),
        (S::Ready, V::Approve, Some(Reason::NotWaiting), S::Ready, 0),
        (S::Ready, V::Deny, Some(Reason::NotWaiting), S::Ready, 0),
        (
            S::Ready,
            V::DecideAsStranger,
            Some(Reason::NotWaiting),
            S::Ready,
            0,
        ),
        (S::Ready, V::Revoke, None, S::Revoked, 0),
        (S::Ready, V::Supersede, None, S::Superseded, 0),
        (S::Ready, V::Authenticate, None, S::Ready, 0),
        (S::Ready, V::Touch, None, S::Ready, 0),
    ]
};

#[test]
fn every_living_state_answers_every_verb_as_the_table_says() {
    for (state, verb, refused, after, counted) in LIVING {
        let mut prompt = Prompt::at(state);
        let attempts = prompt.record.stored().attempts;
        assert_eq!(prompt.say(verb), refused, "{state:?} {verb:?}");
        let stored = prompt.record.stored();
        assert_eq!(stored.state, after, "{state:?} {verb:?}");
        assert_eq!(stored.attempts, attempts + counted, "{state:?} {verb:?}");
    }
}

#[test]
fn a_final_state_answers_its_name_and_never_changes() {
    let finals = [
        (State::Denied, Reason::Denied),
        (State::Exhausted, Reason::Exhausted),
        (State::Revoked, Reason::Revoked),
        (State::Spent, Reason::Spent),
        (State::Superseded, Reason::Superseded),
    ];
    for (state, reason) in finals {
        for verb in VERBS {
            let mut prompt = Prompt::at(state);
            let before = prompt.record.clone();
            let answer = prompt.say(verb);
            let expected = (verb != Verb::Touch).then_some(reason);
            assert_eq!(answer, expected, "{state:?} {verb:?}");
            assert!(prompt.record == before, "{state:?} {verb:?}");
        }
    }
}

#[test]
fn a_refusal_that_counts_nothing_changes_nothing() {
    for state in [State::Waiting, State::Ready] {
        for verb in VERBS {
            let mut prompt = Prompt::at(state);
            let before = prompt.record.clone();
            let refused = prompt.say(verb);
            if refused.is_some_and(|reason| reason != Reason::Mismatch)
                || verb == Verb::Authenticate
            {
                assert!(prompt.record == before, "{state:?} {verb:?}");
            }
        }
    }
}

#[test]
fn end_takes_only_the_two_ends() {
    for state in State::ALL {
        let mut prompt = Prompt::waiting();
        let ends = matches!(state, State::Revoked | State::Superseded);
        assert_eq!(prompt.record.end(state), ends, "{state:?}");
        let after = if ends { state } else { State::Waiting };
        assert_eq!(prompt.record.stored().state, after);
    }
}

#[test]
fn the_numbers_of_the_states_never_change() {
    let numbers: Vec<u8> = State::ALL.iter().map(|state| state.number()).collect();
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6]);
    for state in State::ALL {
        assert_eq!(State::from_number(state.number()), Some(state));
    }
    assert_eq!(State::from_number(7), None);
    let names = State::ALL.map(|state| format!("{state:?}"));
    let order = "Waiting Ready Denied Exhausted Revoked Spent Superseded";
    assert_eq!(names.join(" "), order);
}

/// A code's record, its right and a wrong token.
fn code(policy: &Policy) -> (Record, Presented, Presented) {
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

#[test]
fn the_fifth_attempt_is_compared_and_the_sixth_is_not() {
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

#[test]
fn pending_is_not_counted_however_often_it_is_polled() {
    let mut prompt = Prompt::waiting();
    for _ in 0..1_000 {
        assert_eq!(prompt.say(Verb::RedeemRight), Some(Reason::Pending));
    }
    assert_eq!(prompt.say(Verb::Approve), None);
    assert_eq!(prompt.say(Verb::RedeemRight), None);
    assert_eq!(prompt.record.stored().attempts, 1);
}

#[test]
fn another_records_token_is_unknown_and_not_counted() {
    let (mut record, ..) = code(&CODE);
    let (_, other, _) = code(&RECOVERY);
    let answer = refusal(record.redeem(&other, now()));
    assert_eq!(answer, Some(Reason::Unknown));
    assert_eq!(record.stored().attempts, 0);
}

#[test]
fn authenticate_spends_nothing_and_counts_nothing() {
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

const LIFE: i64 = 600 * SECOND;

#[test]
fn a_token_lives_from_sixty_seconds_before_its_issue_until_it_expires() {
    let table = [
        (-61 * SECOND, false),
        (-60 * SECOND - 1, false),
        (-60 * SECOND, true),
        (-60 * SECOND + 1, true),
        (-30 * SECOND, true),
        (-1, true),
        (0, true),
        (1, true),
        (LIFE - 1, true),
        (LIFE, false),
        (LIFE + 1, false),
        (LIFE + 59 * SECOND, false),
    ];
    for (offset, live) in table {
        let (mut record, right, wrong) = code(&CODE);
        let time = at(NOW + offset);
        assert_eq!(record.stored().is_live(time), live, "{offset}");
        let before = record.clone();
        let expired = Some(Reason::Expired);
        if !live {
            assert_eq!(refusal(record.redeem(&wrong, time)), expired, "{offset}");
            assert!(record == before, "a dead record counts nothing");
        }
        let answer = refusal(record.redeem(&right, time));
        assert_eq!(answer, if live { None } else { expired }, "{offset}");
    }
}

#[test]
fn the_last_microsecond_is_whole() {
    let (record, ..) = code(&CODE);
    let expiry = at(NOW + LIFE);
    let nanosecond = TimeDelta::nanoseconds(1);
    assert!(record.stored().is_live(expiry - nanosecond));
    assert!(!record.stored().is_live(expiry + nanosecond));
}

#[test]
fn every_time_in_a_record_is_whole_microseconds() {
    let policy = BEARER.lifetime(TimeDelta::nanoseconds(5_000_001_999));
    let (issuer, owner) = (issuer(), alice());
    let time = now() + TimeDelta::nanoseconds(999);
    let binding = Binding::subject(&owner);
    let mut issued = issue_at(&issuer, &policy, &binding, time, &mut seeded(3));
    let stored = issued.record.stored();
    assert_eq!(stored.issued_at, now());
    assert_eq!(stored.expires_at, Some(at(NOW + 5_000_001)));
    issued.record.touch(time);
    assert_eq!(issued.record.stored().used_at, Some(now()));
}

#[test]
fn an_approved_token_lives_sixty_seconds_more_and_no_other_does() {
    let last = NOW + LIFE - 1;
    for (offset, live) in [
        (59 * SECOND, true),
        (60 * SECOND, true),
        (60 * SECOND + 1, false),
    ] {
        let mut approved = Prompt::waiting();
        let answer = refusal(approved.record.decide(&approved.approval, at(last)));
        assert_eq!(answer, None);
        let answer = refusal(approved.record.redeem(&approved.right, at(last + offset)));
        assert_eq!(answer, (!live).then_some(Reason::Expired), "{offset}");
    }
    let mut late = Prompt::waiting();
    let answer = refusal(late.record.decide(&late.approval, at(last + 1)));
    assert_eq!(answer, Some(Reason::Expired));
    let answer = refusal(late.record.redeem(&late.right, at(last + 1)));
    assert_eq!(answer, Some(Reason::Expired));

    let mut denied = Prompt::waiting().record.stored().clone();
    denied.decision = Some(Prompt::waiting().denial);
    assert!(!denied.is_live(at(last + 1)), "a denial prolongs nothing");
}

const DAY: i64 = 86_400 * SECOND;

#[test]
fn a_bearer_token_idles_out_and_a_use_postpones_that() {
    let (mut record, right, _) = code(&BEARER);
    assert!(record.stored().is_live(at(NOW + DAY - 1)));
    assert!(!record.stored().is_live(at(NOW + DAY)));
    record.touch(at(NOW + DAY - 1));
    assert!(record.stored().is_live(at(NOW + 2 * DAY - 2)));
    assert!(!record.stored().is_live(at(NOW + 2 * DAY - 1)));

    record.touch(at(NOW));
    assert_eq!(record.stored().used_at, Some(at(NOW + DAY - 1)), "forward");
    record.touch(at(NOW + 2 * DAY - 1));
    assert_eq!(record.stored().used_at, Some(at(NOW + DAY - 1)), "idle");
    let answer = refusal(record.authenticate(&right, at(NOW + 2 * DAY - 1)));
    assert_eq!(answer, Some(Reason::Expired));

    for day in 1..40 {
        record.touch(at(NOW + (day + 1) * (DAY - 1)));
    }
    assert!(record.stored().is_live(at(NOW + 30 * DAY - 1)));
    assert!(
        !record.stored().is_live(at(NOW + 30 * DAY)),
        "no use prolongs"
    );
}

#[test]
fn what_lives_until_revoked_outlives_the_calendar() {
    let (record, ..) = code(&RECOVERY);
    assert_eq!(record.stored().expires_at, None);
    assert!(record.stored().is_live(DateTime::<Utc>::MAX_UTC));
    assert!(!record.stored().is_live(DateTime::<Utc>::MIN_UTC));
}

#[test]
fn no_time_panics() {
    let ends = [DateTime::<Utc>::MIN_UTC, at(0), DateTime::<Utc>::MAX_UTC];
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    for issued_at in ends {
        for policy in [CODE, RECOVERY, LINK, BEARER, PROMPT] {
            let extra = ott_core::Extra::default();
            let issued = issuer.issue_from_rng(&policy, &binding, extra, issued_at, &mut seeded(4));
            let Ok(mut issued) = issued else {
                assert_eq!(issued_at, DateTime::<Utc>::MAX_UTC);
                continue;
            };
            for time in ends {
                let token = issued.token.expose_secret();
                let presented = present(
                    &issuer,
                    &policy,
                    &issued.handle,
                    &binding,
                    "acme",
                    token,
                    time,
                )
                .unwrap();
                issued.record.touch(time);
                let _ = issued.record.stored().is_dead_before(time);
                let lives = issued_at == time;
                assert_eq!(
                    issued.record.stored().is_live(time),
                    lives || policy == RECOVERY && time > issued_at
                );
                let decision = issuer
                    .decide(&issued.record, &owner, Verdict::Deny, b"", time)
                    .unwrap();
                let _ = issued.record.clone().decide(&decision, time);
                let _ = issued.record.clone().redeem(&presented, time);
            }
        }
    }
    // A record whose numbers an enemy chose.
    let mut stored = code(&BEARER).0.stored().clone();
    stored.idle_micros = Some(i64::MAX);
    stored.attempts = u32::MAX;
    stored.used_at = Some(DateTime::<Utc>::MAX_UTC);
    stored.expires_at = Some(DateTime::<Utc>::MAX_UTC);
    for time in ends {
        let _ = (stored.is_live(time), stored.is_dead_before(time));
        let _ = stored.refusal(&code(&BEARER).1, time);
    }
}

#[test]
fn a_purge_never_takes_what_may_still_be_redeemed() {
    let mut approved = Prompt::waiting();
    assert_eq!(approved.say(Verb::Approve), None);
    let records = [
        code(&CODE).0,
        code(&RECOVERY).0,
        code(&BEARER).0,
        Prompt::waiting().record,
        approved.record,
    ];
    let edges = [LIFE, LIFE + 60 * SECOND, DAY, DAY + 60 * SECOND, 30 * DAY];
    for record in records {
        for edge in edges {
            for before in [edge - 1, edge, edge + 1] {
                let stored = record.stored();
                let dead = stored.is_dead_before(at(NOW + before));
                for later in [before, before + 1, before + 30 * DAY] {
                    assert!(
                        !dead || !stored.is_live(at(NOW + later)),
                        "{} {before} {later}",
                        stored.purpose
                    );
                }
            }
        }
    }
    // And takes what is over in the end.
    assert!(
        code(&CODE)
            .0
            .stored()
            .is_dead_before(at(NOW + LIFE + 60 * SECOND))
    );
    let mut revoked = code(&RECOVERY).0;
    assert!(!revoked.stored().is_dead_before(DateTime::<Utc>::MAX_UTC));
    revoked.end(State::Revoked);
    assert!(revoked.stored().is_dead_before(at(NOW + 1)));
    assert!(!revoked.stored().is_dead_before(at(NOW)));
}

#[test]
fn a_second_read_tells_why() {
    let (issuer, owner): (Issuer, _) = (issuer(), alice());
    for state in State::ALL {
        let prompt = Prompt::at(state);
        let stored = prompt.record.stored();
        let redeem = refusal(prompt.record.clone().redeem(&prompt.right, now()));
        assert_eq!(stored.refusal(&prompt.right, now()), redeem, "{state:?}");
        let decide = refusal(prompt.record.clone().decide(&prompt.denial, now()));
        assert_eq!(stored.decision_refusal(&prompt.denial, now()), decide);
        let opened = issuer.open(&PROMPT, stored.clone()).unwrap();
        assert!(opened == prompt.record, "what verbs make opens: {state:?}");
        assert_eq!(opened.stored().owner(), Some(owner.clone()));
    }
}
