//! Issuing with options: how many, an earlier end, and texts that exist already.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "an overflow here fails the test"
)]

#[path = "support/common.rs"]
mod common;

use std::collections::BTreeSet;

use common::{
    APPROVAL, BEARER, CODE, LINK, NOW, PARKED, RECOVERY, SECOND, Scripted, alice, at, issue_with,
    issuer, now, only, present, refusal, seeded,
};
use ott_core::{
    Binding, Format, IssueError, IssueOptions, Issued, Policy, PolicyFault, Reason, State,
    chrono::{DateTime, TimeDelta, Utc},
};

fn ending(expires_at: DateTime<Utc>) -> IssueOptions<'static> {
    IssueOptions {
        expires_at: Some(expires_at),
        ..IssueOptions::default()
    }
}

/// A token may end earlier than its policy says, to the microsecond, and never later, nor in the past.
#[test]
fn expiry_is_moved_forward_and_never_back() {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let issue = |policy: &Policy, end| {
        issue_with(
            &issuer,
            policy,
            &binding,
            ending(end),
            now(),
            &mut seeded(1),
        )
        .map(|issued| issued.record.stored().expires_at)
    };
    let life = 600 * SECOND;
    for (offset, accepted) in [
        (-life, false),
        (-1, false),
        (0, false),
        (1, true),
        (life - 1, true),
        (life, true),
        (life + 1, false),
        (life * 1_000, false),
    ] {
        let end = at(NOW + offset);
        let expected = if accepted {
            Ok(Some(end))
        } else {
            Err(IssueError::ExpiresAt)
        };
        assert_eq!(issue(&CODE, end), expected, "{offset}");
    }
    // Whole microseconds here too, so that less than one is no time at all.
    let nanosecond = TimeDelta::nanoseconds(1);
    assert_eq!(issue(&CODE, now() + nanosecond), Err(IssueError::ExpiresAt));
    assert_eq!(
        issue(&CODE, at(NOW + 2) - nanosecond),
        Ok(Some(at(NOW + 1)))
    );
    // Where the policy has no end of its own, any time to come is one.
    let far = DateTime::<Utc>::MAX_UTC;
    assert!(issue(&RECOVERY, far).is_ok_and(|end| end.is_some()));
    assert_eq!(issue(&RECOVERY, now()), Err(IssueError::ExpiresAt));
    for end in [DateTime::<Utc>::MIN_UTC, at(0)] {
        assert_eq!(issue(&RECOVERY, end), Err(IssueError::ExpiresAt));
        assert_eq!(issue(&BEARER, end), Err(IssueError::ExpiresAt));
    }
    let options = ending(at(NOW + life + 1));
    let parked = issuer.park_from_rng(&PARKED, &binding, options, now(), &mut seeded(1));
    assert_eq!(parked.err(), Some(IssueError::ExpiresAt));
}

/// From its own end on, the token is refused, and the end stands under the record's tag.
#[test]
fn expiry_of_its_own_is_the_records_end() {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let end = NOW + 86_400 * SECOND;
    let policy = BEARER.until_revoked();
    let options = ending(at(end));
    let issued = issue_with(&issuer, &policy, &binding, options, now(), &mut seeded(2)).unwrap();
    let token = issued.token.expose_secret();
    for (micros, answer) in [(end - 1, None), (end, Some(Reason::Expired))] {
        let time = at(micros);
        let presented = issuer
            .present_by_itself(&policy, "acme", token, time)
            .unwrap();
        let said = refusal(issued.record.authenticate(&presented, time));
        assert_eq!(said, answer, "{micros}");
    }
    let mut prolonged = issued.record.stored().clone();
    prolonged.expires_at = None;
    let answer = refusal(issuer.open(&policy, prolonged));
    assert_eq!(answer, Some(Reason::TagForged));
}

/// As many tokens as asked for, all different, of one time, end and data; none is an error.
#[test]
fn count_issues_so_many_at_once() {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let options = |count| IssueOptions {
        data: b"sheet",
        count,
        ..IssueOptions::default()
    };
    for policy in [CODE, RECOVERY, LINK, BEARER, APPROVAL] {
        let rng = &mut seeded(3);
        let issued = issuer
            .issue_from_rng(&policy, &binding, options(10), now(), rng)
            .unwrap();
        assert_eq!(issued.len(), 10);
        let different = |of: fn(&Issued) -> String| {
            let all: BTreeSet<String> = issued.iter().map(of).collect();
            all.len()
        };
        assert_eq!(different(|one| one.token.expose_secret().into()), 10);
        assert_eq!(different(|one| one.handle.expose_secret().to_string()), 10);
        assert_eq!(different(|one| one.record.id().to_string()), 10);
        for one in &issued {
            let stored = one.record.stored();
            let first = issued[0].record.stored();
            assert_eq!(stored.data, b"sheet");
            assert_eq!(stored.issued_at, first.issued_at);
            assert_eq!(stored.expires_at, first.expires_at);
        }
        let none = issuer.issue_from_rng(&policy, &binding, options(0), now(), rng);
        assert_eq!(none.err(), Some(IssueError::NoneAsked));
    }
    // A source that fails half-way makes none at all.
    let mut short = Scripted::new(vec![7; 5 * (64 + 32) + 64]);
    let issued = issuer.issue_from_rng(&LINK, &binding, options(6), now(), &mut short);
    assert_eq!(issued.err(), Some(IssueError::Random));
}

