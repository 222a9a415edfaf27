//! Key rings: what they refuse to read, how keys are rotated, and what a retired or lost one is
//! still good for.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/common.rs"]
mod common;

use common::{
    APPROVAL, BEARER, CODE, KEY, LINK, NOW, OTHER_KEY, PARKED, PROMPT, RECOVERY, SECOND, Scripted,
    alice, at, issue_at, issue_with, now, park_at, present, refusal, ring, seeded,
};
use ott_core::{
    Binding, Decider, Destination, IssueError, IssueOptions, Issued, Issuer, KeyId, KeyRing,
    KeyRingError, MAX_DATA, Policy, Purpose, Reason, SlotRule, Verdict,
    chrono::{DateTime, TimeDelta, Utc},
};

/// A malformed ring is refused by its line, and its text is never repeated.
#[test]
fn ring_malformed_is_refused_by_line() {
    let k = KEY;
    let malformed = |line| KeyRingError::Malformed { line };
    let table = [
        (String::new(), KeyRingError::Empty),
        ("# only\n\n  \n".into(), KeyRingError::Empty),
        (k.into(), malformed(1)),
        (format!("1{k}"), malformed(1)),
        (format!("x {k}"), malformed(1)),
        (format!("+1 {k}"), malformed(1)),
        (format!("-1 {k}"), malformed(1)),
        (format!("4294967296 {k}"), malformed(1)),
        (format!("\u{661} {k}"), malformed(1)),
        (format!("1 {}", k.to_uppercase()), malformed(1)),
        (format!("1 {}", &k[..63]), malformed(1)),
        (format!("1 {k}0"), malformed(1)),
        (format!("1 {k}00"), malformed(1)),
        (format!("1 {}g", &k[..63]), malformed(1)),
        (format!("1 {}\u{e9}", &k[..62]), malformed(1)),
        (format!("1 {k} retired"), malformed(1)),
        (format!("1 {k} retired yesterday"), malformed(1)),
        (format!("1 {k} Retired 2026-01-01T00:00:00Z"), malformed(1)),
        (format!("1 {k} 2026-01-01T00:00:00Z"), malformed(1)),
        (
            format!("1 {k} retired 2026-01-01T00:00:00Z x"),
            malformed(1),
        ),
        (format!("1 {k}\n\n# note\n2 {k}x"), malformed(4)),
        (format!("1 {k}\n2 {k}"), KeyRingError::Twice { line: 2 }),
        (
            format!("1 {k}\n1 {OTHER_KEY}"),
            KeyRingError::Twice { line: 2 },
        ),
        (
            format!("1 {k}\n01 {OTHER_KEY}"),
            KeyRingError::Twice { line: 2 },
        ),
        (
            format!("1 {}", "00".repeat(32)),
            KeyRingError::Placeholder { line: 1 },
        ),
        (
            format!("1 {}", "ff".repeat(32)),
            KeyRingError::Placeholder { line: 1 },
        ),
        (
            format!("1 {k} retired 2026-01-01T00:00:00Z\n2 {OTHER_KEY}"),
            KeyRingError::FirstRetired,
        ),
    ];
    for (text, error) in table {
        let answer = KeyRing::from_text(&text).map(|_| ()).unwrap_err();
        assert_eq!(answer, error, "{text}");
        let said = format!("{answer} {answer:?}");
        for piece in text.split_whitespace().filter(|word| word.len() > 8) {
            assert!(!said.contains(piece), "{said}");
        }
    }
}

/// A ring reads comments, blank lines and retired keys.
#[test]
fn ring_reads_comments_blanks_and_retired() {
    let text = format!(
        "\n# first\n 4294967295 \t{KEY} \r\n0 {OTHER_KEY} retired 2026-01-01T01:00:00+01:00\n"
    );
    let ring = KeyRing::from_text(&text).unwrap();
    let ids: Vec<KeyId> = ring.ids().collect();
    assert_eq!(ids, [KeyId(u32::MAX), KeyId(0)]);
    assert_eq!(ring.sealing().map(|(id, _)| id), Some(KeyId(u32::MAX)));
    assert!(ring.opening(KeyId(0)).is_some(), "retired keys open");
    assert!(ring.opening(KeyId(1)).is_none());
    assert_ne!(ring.opening(KeyId(0)), ring.opening(KeyId(u32::MAX)));
}

