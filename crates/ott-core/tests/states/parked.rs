//! Parked records: taken up once, in their context.

use ott_core::{
    Binding, Destination, IssueOptions, Parked, Policy, Presented, Purpose, Reason, Record, State,
    Verdict,
};

use crate::common::{
    PARKED, PROMPT, alice, decide, issuer, now, park_at, refusal, seeded, subject,
};

/// What is parked for the subject, and what its handle presents.
pub(crate) fn parked(policy: &Policy) -> (Record, Presented, Parked) {
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
