//! A key ring and the rules: opens what a store returns, checks it, decides about it.

use alloc::vec::Vec;

use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq;

use crate::{
    Binding, Decider, Decision, KeyRing, MAX_DATA, Outcome, Policy, Reason, Record, Rejected,
    Start, State, Stored, StoredDecision, Verdict,
    messages::{binding_digest, decision_tag, record_tag},
    stored::decides_for,
    subject::check_name,
    whole_micros,
};

/// A key ring and the rules.
#[derive(Debug)]
pub struct Issuer {
    keys: KeyRing,
    not_before: Option<DateTime<Utc>>,
}

impl Issuer {
    /// An issuer with these keys.
    #[must_use]
    pub const fn new(keys: KeyRing) -> Self {
        Self {
            keys,
            not_before: None,
        }
    }

    /// Refuses every record that was issued before `time`: set it to the moment of a restore, since
    /// the backup brings back tokens that were spent after it was made.
    #[must_use]
    pub fn not_before(self, time: DateTime<Utc>) -> Self {
        Self {
            not_before: Some(time),
            ..self
        }
    }

    /// The key ring.
    #[must_use]
    pub const fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Makes a record of what a store returned.
    ///
    /// # Errors
    /// [`Rejected`]: another policy's, an unknown or retired key, a wrong tag, an approval that is
    /// missing or forged, or issued before [`Issuer::not_before`]. [`Reason::KeyMissing`] is an
    /// outage: an operator must add the key.
    pub fn open(&self, policy: &Policy, stored: Stored) -> Result<Record, Rejected> {
        let refuse = |reason| Err(Rejected::new(reason));
        if stored.purpose != policy.purpose().as_str() || stored.policy != policy.fingerprint() {
            return refuse(Reason::Policy);
        }
        let Some(key) = self.keys.find(stored.key) else {
            return refuse(Reason::KeyMissing);
        };
        if !same(&record_tag(key, &stored), &stored.tag) {
            return refuse(Reason::TagForged);
        }
        if key
            .retired_at
            .is_some_and(|retired| stored.issued_at >= retired)
        {
            return refuse(Reason::KeyRetired);
        }
        if self
            .not_before
            .is_some_and(|start| stored.issued_at < start)
        {
            return refuse(Reason::NotBefore);
        }
        let decided = match &stored.decision {
            None => None,
            Some(decision) if same(&decision_tag(key, &stored.tag, decision), &decision.tag) => {
                Some(decision)
            }
            Some(_) => return refuse(Reason::DecisionForged),
        };
        let needs_approval = matches!(policy.starting(), Start::Waiting { .. });
        let approved = decided.is_some_and(|decision| {
            let approves = decision.outcome == Outcome::Approved;
            // That a person may become the subject was asked where the decision was made.
            approves && decides_for(&decision.decider, &stored)
        });
        match stored.state {
            State::Ready | State::Spent if needs_approval && !approved => {
                refuse(Reason::DecisionForged)
            }
            // A decision ends the wait: one that stands beside it was left by an edited state.
            State::Waiting if !needs_approval || decided.is_some() => {
                refuse(Reason::DecisionForged)
            }
            _ if decided.is_some() && !needs_approval => refuse(Reason::DecisionForged),
            _ => Ok(Record::trusted(stored)),
        }
    }

    /// Checks the whole binding of a record that was found by its token alone.
    ///
    /// # Errors
    /// [`Rejected`] ([`Reason::Binding`], or [`Reason::KeyMissing`]).
    pub fn check(&self, record: &Record, binding: &Binding<'_>) -> Result<(), Rejected> {
        let stored = record.stored();
        let key = self
            .keys
            .find(stored.key)
            .ok_or(Rejected::new(Reason::KeyMissing))?;
        if same(&binding_digest(key, &stored.id, binding), &stored.binding) {
            Ok(())
        } else {
            Err(Rejected::new(Reason::Binding))
        }
    }

    /// Makes a decision about one record of this policy. An approval with a wrong or missing number
    /// denies.
    ///
    /// # Errors
    /// [`DecideError`]: too much data, a key that the ring lacks, another policy's record, or a decider who may
    /// not.
    pub fn decide(
        &self,
        policy: &Policy,
        record: &Record,
        decider: &Decider,
        verdict: Verdict,
        data: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Decision, DecideError> {
        let stored = record.stored();
        if stored.policy != policy.fingerprint() {
            return Err(DecideError::Policy);
        }
        let key = self.keys.find(stored.key).ok_or(DecideError::KeyMissing)?;
        if data.len() > MAX_DATA {
            return Err(DecideError::TooMuchData);
        }
        if let Decider::System(name) = decider
            && (name.is_empty() || check_name(name).is_err())
        {
            return Err(DecideError::System);
        }
        if would_bind(policy, decider, stored) {
            return Err(DecideError::Stranger);
        }
        let mut decision = StoredDecision {
            outcome: match verdict {
                Verdict::Approve { number } if number == stored.number => Outcome::Approved,
                Verdict::Approve { .. } | Verdict::Deny => Outcome::Denied,
                Verdict::Report => Outcome::Reported,
            },
            decider: decider.clone(),
            data: Vec::from(data),
            at: whole_micros(now),
            tag: [0; 32],
        };
        decision.tag = decision_tag(key, &stored.tag, &decision);
        Ok(Decision::new(stored.id, decision))
    }
}

/// Whether a person would become the subject of a record that has none, where the policy does not say
/// so.
fn would_bind(policy: &Policy, decider: &Decider, stored: &Stored) -> bool {
    let binds = matches!(
        policy.starting(),
        Start::Waiting {
            binds_subject: true,
            ..
        }
    );
    decider.subject().is_some() && stored.subject.is_none() && !binds
}

fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

/// Why no decision was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// The record names a key that the ring lacks.
    #[error("the key ring lacks the record's key")]
    KeyMissing,
    /// The record belongs to another policy.
    #[error("the record belongs to another policy")]
    Policy,
    /// A person would become the subject of a record that has none, and the policy does not say so.
    #[error("the decider is not the record's subject")]
    Stranger,
    /// A system's name that is empty, too long or has control characters.
    #[error("a system that decides has a name of 1 to 255 bytes")]
    System,
    /// More data than a decision carries.
    #[error("a decision carries at most {MAX_DATA} bytes of data")]
    TooMuchData,
}
