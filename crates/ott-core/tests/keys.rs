//! Key rings: what they refuse to read, how keys are rotated, and what a retired or lost one is
//! still good for.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/common.rs"]
mod common;

use common::{
    BEARER, CODE, KEY, LINK, NOW, OTHER_KEY, PROMPT, RECOVERY, SECOND, Scripted, alice, at,
    issue_at, now, present, refusal, ring, seeded,
};
use ott_core::{
    Binding, Destination, IssueError, Issued, Issuer, KeyId, KeyRing, KeyRingError, Policy,
    Purpose, Reason,
    chrono::{DateTime, TimeDelta, Utc},
};

#[test]
fn a_malformed_ring_is_refused_by_line_and_its_text_never_repeated() {
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

#[test]
fn a_ring_reads_comments_blanks_and_retired_keys() {
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

#[test]
fn a_new_line_is_read_back_and_a_failing_source_makes_none() {
    let mut source = Scripted::new(0..32);
    let line = KeyRing::try_new_line_from_rng(KeyId(u32::MAX), &mut source).unwrap();
    assert_eq!(*line, format!("4294967295 {KEY}\n"));
    assert!(KeyRing::from_text(&line).is_ok());
    let mut short = Scripted::new(0..31);
    assert!(KeyRing::try_new_line_from_rng(KeyId(1), &mut short).is_err());
}

#[cfg(feature = "std")]
#[test]
fn each_generated_ring_has_a_key_of_its_own() {
    let (one, two) = (KeyRing::generate().unwrap(), KeyRing::generate().unwrap());
    assert_ne!(one.sealing(), two.sealing());
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

#[test]
fn a_key_that_the_ring_lacks_is_missing_and_counts_nothing() {
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

#[test]
fn a_rotation_refuses_nothing_at_any_step() {
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

#[test]
fn a_retired_key_is_good_for_what_it_made_before_it_retired() {
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

#[test]
fn a_retired_key_mints_nothing_after_its_horizon() {
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
        (PROMPT, 600),
        (SESSION, 30 * 86_400),
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
        let answer = refusal(forged.record.clone().redeem(&presented, at(horizon)));
        assert_eq!(answer, Some(Reason::KeyMissing));
    }
    // What never expires is good until the key is dropped.
    let saved = issue_at(&old, &RECOVERY, &binding, at(NOW - 1), &mut seeded(5));
    let late = presented(&new, &RECOVERY, &saved, &binding, at(NOW * 2));
    assert_eq!(late.digests().len(), 2);
}

#[test]
fn an_approval_in_the_last_second_of_a_retired_key_is_redeemed() {
    let old = Issuer::new(ring(&[&format!("1 {KEY}")]));
    let line = format!("1 {KEY} retired 2026-01-02T03:04:05.678902Z");
    let new = Issuer::new(ring(&[&format!("2 {OTHER_KEY}"), &line]));
    let owner = alice();
    let binding = Binding::subject(&owner);
    let mut issued = issue_at(&old, &PROMPT, &binding, now(), &mut seeded(6));
    let number = issued.record.stored().number;
    let last = at(NOW + 600 * SECOND - 1);
    let approve = ott_core::Verdict::Approve { number };
    let decision = new
        .decide(&issued.record, &owner, approve, b"", last)
        .unwrap();
    issued.record.decide(&decision, last).unwrap();
    let end = at(NOW + 660 * SECOND - 1);
    let presented = presented(&new, &PROMPT, &issued, &binding, end);
    assert_eq!(refusal(issued.record.redeem(&presented, end)), None);
    assert_eq!(
        refusal(new.open(&PROMPT, issued.record.stored().clone())),
        None
    );
}

#[test]
fn what_a_restored_backup_brings_back_is_refused() {
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

#[test]
fn a_failing_random_source_makes_no_token() {
    let issuer = Issuer::new(ring(&[&format!("1 {KEY}")]));
    let owner = alice();
    // A prompt draws 64 bytes for the token, 32 for the handle, one for the number.
    for length in 0..=97_u8 {
        let mut source = Scripted::new((0..length).map(|byte| byte % 10));
        let issued = issuer.issue_from_rng(
            &PROMPT,
            &Binding::subject(&owner),
            ott_core::Extra::default(),
            now(),
            &mut source,
        );
        match issued {
            Ok(_) => assert_eq!(length, 97),
            Err(error) => {
                assert_eq!(error, IssueError::Random);
                assert!(length < 97);
            }
        }
    }
}

#[test]
fn what_cannot_be_issued_is_an_error_and_not_a_weaker_token() {
    let issuer = Issuer::new(ring(&[&format!("1 {KEY}")]));
    let owner = alice();
    let issue = |policy: &Policy, binding: &Binding<'_>, data: &[u8], time| {
        let extra = ott_core::Extra { data, resend: None };
        issuer
            .issue_from_rng(policy, binding, extra, time, &mut seeded(7))
            .map(|_| ())
    };
    let (bound, nobody) = (Binding::subject(&owner), Binding::tenant("acme"));
    let missing = Err(IssueError::SubjectMissing);
    assert_eq!(issue(&CODE, &nobody, b"", now()), Ok(()));
    assert_eq!(issue(&LINK, &nobody, b"", now()), Ok(()));
    assert_eq!(issue(&RECOVERY, &nobody, b"", now()), missing);
    assert_eq!(issue(&BEARER, &nobody, b"", now()), missing);
    assert_eq!(issue(&PROMPT, &nobody, b"", now()), missing);
    let slot = CODE.slot(ott_core::SlotRule::Subject);
    assert_eq!(issue(&slot, &nobody, b"", now()), missing);
    let most = vec![0; ott_core::MOST_DATA];
    assert_eq!(issue(&CODE, &bound, &most, now()), Ok(()));
    let more = vec![0; ott_core::MOST_DATA + 1];
    let answer = issue(&CODE, &bound, &more, now());
    assert_eq!(answer, Err(IssueError::TooMuchData));
    let late = DateTime::<Utc>::MAX_UTC;
    assert_eq!(issue(&CODE, &bound, b"", late), Err(IssueError::Time));
    let long = "t".repeat(256);
    for tenant in ["a\0", "a\n", long.as_str()] {
        let answer = issue(&CODE, &Binding::tenant(tenant), b"", now());
        assert_eq!(answer, Err(IssueError::Tenant));
    }
}

#[test]
fn a_pseudonym_is_one_destinations_under_one_key() {
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