fn give(
    policy: &Policy,
    texts: &[&str],
    options: IssueOptions<'_>,
) -> Result<Vec<Issued>, IssueError> {
    let owner = alice();
    let binding = Binding::subject(&owner);
    issuer().issue_given_from_rng(policy, &binding, texts, options, now(), &mut seeded(4))
}

/// A text that exists already is read as a typed one, and redeems as a token that was made here:
/// with any look-up, in any spelling, once.
#[test]
fn given_texts_are_adopted_as_typed_ones() {
    let (issuer, owner) = (issuer(), alice());
    let binding = Binding::subject(&owner);
    let readable = CODE.format(Format::READABLE_8);
    let key = LINK.format(Format::alphanumeric(20).prefixed("ott_"));
    let link = "A".repeat(42) + "B";
    let tables = [
        (readable, "bcdf ghjk", "BCDF-GHJK"),
        (CODE, "31 41 59", "314159"),
        (
            RECOVERY,
            "abcdefghijklmnopqrstuvwx",
            "ABCD-EFGH-IJKL-MNOP-QRST-UVWX",
        ),
        (LINK, &link, &link),
        (
            key,
            "ott_0123456789ABCDEFGHIJ3TE0Ng",
            "ott_0123456789ABCDEFGHIJ3TE0Ng",
        ),
    ];
    for (policy, text, shown) in tables {
        let given = give(&policy, &[text], IssueOptions::default()).unwrap();
        let mut given = only(given, "one token");
        assert_eq!(given.token.expose_secret(), shown);
        assert_eq!(given.record.stored().state, State::Ready);
        for answer in [None, Some(Reason::Spent)] {
            let presented = present(
                &issuer,
                &policy,
                &given.handle,
                &binding,
                "acme",
                shown,
                now(),
            )
            .unwrap();
            let said = refusal(given.record.redeem(&presented, now()));
            assert_eq!(said, answer);
        }
        let opened = issuer.open(&policy, given.record.stored().clone());
        assert_eq!(refusal(opened), None);
    }
}

/// Several texts become several records, in their order; `count` is not asked, the options are kept.
#[test]
fn given_texts_become_one_record_each() {
    let end = at(NOW + 86_400 * SECOND);
    let options = IssueOptions {
        data: b"moved",
        count: 0,
        ..ending(end)
    };
    let texts = [
        "ABCD-EFGH-IJKL-MNOP-QRST-UVWX",
        "2345-6723-4567-2345-6723-4567",
    ];
    let given = give(&RECOVERY, &texts, options).unwrap();
    let shown: Vec<&str> = given.iter().map(|one| one.token.expose_secret()).collect();
    assert_eq!(shown, texts);
    assert_ne!(given[0].record.id(), given[1].record.id());
    let slots = given.iter().map(|one| one.record.stored().slot);
    assert_eq!(slots.collect::<BTreeSet<_>>().len(), 1, "one sheet");
    for one in &given {
        assert_eq!(one.record.stored().data, b"moved");
        assert_eq!(one.record.stored().expires_at, Some(end));
    }
    assert_eq!(
        give(&RECOVERY, &[], options).err(),
        Some(IssueError::NoneAsked)
    );
}

/// One text that is none of the format makes nothing of all of them.
#[test]
fn given_text_of_another_format_makes_nothing() {
    let right = "ABCD-EFGH-IJKL-MNOP-QRST-UVWX";
    for wrong in [
        "",
        "ABCD",
        "ABCD-EFGH-IJKL-MNOP-QRST-UVW1",
        "314159",
        "\0",
        "\u{e9}",
    ] {
        for texts in [[right, wrong], [wrong, right]] {
            let given = give(&RECOVERY, &texts, IssueOptions::default());
            assert_eq!(given.err(), Some(IssueError::Malformed), "{wrong:?}");
        }
    }
    let key = LINK.format(Format::alphanumeric(20).prefixed("ott_"));
    for wrong in [
        "ott_0123456789ABCDEFGHIJ3TE0Nx",
        "otp_0123456789ABCDEFGHIJ3TE0Ng",
    ] {
        let given = give(&key, &[wrong], IssueOptions::default());
        assert_eq!(given.err(), Some(IssueError::Malformed), "{wrong:?}");
    }
}

/// A text that stands there twice, in whatever spelling, is an error where both would be one record:
/// a store that refuses the second must not look as if all of them had been there.
#[test]
fn given_text_that_stands_twice_is_an_error() {
    let sheet = ["ABCD-EFGH-IJKL-MNOP-QRST-UVWX", "abcdefghijklmnopqrstuvwx"];
    let options = IssueOptions::default();
    assert_eq!(
        give(&RECOVERY, &sheet, options).err(),
        Some(IssueError::Twice)
    );
    let link = "A".repeat(43);
    let links = [link.as_str(), &link];
    assert_eq!(give(&LINK, &links, options).err(), Some(IssueError::Twice));
    // Each has a handle of its own.
    let codes = give(&CODE, &["314159", "314 159"], options).unwrap();
    assert_ne!(codes[0].record.id(), codes[1].record.id());
}

/// The policy's rule of length holds for texts that exist already: short ones that find their record
/// without a handle need a policy that accepts them by name.
#[test]
fn given_short_texts_need_acceptance() {
    let short = RECOVERY.format(Format::DIGITS_8);
    let refused = give(&short, &["12345678"], IssueOptions::default()).unwrap_err();
    let IssueError::Policy(error) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.fault, PolicyFault::ShortToken);
    let accepting = short.accepting_short_tokens();
    let options = IssueOptions::default();
    let given = only(give(&accepting, &["1234 5678"], options).unwrap(), "one");
    assert_eq!(given.token.expose_secret(), "12345678");
}
