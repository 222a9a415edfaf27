//! A record that waits for an approval, brought into any state by its verbs alone.
#![allow(dead_code, reason = "each test file uses a part of it")]

use ott_core::{Binding, Decider, Decision, Presented, Reason, Record, State, Subject, Verdict};

use crate::common::{
    APPROVAL, alice, approve, decide, issue_at, issuer, now, refusal, seeded, subject,
};

/// A record in any state, and everything that can be said to it.
pub(crate) struct Approval {
    pub(crate) record: Record,
    pub(crate) right: Presented,
    pub(crate) wrong: Presented,
    pub(crate) approval: Decision,
    pub(crate) denial: Decision,
    pub(crate) report: Decision,
    pub(crate) systems: Decision,
    pub(crate) strangers: Decision,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verb {
    RedeemRight,
    RedeemWrong,
    Approve,
    Deny,
    Report,
    ApproveAsSystem,
    DecideAsStranger,
    Revoke,
    Supersede,
    Authenticate,
    Touch,
}

pub(crate) const VERBS: [Verb; 11] = [
    Verb::RedeemRight,
    Verb::RedeemWrong,
    Verb::Approve,
    Verb::Deny,
    Verb::Report,
    Verb::ApproveAsSystem,
    Verb::DecideAsStranger,
    Verb::Revoke,
    Verb::Supersede,
    Verb::Authenticate,
    Verb::Touch,
];

pub(crate) fn system() -> Decider {
    Decider::System("captcha".into())
}

pub(crate) fn stranger() -> Subject {
    subject("acme", "4712")
}

impl Approval {
    pub(crate) fn waiting() -> Self {
        let (issuer, owner) = (issuer(), alice());
        let binding = Binding::subject(&owner);
        let mut rng = seeded(1);
        let issued = issue_at(&issuer, &APPROVAL, &binding, now(), &mut rng);
        let other = issue_at(&issuer, &APPROVAL, &binding, now(), &mut rng);
        let digest = |typed: &str| {
            let handle = &issued.handle;
            issuer
                .present_by_handle(&APPROVAL, handle, &binding, typed, now())
                .expect("a token of this format")
        };
        let record = &issued.record;
        let number = record.stored().number;
        let by_system = issuer.decide(
            &APPROVAL,
            record,
            &system(),
            Verdict::Approve { number },
            b"",
            now(),
        );
        Self {
            right: digest(issued.token.expose_secret()),
            wrong: digest(other.token.expose_secret()),
            approval: approve(&APPROVAL, record, &owner),
            denial: decide(&APPROVAL, record, &owner, Verdict::Deny),
            report: decide(&APPROVAL, record, &owner, Verdict::Report),
            systems: by_system.expect("a decision"),
            strangers: approve(&APPROVAL, record, &stranger()),
            record: issued.record,
        }
    }

    /// Says why it was refused, if it was.
    pub(crate) fn say(&mut self, verb: Verb) -> Option<Reason> {
        let end = |record: &mut Record, end| {
            let before = record.stored().state.refusal();
            if record.end(end) { None } else { before }
        };
        match verb {
            Verb::RedeemRight => refusal(self.record.redeem(&self.right, now())),
            Verb::RedeemWrong => refusal(self.record.redeem(&self.wrong, now())),
            Verb::Approve => refusal(self.record.decide(&self.approval, now())),
            Verb::Deny => refusal(self.record.decide(&self.denial, now())),
            Verb::Report => refusal(self.record.decide(&self.report, now())),
            Verb::ApproveAsSystem => refusal(self.record.decide(&self.systems, now())),
            Verb::DecideAsStranger => refusal(self.record.decide(&self.strangers, now())),
            Verb::Revoke => end(&mut self.record, State::Revoked),
            Verb::Supersede => end(&mut self.record, State::Superseded),
            Verb::Authenticate => refusal(self.record.authenticate(&self.right, now())),
            Verb::Touch => {
                self.record.touch(now());
                None
            }
        }
    }

    /// In this state, brought there by the verbs alone.
    pub(crate) fn at(state: State) -> Self {
        let mut approval = Self::waiting();
        let path: &[Verb] = match state {
            State::Waiting => &[],
            State::Ready => &[Verb::Approve],
            State::Denied => &[Verb::Deny],
            State::Exhausted => &[Verb::RedeemWrong; 5],
            State::Revoked => &[Verb::Revoke],
            State::Spent => &[Verb::Approve, Verb::RedeemRight],
            State::Superseded => &[Verb::Supersede],
        };
        for verb in path {
            approval.say(*verb);
        }
        assert_eq!(approval.record.stored().state, state);
        approval
    }
}