/// A new line is read back, and a failing source makes none.
#[test]
fn new_line_is_read_back() {
    let mut source = Scripted::new(0..32);
    let line = KeyRing::try_new_line_from_rng(KeyId(u32::MAX), &mut source).unwrap();
    assert_eq!(*line, format!("4294967295 {KEY}\n"));
    assert!(KeyRing::from_text(&line).is_ok());
    let mut short = Scripted::new(0..31);
    assert!(KeyRing::try_new_line_from_rng(KeyId(1), &mut short).is_err());
}

/// Each generated ring has a key of its own.
#[cfg(feature = "std")]
#[test]
fn generated_rings_have_keys_of_their_own() {
    let (one, two) = (KeyRing::generate().unwrap(), KeyRing::generate().unwrap());
    assert_ne!(one.sealing(), two.sealing());
    // A clone is the same ring, and not a second copy of the keys.
    let (_, seal) = one.sealing().unwrap();
    let shared = one.clone();
    let (_, cloned) = shared.sealing().unwrap();
    assert!(core::ptr::eq(seal, cloned));
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

/// Issues under one issuer, redeems and opens under another.
fn cross(
    made_by: &Issuer,
    read_by: &Issuer,
    policy: &Policy,
    issued_at: DateTime<Utc>,
    read_at: DateTime<Utc>,
) -> (Option<Reason>, u32) {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let mut issued = issue_at(made_by, policy, &binding, issued_at, &mut seeded(1));
    let presented = presented(read_by, policy, &issued, &binding, read_at);
    let answer = issued
        .record
        .redeem(&presented, read_at)
        .and_then(|()| read_by.open(policy, issued.record.stored().clone()))
        .and_then(|record| read_by.check(&record, &binding));
    (refusal(answer), issued.record.stored().attempts)
}

fn presented(
    issuer: &Issuer,
    policy: &Policy,
    issued: &Issued,
    binding: &Binding<'_>,
    time: DateTime<Utc>,
) -> ott_core::Presented {
    let token = issued.token.expose_secret();
    present(issuer, policy, &issued.handle, binding, "acme", token, time)
        .expect("a token of this format")
}

/// A key that the ring lacks is missing, and nothing is counted.
#[test]
fn missing_key_counts_nothing() {
    let one = Issuer::new(ring(&[&format!("1 {KEY}")]));
    let two = Issuer::new(ring(&[&format!("2 {OTHER_KEY}")]));
    for policy in [CODE, RECOVERY, LINK] {
        let answer = cross(&one, &two, &policy, now(), now());
        assert_eq!(answer, (Some(Reason::KeyMissing), 0));
    }
    let owner = alice();
    let issued = issue_at(
        &one,
        &CODE,
        &Binding::subject(&owner),
        now(),
        &mut seeded(2),
    );
    let stored = issued.record.stored().clone();
    assert_eq!(refusal(two.open(&CODE, stored)), Some(Reason::KeyMissing));
    let answer = refusal(two.check(&issued.record, &Binding::subject(&owner)));
    assert_eq!(answer, Some(Reason::KeyMissing));
    // The same id with another key is no outage: it is a wrong guess, and a wrong tag.
    let same = Issuer::new(ring(&[&format!("1 {OTHER_KEY}")]));
    let answer = cross(&one, &same, &CODE, now(), now());
    assert_eq!(answer, (Some(Reason::Mismatch), 1));
    let stored = issued.record.stored().clone();
    assert_eq!(refusal(same.open(&CODE, stored)), Some(Reason::TagForged));
    // The same key under another id is another key.
    let renamed = Issuer::new(ring(&[&format!("3 {KEY}")]));
    let answer = cross(&one, &renamed, &CODE, now(), now());
    assert_eq!(answer, (Some(Reason::KeyMissing), 0));
}

/// A rotation refuses nothing at any of its steps.
#[test]
fn rotation_refuses_nothing_at_any_step() {
    let (old, new) = (format!("1 {KEY}"), format!("2 {OTHER_KEY}"));
    let retired = format!("{old} retired 2026-01-02T04:00:00Z");
    let steps = [
        vec![old.as_str()],
        vec![old.as_str(), new.as_str()],
        vec![new.as_str(), old.as_str()],
        vec![new.as_str(), retired.as_str()],
    ];
    // Two machines are never more than a step apart.
    for pair in steps.windows(2) {
        let [one, two] = [&pair[0], &pair[1]].map(|lines| Issuer::new(ring(lines)));
        for policy in [CODE, RECOVERY, LINK] {
            assert_eq!(cross(&one, &two, &policy, now(), now()).0, None);
            assert_eq!(cross(&two, &one, &policy, now(), now()).0, None);
        }
    }
    let made_by = |lines: &[&str]| {
        let issuer = Issuer::new(ring(lines));
        let issued = issue_at(
            &issuer,
            &CODE,
            &Binding::subject(&alice()),
            now(),
            &mut seeded(3),
        );
        issued.record.stored().key
    };
    let keys = steps.map(|lines| made_by(&lines));
    assert_eq!(keys, [KeyId(1), KeyId(1), KeyId(2), KeyId(2)]);
}

/// A retired key is good for what it made before it retired.
#[test]
fn retired_key_is_good_for_what_it_made() {
    let old = Issuer::new(ring(&[&format!("1 {KEY}")]));
    let line = format!("1 {KEY} retired 2026-01-02T03:04:05.678901Z");
    let new = Issuer::new(ring(&[&format!("2 {OTHER_KEY}"), &line]));
    for policy in [CODE, RECOVERY, LINK] {
        let before = at(NOW - 1);
        assert_eq!(cross(&old, &new, &policy, before, now()).0, None);
        // The digest is right, so the store spends it; but it does not open.
        for made in [NOW, NOW + 1, NOW + SECOND] {
            let answer = cross(&old, &new, &policy, at(made), at(made)).0;
            assert_eq!(answer, Some(Reason::KeyRetired));
        }
    }
}

/// A retired key mints nothing after its horizon.
#[test]
fn retired_key_mints_nothing_after_its_horizon() {
    // Whoever stole the old key and writes to the store backdates a token and gives it a long life.
    let old = Issuer::new(ring(&[&format!("1 {KEY}")]));
    let line = format!("1 {KEY} retired 2026-01-02T03:04:05.678901Z");
    let new = Issuer::new(ring(&[&format!("2 {OTHER_KEY}"), &line]));
    const SESSION: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(30));
    let forever = |policy: Policy| policy.lifetime(TimeDelta::days(36_500));
    let owner = alice();
    let binding = Binding::subject(&owner);
    for (policy, life) in [
        (CODE, 600),
        (LINK, 3_600),
        (APPROVAL, 600),
        (SESSION, 30 * 86_400),
        // Shortened after it was issued for a day, and told so; told less, its lifetime counts.
        (CODE.horizon(TimeDelta::days(1)), 86_400),
        (LINK.horizon(TimeDelta::minutes(1)), 3_600),
    ] {
        let forged = issue_at(
            &old,
            &forever(policy),
            &binding,
            at(NOW - 1),
            &mut seeded(4),
        );
        let horizon = NOW + (life + 120) * SECOND;
        for (micros, keys) in [
            (horizon - 1, 2),
            (horizon, 1),
            (horizon + 1, 1),
            (horizon * 2, 1),
        ] {
            let presented = presented(&new, &policy, &forged, &binding, at(micros));
            assert_eq!(presented.digests().len(), keys, "{micros}");
        }
        let presented = presented(&new, &policy, &forged, &binding, at(horizon));
        let before = forged.record.clone();
        let mut record = forged.record;
        // The ring has the key, so that it is no outage; and nothing is counted.
        let answer = refusal(record.redeem(&presented, at(horizon)));
        assert_eq!(answer, Some(Reason::KeyRetired));
        assert!(record == before);
    }
    let parked = park_at(
        &old,
        &forever(PARKED),
        &binding,
        at(NOW - 1),
        &mut seeded(4),
    );
    for (micros, keys) in [(600 + 120, 1), (600 + 119, 2)] {
        let late = at(NOW + micros * SECOND);
        let presented = new
            .present_parked(&PARKED, &parked.handle, &binding, late)
            .unwrap();
        assert_eq!(presented.digests().len(), keys);
        let answer = refusal(parked.record.clone().redeem(&presented, late));
        let retired = (keys == 1).then_some(Reason::KeyRetired);
        assert_eq!(answer, retired);
    }
    // What never expires is good until the key is dropped.
    let saved = issue_at(&old, &RECOVERY, &binding, at(NOW - 1), &mut seeded(5));
    let late = presented(&new, &RECOVERY, &saved, &binding, at(NOW * 2));
    assert_eq!(late.digests().len(), 2);
}

