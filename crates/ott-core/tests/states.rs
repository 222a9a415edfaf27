//! Every state with every verb: what it answers, what it becomes, what it counts; and when it lives.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/approval.rs"]
mod approval;
#[path = "support/common.rs"]
mod common;

use approval::{Approval, VERBS, Verb};
use common::{
    APPROVAL, BEARER, CODE, LINK, NOW, PARKED, PROMPT, RECOVERY, SECOND, alice, at, decide,
    issue_at, issue_with, issuer, now, park_at, present, refusal, seeded, subject,
};
use ott_core::{
    Binding, Destination, IssueOptions, Issuer, Lookup, Parked, Policy, Presented, Purpose, Reason,
    Record, State, Verdict,
    chrono::{DateTime, TimeDelta, Utc},
};

/// State, verb: refused why, the state afterwards, attempts counted. What is not listed is final.
const LIVING: [(State, Verb, Option<Reason>, State, u32); 22] = {
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
        (S::Waiting, V::Report, None, S::Denied, 0),
        (S::Waiting, V::ApproveAsSystem, None, S::Ready, 0),
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
        (S::Ready, V::Report, Some(Reason::NotWaiting), S::Ready, 0),
        (
            S::Ready,
            V::ApproveAsSystem,
            Some(Reason::NotWaiting),
            S::Ready,
            0,
        ),
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

/// Every living state answers every verb as the table says.
#[test]
fn states_that_live_answer_as_the_table_says() {
    for (state, verb, refused, after, counted) in LIVING {
        let mut approval = Approval::at(state);
        let attempts = approval.record.stored().attempts;
        assert_eq!(approval.say(verb), refused, "{state:?} {verb:?}");
        let stored = approval.record.stored();
        assert_eq!(stored.state, after, "{state:?} {verb:?}");
        assert_eq!(stored.attempts, attempts + counted, "{state:?} {verb:?}");
    }
}

/// A final state answers in its own name and never changes.
#[test]
fn state_that_is_final_never_changes() {
    let finals = [
        (State::Denied, Reason::Denied),
        (State::Exhausted, Reason::Exhausted),
        (State::Revoked, Reason::Revoked),
        (State::Spent, Reason::Spent),
        (State::Superseded, Reason::Superseded),
    ];
    for (state, reason) in finals {
        for verb in VERBS {
            let mut approval = Approval::at(state);
            let before = approval.record.clone();
            let answer = approval.say(verb);
            let expected = (verb != Verb::Touch).then_some(reason);
            assert_eq!(answer, expected, "{state:?} {verb:?}");
            assert!(approval.record == before, "{state:?} {verb:?}");
        }
    }
}

/// A refusal that counts nothing changes nothing.
#[test]
fn refusal_that_counts_nothing_changes_nothing() {
    for state in [State::Waiting, State::Ready] {
        for verb in VERBS {
            let mut approval = Approval::at(state);
            let before = approval.record.clone();
            let refused = approval.say(verb);
            if refused.is_some_and(|reason| reason != Reason::Mismatch)
                || verb == Verb::Authenticate
            {
                assert!(approval.record == before, "{state:?} {verb:?}");
            }
        }
    }
}

/// Only the two ends end a record.
#[test]
fn end_takes_only_the_two_ends() {
    for state in State::ALL {
        let mut approval = Approval::waiting();
        let ends = matches!(state, State::Revoked | State::Superseded);
        assert_eq!(approval.record.end(state), ends, "{state:?}");
        let after = if ends { state } else { State::Waiting };
        assert_eq!(approval.record.stored().state, after);
    }
}

/// The numbers of the states never change.
#[test]
fn numbers_of_the_states_never_change() {
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

const LIFE: i64 = 600 * SECOND;

/// A token lives from sixty seconds before its issue until it expires.
#[test]
fn life_is_from_a_minute_before_until_expiry() {
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

/// The last microsecond of a life is whole.
#[test]
fn last_microsecond_is_whole() {
    let (record, ..) = code(&CODE);
    let expiry = at(NOW + LIFE);
    let nanosecond = TimeDelta::nanoseconds(1);
    assert!(record.stored().is_live(expiry - nanosecond));
    assert!(!record.stored().is_live(expiry + nanosecond));
}

/// Every time in a record is whole microseconds.
#[test]
fn times_are_whole_microseconds() {
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

/// An approved token lives sixty seconds more, and no other does.
#[test]
fn approval_prolongs_a_life_by_a_minute() {
    let last = NOW + LIFE - 1;
    for (offset, live) in [
        (59 * SECOND, true),
        (60 * SECOND, true),
        (60 * SECOND + 1, false),
    ] {
        let mut approved = Approval::waiting();
        let answer = refusal(approved.record.decide(&approved.approval, at(last)));
        assert_eq!(answer, None);
        let answer = refusal(approved.record.redeem(&approved.right, at(last + offset)));
        assert_eq!(answer, (!live).then_some(Reason::Expired), "{offset}");
    }
    let mut late = Approval::waiting();
    let answer = refusal(late.record.decide(&late.approval, at(last + 1)));
    assert_eq!(answer, Some(Reason::Expired));
    let answer = refusal(late.record.redeem(&late.right, at(last + 1)));
    assert_eq!(answer, Some(Reason::Expired));

    for refused in [Approval::waiting().denial, Approval::waiting().report] {
        let mut ended = Approval::waiting().record.stored().clone();
        ended.decision = Some(refused.stored().clone());
        assert!(!ended.is_live(at(last + 1)), "it prolongs nothing");
    }
}

/// A bearer token that is issued as in use was used then, lives as long as any, and its later uses count. Any other is used once it is
/// redeemed, whatever was asked.
#[test]
fn token_in_use_was_used_when_it_was_issued() {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let options = |used| IssueOptions {
        used,
        ..IssueOptions::default()
    };
    let issue = |policy: &Policy, used| {
        let time = now() + TimeDelta::nanoseconds(999);
        let issued = issue_with(
            &issuer,
            policy,
            &binding,
            options(used),
            time,
            &mut seeded(3),
        );
        issued.unwrap().record
    };
    for policy in [CODE, RECOVERY, LINK, APPROVAL] {
        assert_eq!(issue(&policy, true).stored().used_at, None);
    }
    let parked = issuer.park_from_rng(&PARKED, &binding, options(true), now(), &mut seeded(3));
    assert_eq!(parked.unwrap().record.stored().used_at, None);
    assert_eq!(issue(&BEARER, false).stored().used_at, None);

    let mut record = issue(&BEARER, true);
    assert_eq!(record.stored().used_at, Some(now()));
    assert!(issuer.open(&BEARER, record.stored().clone()).is_ok());
    assert!(record.stored().is_live(at(NOW + DAY - 1)));
    assert!(!record.stored().is_live(at(NOW + DAY)));
    record.touch(now());
    assert_eq!(record.stored().used_at, Some(now()));
    record.touch(at(NOW + 1));
    assert_eq!(record.stored().used_at, Some(at(NOW + 1)));
}

const DAY: i64 = 86_400 * SECOND;

/// A bearer token idles out, and a use postpones that.
#[test]
fn bearer_idles_out_unless_it_is_used() {
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

/// What lives until revoked outlives the calendar.
#[test]
fn life_until_revoked_outlives_the_calendar() {
    let (record, ..) = code(&RECOVERY);
    assert_eq!(record.stored().expires_at, None);
    assert!(record.stored().is_live(DateTime::<Utc>::MAX_UTC));
    assert!(!record.stored().is_live(DateTime::<Utc>::MIN_UTC));
}

/// No time panics.
#[test]
fn times_of_any_kind_do_not_panic() {
    let ends = [DateTime::<Utc>::MIN_UTC, at(0), DateTime::<Utc>::MAX_UTC];
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    for issued_at in ends {
        for policy in [CODE, RECOVERY, LINK, BEARER, APPROVAL] {
            let options = IssueOptions::default();
            let rng = &mut seeded(4);
            let issued = issue_with(&issuer, &policy, &binding, options, issued_at, rng);
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
                let decider = (&owner).into();
                let decision = issuer
                    .decide(&policy, &issued.record, &decider, Verdict::Deny, b"", time)
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

/// A purge never takes what may still be redeemed.
#[test]
fn purge_takes_nothing_that_may_be_redeemed() {
    let mut approved = Approval::waiting();
    assert_eq!(approved.say(Verb::Approve), None);
    let records = [
        parked(&PARKED).0,
        parked(&PROMPT).0,
        code(&CODE).0,
        code(&RECOVERY).0,
        code(&BEARER).0,
        Approval::waiting().record,
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

/// A second read of the row tells why a verb refused.
#[test]
fn second_read_tells_why() {
    let (issuer, owner): (Issuer, _) = (issuer(), alice());
    for state in State::ALL {
        let approval = Approval::at(state);
        let stored = approval.record.stored();
        let redeem = refusal(approval.record.clone().redeem(&approval.right, now()));
        assert_eq!(stored.refusal(&approval.right, now()), redeem, "{state:?}");
        let decide = refusal(approval.record.clone().decide(&approval.denial, now()));
        assert_eq!(stored.decision_refusal(&approval.denial, now()), decide);
        // The rules are the row's own: the same answers and changes, whatever verified it.
        for verb in VERBS {
            let (mut record, mut row) = (Approval::at(state), stored.clone());
            let said = record.say(verb);
            let own = match verb {
                Verb::RedeemRight => refusal(row.redeem(&approval.right, now())),
                Verb::RedeemWrong => refusal(row.redeem(&approval.wrong, now())),
                Verb::Approve => refusal(row.decide(&approval.approval, now())),
                Verb::Deny => refusal(row.decide(&approval.denial, now())),
                Verb::Report => refusal(row.decide(&approval.report, now())),
                Verb::ApproveAsSystem => refusal(row.decide(&approval.systems, now())),
                Verb::DecideAsStranger => refusal(row.decide(&approval.strangers, now())),
                Verb::Touch => {
                    row.touch(now());
                    None
                }
                Verb::Revoke | Verb::Supersede | Verb::Authenticate => continue,
            };
            assert_eq!(own, said, "{state:?} {verb:?}");
            assert!(row == *record.record.stored(), "{state:?} {verb:?}");
        }
        let opened = issuer.open(&APPROVAL, stored.clone()).unwrap();
        assert!(
            opened == approval.record,
            "what verbs make opens: {state:?}"
        );
        assert_eq!(opened.stored().owner(), Some(owner.clone()));
    }
}

/// What is parked for the subject, and what its handle presents.
fn parked(policy: &Policy) -> (Record, Presented, Parked) {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let parked = park_at(&issuer, policy, &binding, now(), &mut seeded(5));
    let presented = issuer.present_parked(policy, &parked.handle, &binding, now());
    (parked.record.clone(), presented.expect("a digest"), parked)
}

/// What is parked and ready is taken up once by its handle, with what it carries.
#[test]
fn parked_record_is_taken_up_once() {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let options = IssueOptions {
        data: b"step two",
        ..IssueOptions::default()
    };
    let parked = issuer
        .park_from_rng(&PARKED, &binding, options, now(), &mut seeded(6))
        .unwrap();
    let mut record = parked.record;
    assert_eq!(record.stored().state, State::Ready);
    assert_eq!(record.stored().max_attempts, None);
    assert_eq!(record.stored().data, b"step two");
    let presented = issuer
        .present_parked(&PARKED, &parked.handle, &binding, now())
        .unwrap();
    assert_eq!(refusal(record.redeem(&presented, now())), None);
    assert_eq!(record.stored().state, State::Spent);
    let opened = issuer.open(&PARKED, record.stored().clone()).unwrap();
    assert_eq!(refusal(issuer.check(&opened, &binding)), None);
    let again = refusal(record.redeem(&presented, now()));
    assert_eq!(again, Some(Reason::Spent));
    assert_eq!(record.stored().attempts, 1);
}

/// What is parked and waits is pending until it is decided: a thousand polls count and change nothing.
#[test]
fn parked_record_waits_for_its_decision() {
    let owner = alice();
    let (fresh, presented, _) = parked(&PROMPT);
    let number = fresh.stored().number;
    for (verdict, answer) in [
        (Verdict::Approve { number }, None),
        (Verdict::Deny, Some(Reason::Denied)),
        (Verdict::Report, Some(Reason::Denied)),
    ] {
        let mut record = fresh.clone();
        for _ in 0..1_000 {
            let polled = refusal(record.redeem(&presented, now()));
            assert_eq!(polled, Some(Reason::Pending));
        }
        assert!(record == fresh);
        let decision = decide(&PROMPT, &record, &owner, verdict);
        assert_eq!(refusal(record.decide(&decision, now())), None);
        assert_eq!(refusal(record.redeem(&presented, now())), answer);
        let attempts = u32::from(answer.is_none());
        assert_eq!(record.stored().attempts, attempts);
    }
}

/// A handle under another purpose or for another subject finds nothing and burns nothing; under
/// another rest of the binding it finds the record, is refused, and never exhausts it.
#[test]
fn parked_record_is_found_in_its_context_alone() {
    let (issuer, owner) = (issuer(), alice());
    let (other, email) = (
        subject("acme", "4712"),
        Destination::email("a@example.org").unwrap(),
    );
    let bound = Binding::subject(&owner);
    for policy in [PARKED, PROMPT] {
        let (fresh, right, parked) = parked(&policy);
        let mut record = fresh.clone();
        let foreign = Policy::parked(Purpose::new("other")).start(policy.starting());
        for (policy, binding) in [
            (foreign, bound),
            (policy, Binding::subject(&other)),
            (policy, Binding::tenant("acme")),
            (policy, Binding::tenant("")),
        ] {
            let presented = issuer
                .present_parked(&policy, &parked.handle, &binding, now())
                .unwrap();
            assert_ne!(presented.id(), record.id());
            let answer = refusal(record.redeem(&presented, now()));
            assert_eq!(answer, Some(Reason::Unknown), "{binding:?}");
            assert!(record == fresh);
        }
        for binding in [
            bound.epoch(1),
            bound.destination(&email),
            bound.operation(&[("to", "ab")]),
        ] {
            let presented = issuer
                .present_parked(&policy, &parked.handle, &binding, now())
                .unwrap();
            assert_eq!(presented.id(), record.id());
            for _ in 0..100 {
                let answer = refusal(record.redeem(&presented, now()));
                assert_eq!(answer, Some(Reason::Mismatch), "{binding:?}");
            }
        }
        let expected = (policy == PROMPT).then_some(Reason::Pending);
        assert_eq!(refusal(record.redeem(&right, now())), expected);
    }
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
