//! What an editor of rows can do: nothing to what the tag covers, and to the rest only what
//! `Stored` says.

#[path = "support/common.rs"]
mod common;

use common::{
    APPROVAL, BEARER, CODE, LINK, NOW, PARKED, PROMPT, RECOVERY, alice, at, decide, issue_with,
    issuer, now, refusal, seeded,
};
use ott_core::{
    Binding, IssueOptions, Issued, KeyId, Lookup, Policy, Reason, Record, RecordId, State, Stored,
    TokenDigest, Verdict, chrono::TimeDelta,
};

type Edit = (&'static str, fn(&mut Stored), Reason);

/// Every field that never changes. The exhaustive pattern makes a new field fail to compile here.
const COVERED: [Edit; 24] = [
    (
        "id",
        |row| row.id = RecordId::from_bytes([9; 16]),
        Reason::TagForged,
    ),
    ("purpose", |row| row.purpose.push('x'), Reason::Policy),
    ("purpose, less", |row| row.purpose.clear(), Reason::Policy),
    ("key", |row| row.key = KeyId(8), Reason::KeyMissing),
    ("tenant", |row| row.tenant.push('x'), Reason::TagForged),
    ("no tenant", |row| row.tenant.clear(), Reason::TagForged),
    (
        "subject",
        |row| row.subject = Some("4712".into()),
        Reason::TagForged,
    ),
    ("no subject", |row| row.subject = None, Reason::TagForged),
    (
        "empty subject",
        |row| row.subject = Some(String::new()),
        Reason::TagForged,
    ),
    ("slot", |row| row.slot = Some([9; 16]), Reason::TagForged),
    ("no slot", |row| row.slot = None, Reason::TagForged),
    ("policy", |row| row.policy[15] ^= 1, Reason::Policy),
    ("binding", |row| row.binding[31] ^= 1, Reason::TagForged),
    (
        "digest",
        |row| {
            let mut bytes = *row.digest.as_bytes();
            bytes[31] ^= 1;
            row.digest = TokenDigest::from_bytes(bytes);
        },
        Reason::TagForged,
    ),
    ("data", |row| row.data.push(0), Reason::TagForged),
    ("no data", |row| row.data.clear(), Reason::TagForged),
    ("number", |row| row.number = Some(9), Reason::TagForged),
    (
        "number, one digit more",
        |row| row.number = row.number.map(|number| number ^ 0x100),
        Reason::TagForged,
    ),
    (
        "max_attempts",
        |row| row.max_attempts = Some(u16::MAX),
        Reason::TagForged,
    ),
    (
        "no max_attempts",
        |row| row.max_attempts = None,
        Reason::TagForged,
    ),
    (
        "issued_at",
        |row| row.issued_at += TimeDelta::microseconds(1),
        Reason::TagForged,
    ),
    (
        "expires_at",
        |row| row.expires_at = Some(at(NOW.saturating_mul(2))),
        Reason::TagForged,
    ),
    (
        "idle_micros",
        |row| row.idle_micros = Some(1),
        Reason::TagForged,
    ),
    ("tag", |row| row.tag[31] ^= 1, Reason::TagForged),
];

const OPTIONS: IssueOptions<'_> = IssueOptions {
    data: b"data",
    resend: None,
    count: 1,
    expires_at: None,
    under: None,
    used: false,
};

fn issue(policy: &Policy, seed: u64) -> Issued {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let mut rng = seeded(seed);
    issue_with(&issuer(), policy, &binding, OPTIONS, now(), &mut rng).expect("a token")
}

/// A record of this policy, whether it has a token or is parked.
fn record(policy: &Policy, seed: u64) -> Record {
    if policy.token_lookup() != Lookup::Parked {
        return issue(policy, seed).record;
    }
    let owner = alice();
    let binding = Binding::subject(&owner);
    issuer()
        .park_from_rng(policy, &binding, OPTIONS, now(), &mut seeded(seed))
        .expect("a parked record")
        .record
}

/// No field that the tag covers can be edited.
#[test]
fn covered_fields_cannot_be_edited() {
    let Stored {
        id: _,
        purpose: _,
        key: _,
        tenant: _,
        subject: _,
        slot: _,
        policy: _,
        binding: _,
        digest: _,
        data: _,
        number: _,
        max_attempts: _,
        issued_at: _,
        expires_at: _,
        idle_micros: _,
        tag: _,
        state: _,
        attempts: _,
        used_at: _,
        decision: _,
    } = issue(&CODE, 1).record.stored().clone();
    for policy in [CODE, RECOVERY, BEARER, APPROVAL, PARKED, PROMPT] {
        let stored = record(&policy, 1).stored().clone();
        assert_eq!(refusal(issuer().open(&policy, stored.clone())), None);
        for (field, edit, reason) in COVERED {
            let mut edited = stored.clone();
            edit(&mut edited);
            if edited == stored {
                continue; // It was absent already.
            }
            let answer = refusal(issuer().open(&policy, edited));
            assert_eq!(answer, Some(reason), "{field} of {}", stored.purpose);
        }
    }
}

