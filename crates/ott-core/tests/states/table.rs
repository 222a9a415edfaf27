//! Each state with each verb, and the numbers that states are kept under.

use ott_core::{Issuer, Reason, State};

use crate::{
    approval::{Approval, VERBS, Verb},
    common::{APPROVAL, alice, issuer, now, refusal},
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
