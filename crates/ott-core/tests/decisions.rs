//! Only its subject or a system decides about a record, only with the number, and a decision counts
//! for that record alone.

#[path = "support/common.rs"]
mod common;

use common::{
    APPROVAL, ATTACH, CODE, PARKED, PROMPT, alice, approve, decide, issue_at, issuer, now, park_at,
    refusal, ring, seeded, subject, waiting,
};
use ott_core::{
    Binding, DecideError, Decider, Decision, Issuer, MAX_DATA, Matching, Outcome, Policy, Purpose,
    Reason, Record, State, Stored, StoredDecision, Subject, Verdict, chrono::TimeDelta,
};

const PLAIN: Policy = APPROVAL.start(waiting(Matching::Nothing, false));
const SIX: Policy = Policy::prompt(Purpose::new("six")).start(waiting(Matching::SixDigits, false));

type Edit = (&'static str, fn(&mut StoredDecision));

fn issue(policy: &Policy, binding: &Binding<'_>, seed: u64) -> Record {
    issue_at(&issuer(), policy, binding, now(), &mut seeded(seed)).record
}

fn open_refusal(policy: &Policy, stored: Stored) -> Option<Reason> {
    refusal(issuer().open(policy, stored))
}

fn by_system(policy: &Policy, record: &Record, verdict: Verdict) -> Decision {
    let system = Decider::System("captcha".into());
    issuer()
        .decide(policy, record, &system, verdict, b"", now())
        .expect("a decision")
}

/// What a store would hold if this decision had been written into the row.
fn with(record: &Record, state: State, decision: Option<StoredDecision>) -> Stored {
    Stored {
        state,
        decision,
        ..record.stored().clone()
    }
}

/// Somebody else neither approves nor denies nor reports: the record refuses their decision, and a row
/// that holds it opens in no state that an approval leads to.
#[test]
fn stranger_neither_approves_nor_denies() {
    let owner = alice();
    for stranger in [
        subject("acme", "4712"),
        subject("", "4711"),
        subject("acm", "4711"),
        subject("acme", "acme"),
    ] {
        for policy in [APPROVAL, ATTACH] {
            let mut record = issue(&policy, &Binding::subject(&owner), 1);
            for decision in [
                approve(&policy, &record, &stranger),
                decide(&policy, &record, &stranger, Verdict::Deny),
                decide(&policy, &record, &stranger, Verdict::Report),
            ] {
                let before = record.clone();
                let answer = refusal(record.decide(&decision, now()));
                assert_eq!(answer, Some(Reason::Stranger), "{stranger:?}");
                assert!(record == before);
                // Written into the row all the same, it does not open.
                for state in [State::Ready, State::Spent, State::Waiting] {
                    let written = with(&record, state, Some(decision.stored().clone()));
                    let answer = open_refusal(&policy, written);
                    assert_eq!(answer, Some(Reason::DecisionForged));
                }
            }
        }
    }
}

/// An approval with a wrong number, or with none, denies.
#[test]
fn number_wrong_or_missing_denies() {
    let owner = alice();
    let bound = Binding::subject(&owner);
    let outcome = |policy: &Policy, record: &Record, number| {
        let decision = decide(policy, record, &owner, Verdict::Approve { number });
        let mut record = record.clone();
        assert_eq!(refusal(record.decide(&decision, now())), None);
        (decision.stored().outcome, record.stored().state)
    };
    let approved = (Outcome::Approved, State::Ready);
    let denied = (Outcome::Denied, State::Denied);
    let record = issue(&APPROVAL, &bound, 2);
    let right = record.stored().number.unwrap();
    assert!((10..=99).contains(&right));
    for said in (0..=999).map(Some).chain([None, Some(u32::MAX)]) {
        let expected = if said == Some(right) {
            approved
        } else {
            denied
        };
        assert_eq!(outcome(&APPROVAL, &record, said), expected, "{said:?}");
    }
    let record = park_at(&issuer(), &SIX, &bound, now(), &mut seeded(3)).record;
    let right = record.stored().number.unwrap();
    assert!((100_000..=999_999).contains(&right));
    // Close to it, and what is the same in its last byte or two.
    for said in [right ^ 1, right ^ 0x100, right ^ 0x1_0000, right & 0xFF] {
        assert_eq!(outcome(&SIX, &record, Some(said)), denied);
    }
    assert_eq!(outcome(&SIX, &record, Some(right)), approved);
    // Where no number is shown, saying one denies too.
    let record = issue(&PLAIN, &bound, 3);
    assert_eq!(outcome(&PLAIN, &record, None), approved);
    assert_eq!(outcome(&PLAIN, &record, Some(right)), denied);
}

/// The first decision stands, whatever it was.
#[test]
fn decision_that_is_first_stands() {
    let owner = alice();
    let record = issue(&APPROVAL, &Binding::subject(&owner), 4);
    let number = record.stored().number;
    let verdicts = [Verdict::Approve { number }, Verdict::Deny, Verdict::Report];
    for first in verdicts {
        for second in verdicts {
            let mut record = record.clone();
            let one = decide(&APPROVAL, &record, &owner, first);
            let two = decide(&APPROVAL, &record, &owner, second);
            assert_eq!(refusal(record.decide(&one, now())), None);
            let before = record.clone();
            let answer = refusal(record.decide(&two, now()));
            let expected = match one.stored().outcome {
                Outcome::Approved => Reason::NotWaiting,
                Outcome::Denied | Outcome::Reported => Reason::Denied,
            };
            assert_eq!(answer, Some(expected));
            assert!(record == before);
        }
    }
}

/// An approval opens with the record that it was made for, and with no other.
#[test]
fn approval_counts_for_its_own_record() {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let mut rng = seeded(5);
    let records: Vec<Record> = (0..8)
        .map(|_| issue_at(&issuer(), &APPROVAL, &binding, now(), &mut rng).record)
        .collect();
    for (row, one) in records.iter().enumerate() {
        for (column, other) in records.iter().enumerate() {
            let approval = approve(&APPROVAL, other, &owner);
            let stored = with(one, State::Ready, Some(approval.stored().clone()));
            let expected = (row != column).then_some(Reason::DecisionForged);
            assert_eq!(open_refusal(&APPROVAL, stored), expected, "{row} {column}");
        }
    }
}

/// Every part of a decision is under its tag: outcome, decider, data and time.
#[test]
fn decision_is_whole_under_its_tag() {
    let owner = alice();
    let mut record = issue(&APPROVAL, &Binding::subject(&owner), 6);
    let refusals = [Verdict::Deny, Verdict::Report];
    let refusals = refusals.map(|verdict| decide(&APPROVAL, &record, &owner, verdict));
    let decision = approve(&APPROVAL, &record, &owner);
    assert_eq!(refusal(record.decide(&decision, now())), None);
    let stored = record.stored().clone();
    assert_eq!(open_refusal(&APPROVAL, stored.clone()), None);

    let edits: [Edit; 9] = [
        ("denied", |decision| decision.outcome = Outcome::Denied),
        ("reported", |decision| decision.outcome = Outcome::Reported),
        ("decider", |decision| {
            decision.decider = Decider::Subject(subject("acme", "4712"));
        }),
        ("tenant", |decision| {
            decision.decider = Decider::Subject(subject("", "4711"));
        }),
        ("system", |decision| {
            decision.decider = Decider::System("4711".into());
        }),
        ("system of the tenant", |decision| {
            decision.decider = Decider::System("acme".into());
        }),
        ("data", |decision| decision.data.push(0)),
        ("at", |decision| {
            decision.at += TimeDelta::microseconds(1);
        }),
        ("tag", |decision| decision.tag[31] ^= 1),
    ];
    for (part, edit) in edits {
        let mut edited = stored.clone();
        edit(edited.decision.as_mut().unwrap());
        let answer = open_refusal(&APPROVAL, edited);
        assert_eq!(answer, Some(Reason::DecisionForged), "{part}");
    }
    // A denial or report made into an approval by one number.
    for refused in refusals {
        let edited = StoredDecision {
            outcome: Outcome::Approved,
            ..refused.stored().clone()
        };
        let edited = with(&record, State::Ready, Some(edited));
        let answer = open_refusal(&APPROVAL, edited);
        assert_eq!(answer, Some(Reason::DecisionForged));
    }
}

/// A state that nobody decided does not open.
#[test]
fn state_without_its_decision_does_not_open() {
    let owner = alice();
    let record = issue(&APPROVAL, &Binding::subject(&owner), 7);
    let decided = |verdict| Some(decide(&APPROVAL, &record, &owner, verdict).stored().clone());
    let number = record.stored().number;
    for state in State::ALL {
        for (name, decision) in [
            ("none", None),
            ("approval", decided(Verdict::Approve { number })),
            ("denial", decided(Verdict::Deny)),
            ("report", decided(Verdict::Report)),
        ] {
            let opens = match state {
                State::Ready | State::Spent => name == "approval",
                State::Waiting => name == "none",
                _ => true,
            };
            let expected = (!opens).then_some(Reason::DecisionForged);
            let stored = with(&record, state, decision);
            assert_eq!(
                open_refusal(&APPROVAL, stored),
                expected,
                "{state:?} {name}"
            );
        }
    }
}

/// What needs no approval opens without one, and never waits.
#[test]
fn record_that_needs_no_approval_has_none() {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let code = issue(&CODE, &binding, 8);
    let parked = park_at(&issuer(), &PARKED, &binding, now(), &mut seeded(8)).record;
    for (policy, record) in [(CODE, code), (PARKED, parked)] {
        // Its own subject's, under the very key.
        let own = approve(&policy, &record, &owner);
        for state in State::ALL {
            let waits = state == State::Waiting;
            let answer = open_refusal(&policy, with(&record, state, None));
            assert_eq!(answer, waits.then_some(Reason::DecisionForged), "{state:?}");
            let decided = with(&record, state, Some(own.stored().clone()));
            let answer = open_refusal(&policy, decided);
            assert_eq!(answer, Some(Reason::DecisionForged), "{state:?}");
        }
    }
}

/// Where the policy says so, whoever decides becomes the subject of a record that has none, within
/// its tenant.
#[test]
fn decision_gives_an_empty_record_its_subject() {
    let (owner, tenant) = (alice(), Binding::tenant("acme"));
    let elsewhere = subject("other", "4711");
    let mut record = issue(&ATTACH, &tenant, 9);
    assert_eq!(record.stored().owner(), None);
    let foreign = approve(&ATTACH, &record, &elsewhere);
    let answer = refusal(record.decide(&foreign, now()));
    assert_eq!(answer, Some(Reason::Stranger));
    let approval = approve(&ATTACH, &record, &owner);
    assert_eq!(refusal(record.decide(&approval, now())), None);
    assert_eq!(record.stored().owner(), Some(owner.clone()));
    let stored = record.stored().clone();
    assert_eq!(open_refusal(&ATTACH, stored.clone()), None);
    // Whoever edits the row cannot give it to somebody else.
    let mut given = stored.clone();
    given.subject = Some("4712".into());
    assert_eq!(open_refusal(&ATTACH, given), Some(Reason::TagForged));
    let mut given = stored;
    given.decision.as_mut().unwrap().decider = Decider::Subject(subject("acme", "4712"));
    assert_eq!(open_refusal(&ATTACH, given), Some(Reason::DecisionForged));

    // With a subject from the start, nobody else takes it.
    let mut named = issue(&ATTACH, &Binding::subject(&owner), 9);
    let other = approve(&ATTACH, &named, &subject("acme", "4712"));
    let answer = refusal(named.decide(&other, now()));
    assert_eq!(answer, Some(Reason::Stranger));
}

/// Where the policy does not say that the decider becomes the subject, no person decides about a
/// record that has none: not by the issuer, and not by a row that was edited.
#[test]
fn record_without_subject_is_no_persons_to_decide() {
    let (owner, nobody) = (alice(), Binding::tenant("acme"));
    let record = issue(&APPROVAL, &nobody, 11);
    let number = record.stored().number;
    for verdict in [Verdict::Approve { number }, Verdict::Deny, Verdict::Report] {
        let decider = Decider::from(&owner);
        let made = issuer().decide(&APPROVAL, &record, &decider, verdict, b"", now());
        assert_eq!(made, Err(DecideError::Stranger));
    }
}

/// A decision is made under the record's own policy: under none that differs in what a decision means, or in its
/// purpose.
#[test]
fn decision_is_made_under_the_records_policy() {
    let owner = alice();
    let record = issue(&APPROVAL, &Binding::tenant("acme"), 11);
    let number = record.stored().number;
    let approve = Verdict::Approve { number };
    let taking = APPROVAL.start(waiting(Matching::TwoDigits, true));
    for other in [taking, Policy::prompt(Purpose::new("other")), PLAIN] {
        for decider in [Decider::from(&owner), Decider::System("captcha".into())] {
            let made = issuer().decide(&other, &record, &decider, approve, b"", now());
            assert_eq!(made, Err(DecideError::Policy), "{other:?}");
        }
    }
}

/// A system decides about records with and without a subject. It never becomes the subject, and the
/// number holds for it too.
#[test]
fn system_decides_and_never_becomes_the_subject() {
    let owner = alice();
    for (binding, policy, whose) in [
        (Binding::subject(&owner), APPROVAL, Some(&owner)),
        (Binding::subject(&owner), ATTACH, Some(&owner)),
        (Binding::tenant("acme"), APPROVAL, None),
        (Binding::tenant("acme"), ATTACH, None),
        (Binding::tenant(""), PLAIN, None),
    ] {
        let fresh = issue(&policy, &binding, 12);
        let number = fresh.stored().number;
        for (verdict, state) in [
            (Verdict::Approve { number }, State::Ready),
            (Verdict::Approve { number: Some(1) }, State::Denied),
            (Verdict::Deny, State::Denied),
            (Verdict::Report, State::Denied),
        ] {
            let mut record = fresh.clone();
            let decision = by_system(&policy, &record, verdict);
            assert_eq!(refusal(record.decide(&decision, now())), None);
            assert_eq!(record.stored().state, state, "{verdict:?}");
            let opened = issuer().open(&policy, record.stored().clone()).unwrap();
            assert_eq!(opened.stored().owner().as_ref(), whose);
        }
    }
    // A person who is called like it is no system.
    let record = issue(&ATTACH, &Binding::tenant("acme"), 13);
    let number = record.stored().number;
    let decision = by_system(&ATTACH, &record, Verdict::Approve { number });
    let mut given = decision.stored().clone();
    given.decider = Decider::Subject(subject("acme", "captcha"));
    let answer = open_refusal(&ATTACH, with(&record, State::Ready, Some(given)));
    assert_eq!(answer, Some(Reason::DecisionForged));
}

/// A decision says which record it is about, and no other takes it: neither its number nor its operation
/// is bypassed.
#[test]
fn another_records_decision_is_refused() {
    let owner = alice();
    let (one, mut two) = (
        park_at(
            &issuer(),
            &PROMPT,
            &Binding::subject(&owner),
            now(),
            &mut seeded(1),
        )
        .record,
        park_at(
            &issuer(),
            &PROMPT,
            &Binding::subject(&owner),
            now(),
            &mut seeded(2),
        )
        .record,
    );
    let approval = approve(&PROMPT, &one, &owner);
    assert_eq!(approval.record(), one.id());
    let before = two.stored().clone();
    assert_eq!(refusal(two.decide(&approval, now())), Some(Reason::Unknown));
    assert_eq!(two.stored(), &before);
}

/// A report ends a record as a denial does, and is told apart from it in the row.
#[test]
fn report_denies_and_is_kept_as_a_report() {
    let owner = alice();
    let mut record = issue(&APPROVAL, &Binding::subject(&owner), 14);
    let report = decide(&APPROVAL, &record, &owner, Verdict::Report);
    assert_eq!(refusal(record.decide(&report, now())), None);
    assert_eq!(record.stored().state, State::Denied);
    let kept = record.stored().decision.as_ref().unwrap();
    assert_eq!(kept.outcome, Outcome::Reported);
    assert_eq!(open_refusal(&APPROVAL, record.stored().clone()), None);
    let answer = refusal(record.decide(&report, now()));
    assert_eq!(answer, Some(Reason::Denied));
}

/// The numbers of the outcomes stand in columns and digests, and never change.
#[test]
fn outcomes_keep_their_numbers() {
    let numbers = Outcome::ALL.map(Outcome::number);
    assert_eq!(numbers, [1, 2, 3]);
    let names = Outcome::ALL.map(|outcome| format!("{outcome:?}"));
    assert_eq!(names.join(" "), "Approved Denied Reported");
    for number in 0..=u8::MAX {
        let outcome = Outcome::from_number(number);
        assert_eq!(outcome.is_some(), numbers.contains(&number));
        assert_eq!(outcome.map(Outcome::number).unwrap_or(number), number);
    }
}

/// A decision needs the record's key, carries bounded data, and a system has a name.
#[test]
fn decision_needs_key_name_and_bounded_data() {
    let owner = alice();
    let record = issue(&APPROVAL, &Binding::subject(&owner), 10);
    let full = vec![7; MAX_DATA];
    let decide = |issuer: &Issuer, decider: &Decider, data: &[u8]| {
        issuer
            .decide(&APPROVAL, &record, decider, Verdict::Deny, data, now())
            .map(|decision| decision.stored().data.clone())
    };
    let person = Decider::Subject(Subject::clone(&owner));
    assert_eq!(decide(&issuer(), &person, &full), Ok(full.clone()));
    let more = vec![7; MAX_DATA.saturating_add(1)];
    let answer = decide(&issuer(), &person, &more);
    assert_eq!(answer, Err(DecideError::TooMuchData));
    let other = Issuer::new(ring(&[&format!("8 {}", common::OTHER_KEY)]));
    assert_eq!(decide(&other, &person, b""), Err(DecideError::KeyMissing));

    let long = "s".repeat(256);
    for name in ["", "a\0", "a\u{202e}b", &long] {
        let answer = decide(&issuer(), &Decider::System(name.into()), b"");
        assert_eq!(answer, Err(DecideError::System), "{name:?}");
    }
    let longest = Decider::System(long[1..].into());
    assert_eq!(decide(&issuer(), &longest, b""), Ok(Vec::new()));
}

/// The prompt shows a number and starts waiting; nothing but a decision makes it ready.
#[test]
fn prompt_waits_for_its_subject() {
    let owner = alice();
    let parked = park_at(
        &issuer(),
        &PROMPT,
        &Binding::subject(&owner),
        now(),
        &mut seeded(15),
    );
    let mut record = parked.record;
    assert_eq!(record.stored().state, State::Waiting);
    assert!((10..=99).contains(&record.stored().number.unwrap()));
    let approval = approve(&PROMPT, &record, &owner);
    assert_eq!(refusal(record.decide(&approval, now())), None);
    assert_eq!(record.stored().state, State::Ready);
}