/// A lifetime that is shortened during a rotation signs nobody out, as long as the policy names the
/// old one as its horizon. Where it does not, the answer is that the key is retired: the ring has it.
#[test]
fn lifetime_shortened_in_a_rotation_needs_a_horizon() {
    const SESSION: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(30));
    let short = SESSION.lifetime(TimeDelta::days(1));
    let kept = short.horizon(TimeDelta::days(30));
    let old = Issuer::new(ring(&[&format!("1 {KEY}")]));
    let line = format!("1 {KEY} retired 2026-01-02T03:04:05.678901Z");
    let new = Issuer::new(ring(&[&format!("2 {OTHER_KEY}"), &line]));
    let owner = alice();
    let binding = Binding::subject(&owner);
    let issued = issue_at(&old, &SESSION, &binding, at(NOW - 1), &mut seeded(8));
    let day = 86_400;
    for seconds in [0, day - 1, day + 119, day + 120, 7 * day, 30 * day - 1] {
        let time = at(NOW + seconds * SECOND);
        let answer = |policy: &Policy| {
            let presented = presented(&new, policy, &issued, &binding, time);
            let answer = issued.record.authenticate(&presented, time);
            refusal(answer.and_then(|()| new.open(policy, issued.record.stored().clone())))
        };
        assert_eq!(answer(&kept), None, "{seconds}");
        let forgotten = (seconds >= day + 120).then_some(Reason::KeyRetired);
        assert_eq!(answer(&short), forgotten, "{seconds}");
    }
}

