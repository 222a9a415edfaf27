//! When a record lives: issue, expiry, idleness, approval, purge.

use ott_core::{
    Binding, IssueOptions, Policy, Reason, State, Verdict,
    chrono::{DateTime, TimeDelta, Utc},
};

use crate::{
    approval::{Approval, Verb},
    attempts::code,
    common::{
        APPROVAL, BEARER, CODE, LINK, NOW, PARKED, PROMPT, RECOVERY, SECOND, alice, at, issue_at,
        issue_with, issuer, now, present, refusal, seeded,
    },
    parked::parked,
};

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
