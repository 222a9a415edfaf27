//! Only its subject approves a record, only with the number, and an approval counts for that record
//! alone.

#[path = "support/common.rs"]
mod common;

use common::{CODE, PROMPT, alice, issue_at, issuer, now, refusal, ring, seeded, subject};
use ott_core::{
    Binding, DecideError, Decision, Issued, Issuer, MOST_DATA, Policy, Purpose, Reason, Start,
    State, Subject, Verdict,
};

const PLAIN: Policy = Policy::prompt(Purpose::new("approve")).start(Start::Waiting {
    number: false,
    binds_subject: false,
});
const ATTACH: Policy = Policy::prompt(Purpose::new("attach")).start(Start::Waiting {
    number: true,
    binds_subject: true,
});

type Edit = (&'static str, fn(&mut Decision));

fn issue(policy: &Policy, binding: &Binding<'_>, seed: u64) -> Issued {
    issue_at(&issuer(), policy, binding, now(), &mut seeded(seed))
}

fn approve(issued: &Issued, decider: &Subject) -> Decision {
    let number = issued.record.stored().number;
    decide(issued, decider, Verdict::Approve { number })
}

fn decide(issued: &Issued, decider: &Subject, verdict: Verdict) -> Decision {
    issuer()
        .decide(&issued.record, decider, verdict, b"", now())
        .expect("a decision")
}

fn open_refusal(policy: &Policy, stored: ott_core::Stored) -> Option<Reason> {
    refusal(issuer().open(policy, stored))
}

#[test]
fn a_stranger_neither_approves_nor_denies() {
    let owner = alice();
    for stranger in [
        subject("acme", "4712"),
        subject("", "4711"),
        subject("acm", "4711"),
        subject("acme", "acme"),
    ] {
        let mut issued = issue(&PROMPT, &Binding::subject(&owner), 1);
        for decision in [
            approve(&issued, &stranger),
            decide(&issued, &stranger, Verdict::Deny),
        ] {
            let before = issued.record.clone();
            let answer = refusal(issued.record.decide(&decision, now()));
            assert_eq!(answer, Some(Reason::Stranger), "{stranger:?}");
            assert!(issued.record == before);
            // Written into the row all the same, it does not open.
            let mut stored = issued.record.stored().clone();
            stored.state = State::Ready;
            stored.decision = Some(decision);
            let answer = open_refusal(&PROMPT, stored);
            assert_eq!(answer, Some(Reason::DecisionForged));
        }
    }
}

#[test]
fn a_wrong_or_missing_number_denies() {
    let owner = alice();
    let number = issue(&PROMPT, &Binding::subject(&owner), 2)
        .record
        .stored()
        .number;
    let right = number.unwrap();
    for said in (0..=u8::MAX).map(Some).chain([None]) {
        let mut issued = issue(&PROMPT, &Binding::subject(&owner), 2);
        let decision = decide(&issued, &owner, Verdict::Approve { number: said });
        assert_eq!(refusal(issued.record.decide(&decision, now())), None);
        let state = issued.record.stored().state;
        let expected = if said == Some(right) {
            State::Ready
        } else {
            State::Denied
        };
        assert_eq!(state, expected, "{said:?} for {right}");
    }
    // Where no number is shown, saying one denies too.
    for (said, state) in [(None, State::Ready), (Some(right), State::Denied)] {
        let mut issued = issue(&PLAIN, &Binding::subject(&owner), 3);
        let decision = decide(&issued, &owner, Verdict::Approve { number: said });
        assert_eq!(refusal(issued.record.decide(&decision, now())), None);
        assert_eq!(issued.record.stored().state, state);
    }
}

#[test]
fn the_first_decision_stands() {
    let owner = alice();
    for first in [true, false] {
        for second in [true, false] {
            let mut issued = issue(&PROMPT, &Binding::subject(&owner), 4);
            let pick = |approves| {
                if approves {
                    approve(&issued, &owner)
                } else {
                    decide(&issued, &owner, Verdict::Deny)
                }
            };
            let (one, two) = (pick(first), pick(second));
            assert_eq!(refusal(issued.record.decide(&one, now())), None);
            let before = issued.record.clone();
            let answer = refusal(issued.record.decide(&two, now()));
            let expected = if first {
                Reason::NotWaiting
            } else {
                Reason::Denied
            };
            assert_eq!(answer, Some(expected));
            assert!(issued.record == before);
        }
    }
}

#[test]
fn an_approval_opens_with_the_record_it_was_made_for_and_no_other() {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let mut rng = seeded(5);
    let issued: Vec<Issued> = (0..8)
        .map(|_| issue_at(&issuer(), &PROMPT, &binding, now(), &mut rng))
        .collect();
    for (row, one) in issued.iter().enumerate() {
        for (column, other) in issued.iter().enumerate() {
            let mut stored = one.record.stored().clone();
            stored.state = State::Ready;
            stored.decision = Some(approve(other, &owner));
            let expected = (row != column).then_some(Reason::DecisionForged);
            assert_eq!(open_refusal(&PROMPT, stored), expected, "{row} {column}");
        }
    }
}

#[test]
fn every_part_of_a_decision_is_under_its_tag() {
    let owner = alice();
    let mut issued = issue(&PROMPT, &Binding::subject(&owner), 6);
    let denial = decide(&issued, &owner, Verdict::Deny);
    let decision = approve(&issued, &owner);
    assert_eq!(refusal(issued.record.decide(&decision, now())), None);
    let stored = issued.record.stored().clone();
    assert_eq!(open_refusal(&PROMPT, stored.clone()), None);

    let edits: [Edit; 6] = [
        ("approved", |decision| decision.approved = false),
        ("decider", |decision| {
            decision.decider = subject("acme", "4712");
        }),
        ("tenant", |decision| {
            decision.decider = subject("", "4711");
        }),
        ("data", |decision| decision.data.push(0)),
        ("at", |decision| {
            decision.at += ott_core::chrono::TimeDelta::microseconds(1);
        }),
        ("tag", |decision| decision.tag[31] ^= 1),
    ];
    for (part, edit) in edits {
        let mut edited = stored.clone();
        edit(edited.decision.as_mut().unwrap());
        let answer = open_refusal(&PROMPT, edited);
        assert_eq!(answer, Some(Reason::DecisionForged), "{part}");
    }
    // A denial made into an approval by one bit.
    let mut edited = stored;
    edited.decision = Some(Decision {
        approved: true,
        ..denial
    });
    assert_eq!(open_refusal(&PROMPT, edited), Some(Reason::DecisionForged));
}

#[test]
fn a_state_that_nobody_decided_does_not_open() {
    let owner = alice();
    let issued = issue(&PROMPT, &Binding::subject(&owner), 7);
    let waiting = issued.record.stored();
    let approval = approve(&issued, &owner);
    let denial = decide(&issued, &owner, Verdict::Deny);
    for state in State::ALL {
        for (name, decision) in [
            ("none", None),
            ("approval", Some(&approval)),
            ("denial", Some(&denial)),
        ] {
            let mut stored = waiting.clone();
            stored.state = state;
            stored.decision = decision.cloned();
            let opens = match state {
                State::Ready | State::Spent => name == "approval",
                State::Waiting => name == "none",
                _ => true,
            };
            let expected = (!opens).then_some(Reason::DecisionForged);
            assert_eq!(open_refusal(&PROMPT, stored), expected, "{state:?} {name}");
        }
    }
}

#[test]
fn what_needs_no_approval_opens_with_none_and_never_waits() {
    let owner = alice();
    let binding = Binding::subject(&owner);
    let issued = issue(&CODE, &binding, 8);
    let own = approve(&issued, &owner);
    for state in State::ALL {
        let mut stored = issued.record.stored().clone();
        stored.state = state;
        let waits = state == State::Waiting;
        let answer = open_refusal(&CODE, stored.clone());
        assert_eq!(answer, waits.then_some(Reason::DecisionForged), "{state:?}");
        stored.decision = Some(own.clone());
        let answer = open_refusal(&CODE, stored);
        assert_eq!(answer, Some(Reason::DecisionForged), "{state:?}");
    }
}

#[test]
fn a_decision_gives_an_empty_record_its_subject_within_the_tenant() {
    let (owner, tenant) = (alice(), Binding::tenant("acme"));
    let elsewhere = subject("other", "4711");
    let mut issued = issue(&ATTACH, &tenant, 9);
    assert_eq!(issued.record.stored().owner(), None);
    let foreign = approve(&issued, &elsewhere);
    let answer = refusal(issued.record.decide(&foreign, now()));
    assert_eq!(answer, Some(Reason::Stranger));
    let approval = approve(&issued, &owner);
    assert_eq!(refusal(issued.record.decide(&approval, now())), None);
    assert_eq!(issued.record.stored().owner(), Some(owner.clone()));
    let stored = issued.record.stored().clone();
    assert_eq!(open_refusal(&ATTACH, stored.clone()), None);
    // Whoever edits the row cannot give it to somebody else.
    let mut given = stored.clone();
    given.subject = Some("4712".into());
    assert_eq!(open_refusal(&ATTACH, given), Some(Reason::TagForged));
    let mut given = stored;
    given.decision.as_mut().unwrap().decider = subject("acme", "4712");
    assert_eq!(open_refusal(&ATTACH, given), Some(Reason::DecisionForged));

    // With a subject from the start, nobody else takes it.
    let mut named = issue(&ATTACH, &Binding::subject(&owner), 9);
    let other = approve(&named, &subject("acme", "4712"));
    let answer = refusal(named.record.decide(&other, now()));
    assert_eq!(answer, Some(Reason::Stranger));
}

#[test]
fn a_decision_needs_the_records_key_and_has_bounded_data() {
    let owner = alice();
    let issued = issue(&PROMPT, &Binding::subject(&owner), 10);
    let full = vec![7; MOST_DATA];
    let decide = |issuer: &Issuer, data: &[u8]| {
        issuer
            .decide(&issued.record, &owner, Verdict::Deny, data, now())
            .map(|decision| decision.data)
    };
    assert_eq!(decide(&issuer(), &full), Ok(full.clone()));
    let more = vec![7; MOST_DATA.saturating_add(1)];
    assert_eq!(decide(&issuer(), &more), Err(DecideError::TooMuchData));
    let other = Issuer::new(ring(&[&format!("8 {}", common::OTHER_KEY)]));
    assert_eq!(decide(&other, b""), Err(DecideError::KeyMissing));
}