/// An approval in the last second of a retired key is redeemed.
#[test]
fn approval_in_a_retired_keys_last_second_counts() {
    let old = Issuer::new(ring(&[&format!("1 {KEY}")]));
    let line = format!("1 {KEY} retired 2026-01-02T03:04:05.678902Z");
    let new = Issuer::new(ring(&[&format!("2 {OTHER_KEY}"), &line]));
    let owner = alice();
    let binding = Binding::subject(&owner);
    let mut issued = issue_at(&old, &APPROVAL, &binding, now(), &mut seeded(6));
    let number = issued.record.stored().number;
    let last = at(NOW + 600 * SECOND - 1);
    let approve = Verdict::Approve { number };
    let decider = Decider::from(&owner);
    let decision = new
        .decide(&APPROVAL, &issued.record, &decider, approve, b"", last)
        .unwrap();
    issued.record.decide(&decision, last).unwrap();
    let end = at(NOW + 660 * SECOND - 1);
    let presented = presented(&new, &APPROVAL, &issued, &binding, end);
    assert_eq!(refusal(issued.record.redeem(&presented, end)), None);
    assert_eq!(
        refusal(new.open(&APPROVAL, issued.record.stored().clone())),
        None
    );
}

/// What a restored backup brings back is refused.
#[test]
fn restored_backup_brings_nothing_back() {
    let lines = [format!("1 {KEY}")];
    let issuer = Issuer::new(ring(&[&lines[0]])).not_before(now());
    for (made, expected) in [
        (NOW - 1, Some(Reason::NotBefore)),
        (NOW, None),
        (NOW + 1, None),
    ] {
        let answer = cross(&issuer, &issuer, &CODE, at(made), at(NOW + 2)).0;
        assert_eq!(answer, expected);
    }
}

