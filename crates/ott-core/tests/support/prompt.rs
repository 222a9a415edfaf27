//! A prompt that is brought into any state by its verbs alone.
#![allow(dead_code, reason = "each test file uses a part of it")]

use ott_core::{Binding, Decision, Presented, Reason, Record, State, Verdict};

use crate::common::{PROMPT, alice, issue_at, issuer, now, refusal, seeded, subject};

/// A prompt in any state, and everything that can be said to it.
pub(crate) struct Prompt {
    pub(crate) record: Record,
    pub(crate) right: Presented,
    pub(crate) wrong: Presented,
    pub(crate) approval: Decision,
    pub(crate) denial: Decision,
    pub(crate) strangers: Decision,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verb {
    RedeemRight,
    RedeemWrong,
    Approve,
    Deny,
    DecideAsStranger,
    Revoke,
    Supersede,
    Authenticate,
    Touch,
}

pub(crate) const VERBS: [Verb; 9] = [
    Verb::RedeemRight,
    Verb::RedeemWrong,
    Verb::Approve,
    Verb::Deny,
    Verb::DecideAsStranger,
    Verb::Revoke,
    Verb::Supersede,
    Verb::Authenticate,
    Verb::Touch,
];

impl Prompt {
    pub(crate) fn waiting() -> Self {
        let (issuer, owner) = (issuer(), alice());
        let binding = Binding::subject(&owner);
        let mut rng = seeded(1);
        let issued = issue_at(&issuer, &PROMPT, &binding, now(), &mut rng);
        let other = issue_at(&issuer, &PROMPT, &binding, now(), &mut rng);
        let digest = |typed: &str| {
            let handle = &issued.handle;
            issuer
                .present_by_id(&PROMPT, handle, &binding, typed, now())
                .expect("a token of this format")
        };
        let number = issued.record.stored().number;
        let decide = |who, verdict| {
            issuer
                .decide(&issued.record, who, verdict, b"", now())
                .expect("a decision")
        };
        let approve = Verdict::Approve { number };
        Self {
            right: digest(issued.token.expose_secret()),
            wrong: digest(other.token.expose_secret()),
            approval: decide(&owner, approve),
            denial: decide(&owner, Verdict::Deny),
            strangers: decide(&subject("acme", "4712"), approve),
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
        let mut prompt = Self::waiting();
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
            prompt.say(*verb);
        }
        assert_eq!(prompt.record.stored().state, state);
        prompt
    }
}