/// Expiry, idle time and number: absent and present differ.
#[test]
fn absent_fields_differ_from_present_ones() {
    type Absent = (Policy, fn(&mut Stored));
    let edits: [Absent; 4] = [
        (CODE, |row| row.expires_at = None),
        (RECOVERY, |row| row.expires_at = Some(at(0))),
        (BEARER, |row| row.idle_micros = None),
        (PROMPT, |row| row.number = None),
    ];
    for (policy, edit) in edits {
        let mut stored = record(&policy, 2).stored().clone();
        edit(&mut stored);
        let answer = refusal(issuer().open(&policy, stored));
        assert_eq!(answer, Some(Reason::TagForged));
    }
}

/// No bit of a tag or digest is idle.
#[test]
fn tags_and_digests_have_no_idle_bit() {
    let stored = issue(&CODE, 3).record.stored().clone();
    for bit in 0..256_usize {
        let (byte, mask) = (bit / 8, 1 << (bit % 8));
        let mut edited = stored.clone();
        edited.tag[byte] ^= mask;
        assert_eq!(
            refusal(issuer().open(&CODE, edited)),
            Some(Reason::TagForged)
        );
        let mut digest = *stored.digest.as_bytes();
        digest[byte] ^= mask;
        let mut edited = stored.clone();
        edited.digest = TokenDigest::from_bytes(digest);
        assert_ne!(edited.digest, stored.digest);
        assert_eq!(
            refusal(issuer().open(&CODE, edited)),
            Some(Reason::TagForged)
        );
    }
}

/// A record of one row does not open with a column of another.
#[test]
fn row_does_not_open_with_anothers_column() {
    // Every covered field moved at once, but for one: the same as copying a column between rows.
    let (one, two) = (issue(&CODE, 4), issue(&CODE, 5));
    let (one, two) = (one.record.stored(), two.record.stored());
    let moves: [fn(&mut Stored, &Stored); 5] = [
        |row, other| row.id = other.id,
        |row, other| row.digest = other.digest,
        |row, other| row.binding = other.binding,
        |row, other| row.slot = other.slot,
        |row, other| row.tag = other.tag,
    ];
    for (column, moved) in moves.into_iter().enumerate() {
        let mut edited = one.clone();
        moved(&mut edited, two);
        let answer = refusal(issuer().open(&CODE, edited));
        assert_eq!(answer, Some(Reason::TagForged), "{column}");
    }
}

/// A record opens under its own policy alone.
#[test]
fn record_opens_under_its_own_policy_alone() {
    let policies = [CODE, RECOVERY, BEARER, APPROVAL, LINK, PARKED, PROMPT];
    for (row, one) in policies.iter().enumerate() {
        for (column, other) in policies.iter().enumerate() {
            let stored = record(one, 6).stored().clone();
            let answer = refusal(issuer().open(other, stored));
            let expected = (row != column).then_some(Reason::Policy);
            assert_eq!(answer, expected, "{row} {column}");
        }
    }
}

/// The other fields can be edited, with the effects that `Stored` tells.
#[test]
fn other_fields_have_the_effects_that_are_told() {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let issued = issue(&CODE, 7);
    let token = issued.token.expose_secret();
    let presented = issuer()
        .present_by_handle(&CODE, &issued.handle, &binding, token, now())
        .unwrap();
    let fresh = issued.record.stored().clone();

    // Brought back from each final state; dead all the same once expired.
    for state in State::ALL {
        if state == State::Waiting {
            continue; // Never one of this policy: see decisions.rs.
        }
        let mut edited = fresh.clone();
        edited.state = state;
        edited.attempts = 5;
        assert_eq!(refusal(issuer().open(&CODE, edited.clone())), None);
        edited.state = State::Ready;
        edited.attempts = 0;
        let mut record = issuer().open(&CODE, edited.clone()).unwrap();
        assert_eq!(refusal(record.redeem(&presented, now())), None);
        let late = issued.record.stored().expires_at.unwrap();
        let mut record = issuer().open(&CODE, edited).unwrap();
        let answer = refusal(record.redeem(&presented, late));
        assert_eq!(answer, Some(Reason::Expired));
    }

    // Kept from idling out, but not beyond its expiry.
    let mut bearer = issue(&BEARER, 8).record.stored().clone();
    let expiry = bearer.expires_at.unwrap();
    bearer.used_at = Some(at(i64::MAX / 2));
    assert_eq!(refusal(issuer().open(&BEARER, bearer.clone())), None);
    assert!(bearer.is_live(expiry - TimeDelta::microseconds(1)));
    assert!(!bearer.is_live(expiry));

    // A decision taken away: it is asked for again, and the old one does not count.
    let mut prompt = record(&PROMPT, 9);
    let decision = decide(&PROMPT, &prompt, &owner, Verdict::Deny);
    prompt.decide(&decision, now()).unwrap();
    let mut edited = prompt.stored().clone();
    edited.state = State::Waiting;
    edited.decision = None;
    let again = issuer().open(&PROMPT, edited).unwrap();
    assert_eq!(again.stored().state, State::Waiting);
}