/// A failing random source makes no token.
#[test]
fn failing_random_source_makes_no_token() {
    let issuer = Issuer::new(ring(&[&format!("1 {KEY}")]));
    let owner = alice();
    let binding = Binding::subject(&owner);
    // 64 bytes for the token, 32 for the handle, four for the number.
    for length in 0..=100_u8 {
        let mut source = Scripted::new((0..length).map(|byte| byte % 10));
        let options = IssueOptions::default();
        let issued = issue_with(&issuer, &APPROVAL, &binding, options, now(), &mut source);
        let expected = (length < 100).then_some(IssueError::Random);
        assert_eq!(issued.err(), expected, "{length}");
    }
    for length in 0..=36_u8 {
        let mut source = Scripted::new((0..length).map(|byte| byte % 10));
        let options = IssueOptions::default();
        let parked = issuer.park_from_rng(&PROMPT, &binding, options, now(), &mut source);
        let expected = (length < 36).then_some(IssueError::Random);
        assert_eq!(parked.err(), expected, "{length}");
    }
}

/// What cannot be issued is an error, and not a weaker token.
#[test]
fn impossible_issue_is_an_error() {
    let issuer = Issuer::new(ring(&[&format!("1 {KEY}")]));
    let owner = alice();
    let issue = |policy: &Policy, binding: &Binding<'_>, data: &[u8], time| {
        let options = IssueOptions {
            data,
            ..IssueOptions::default()
        };
        issue_with(&issuer, policy, binding, options, time, &mut seeded(7)).map(|_| ())
    };
    let (bound, nobody) = (Binding::subject(&owner), Binding::tenant("acme"));
    let missing = Err(IssueError::SubjectMissing);
    assert_eq!(issue(&CODE, &nobody, b"", now()), Ok(()));
    assert_eq!(issue(&LINK, &nobody, b"", now()), Ok(()));
    assert_eq!(issue(&RECOVERY, &nobody, b"", now()), missing);
    assert_eq!(issue(&BEARER, &nobody, b"", now()), missing);
    assert_eq!(
        issue(&APPROVAL, &nobody, b"", now()),
        Ok(()),
        "a system decides"
    );
    let slot = CODE.slot(SlotRule::Subject);
    assert_eq!(issue(&slot, &nobody, b"", now()), missing);
    let most = vec![0; MAX_DATA];
    assert_eq!(issue(&CODE, &bound, &most, now()), Ok(()));
    let more = vec![0; MAX_DATA + 1];
    let answer = issue(&CODE, &bound, &more, now());
    assert_eq!(answer, Err(IssueError::TooMuchData));
    let late = DateTime::<Utc>::MAX_UTC;
    assert_eq!(issue(&CODE, &bound, b"", late), Err(IssueError::Time));
    let long = "t".repeat(256);
    for tenant in ["a\0", "a\n", "a\u{202e}b", long.as_str()] {
        let answer = issue(&CODE, &Binding::tenant(tenant), b"", now());
        assert_eq!(answer, Err(IssueError::Tenant));
    }
}

/// A pseudonym is that of one destination under one key.
#[test]
fn pseudonym_is_one_destinations_under_one_key() {
    let one = ring(&[&format!("1 {KEY}"), &format!("2 {OTHER_KEY}")]);
    let moved = ring(&[&format!("2 {OTHER_KEY}"), &format!("1 {KEY}")]);
    let email = Destination::email("a@example.org").unwrap();
    let device = Destination::device("a@example.org").unwrap();
    assert_eq!(one.pseudonym(&email), one.pseudonym(&email.clone()));
    assert_ne!(one.pseudonym(&email), one.pseudonym(&device));
    assert_ne!(one.pseudonym(&email), moved.pseudonym(&email));
    let shown = one.pseudonym(&email).to_string();
    assert_eq!(shown.len(), 16);
    assert_eq!(format!("{:?}", one.pseudonym(&email)), shown);
    assert_eq!(
        time("2026-01-02T03:04:05.678901Z"),
        now(),
        "the tests' own clock"
    );
}
