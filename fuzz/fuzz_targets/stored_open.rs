//! What a store returns opens only if nothing that the tag covers was edited, and if state and
//! decision can have come about.
#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use fuzz::people::{NOW, POLICIES, at, issuer, make, seeded, subject, waits};
use ott_core::{
    Binding, Decider, IssueOptions, Issuer, KeyId, Outcome, Policy, Reason, Record, RecordId,
    State, Stored, StoredDecision, Subject, TokenDigest, Verdict,
};

#[derive(Arbitrary, Debug)]
struct Input {
    policy: u8,
    opened_under: Option<u8>,
    seed: u64,
    data: Vec<u8>,
    decided: Option<Decided>,
    edits: Vec<Edit>,
    looked_at: i64,
    made_up: MadeUp,
}

/// A decision that was really made, by whomever.
#[derive(Arbitrary, Debug)]
struct Decided {
    approves: bool,
    reports: bool,
    wrong_number: bool,
    system: bool,
    stranger: bool,
    other_tenant: bool,
    data: Vec<u8>,
}

/// One column, edited by whoever writes to the database.
#[derive(Arbitrary, Clone, Debug)]
enum Edit {
    Attempts(u32),
    Binding(u8, u8),
    Data(Vec<u8>),
    DecisionAt(i64),
    DecisionData(Vec<u8>),
    DecisionDecider(String),
    DecisionGone,
    DecisionOutcome(u8),
    DecisionSystem(String),
    DecisionTag(u8, u8),
    Digest(u8, u8),
    ExpiresAt(Option<i64>),
    Id(u8, u8),
    IdleMicros(Option<i64>),
    IssuedAt(i64),
    Key(u32),
    MaxAttempts(Option<u16>),
    Number(Option<u32>),
    Policy(u8, u8),
    Purpose(String),
    Slot(Option<[u8; 16]>),
    State(u8),
    Subject(Option<String>),
    Tag(u8, u8),
    Tenant(String),
    UsedAt(Option<i64>),
}

/// A whole row without a key.
#[derive(Arbitrary, Debug)]
struct MadeUp {
    edits: [Edit; 4],
    binding: [u8; 32],
    digest: [u8; 32],
    tag: [u8; 32],
    issued_at: i64,
}

fuzz::fuzz_target!(|input: Input| {
    let policy = &POLICIES[usize::from(input.policy) % POLICIES.len()];
    let (issuer, owner) = (issuer(), subject("acme", "4711"));
    let binding = Binding::subject(&owner);
    let data = input.data.get(..64).unwrap_or(&input.data);
    let options = IssueOptions {
        data,
        ..IssueOptions::default()
    };
    let issued = make(&issuer, policy, &binding, options, &mut seeded(input.seed));
    let original = issued.record.stored().clone();
    assert!(
        issuer
            .open(policy, original.clone())
            .is_ok_and(|record| record == issued.record)
    );

    // A decision of any kind, written as a store writes it: state and decision in one step.
    let mut written = original.clone();
    if let Some(decided) = &input.decided {
        let decision = decided.decision(&issuer, policy, &issued.record);
        written.state = if decision.outcome == Outcome::Approved {
            State::Ready
        } else {
            State::Denied
        };
        written.decision = Some(decision);
    }
    let made = written.decision.clone();
    for edit in input.edits.iter().take(6) {
        edit.apply(&mut written);
    }
    let covered = covered_equal(&original, &written);
    let allowed = covered && reachable(policy, &written, made.as_ref());
    let other = input
        .opened_under
        .map(|at| usize::from(at) % POLICIES.len());
    let same_policy = other.is_none_or(|other| POLICIES[other] == *policy);
    let under = other.map_or(policy, |other| &POLICIES[other]);

    looked_at(&written, input.looked_at);
    match issuer.open(under, written.clone()) {
        Ok(record) => {
            assert!(allowed && same_policy, "opened: {written:?}");
            assert!(*record.stored() == written);
        }
        Err(refused) => {
            assert!(
                !(allowed && same_policy),
                "{:?}: {written:?}",
                refused.reason()
            );
            if !same_policy {
                assert_eq!(refused.reason(), Reason::Policy);
            } else if covered {
                assert_eq!(refused.reason(), Reason::DecisionForged);
            }
        }
    }

    let mut made_up = original.clone();
    for edit in &input.made_up.edits {
        edit.apply(&mut made_up);
    }
    made_up.binding = input.made_up.binding;
    made_up.digest = TokenDigest::from_bytes(input.made_up.digest);
    made_up.tag = input.made_up.tag;
    made_up.issued_at = at(input.made_up.issued_at);
    looked_at(&made_up, input.looked_at);
    let opened = issuer.open(policy, made_up.clone()).is_ok();
    assert!(
        !opened || covered_equal(&original, &made_up),
        "a row was made up"
    );
});

/// Whatever a row holds, asking it about its life is safe, and what is over is not live.
fn looked_at(stored: &Stored, micros: i64) {
    let now = at(micros);
    let live = stored.is_live(now);
    let dead = stored.is_dead_before(now);
    assert!(!(live && dead) || stored.state.refusal().is_some());
    drop((stored.owner(), format!("{stored:?}")));
}

fn covered_equal(one: &Stored, other: &Stored) -> bool {
    let covered = |stored: &Stored| Stored {
        state: State::Ready,
        attempts: 0,
        used_at: None,
        decision: None,
        ..stored.clone()
    };
    covered(one) == covered(other)
}

/// Whether state and decision fit a record of this policy, given the decision that was made.
fn reachable(policy: &Policy, written: &Stored, made: Option<&StoredDecision>) -> bool {
    let genuine = written.decision.is_none() || written.decision.as_ref() == made;
    let approved = written.decision.as_ref().is_some_and(|decision| {
        let known = match &decision.decider {
            Decider::Subject(person) => {
                person.tenant() == written.tenant && written.subject.as_deref() == Some(person.id())
            }
            Decider::System(_) => true,
        };
        decision.outcome == Outcome::Approved && known
    });
    let fits = match (waits(policy), written.state) {
        (false, State::Waiting) => false,
        (false, _) => written.decision.is_none(),
        (true, State::Waiting) => written.decision.is_none(),
        (true, State::Ready | State::Spent) => approved,
        (true, _) => true,
    };
    genuine && fits
}

impl Decided {
    fn decision(&self, issuer: &Issuer, policy: &Policy, record: &Record) -> StoredDecision {
        let data = self.data.get(..64).unwrap_or(&self.data);
        let id = if self.stranger { "4712" } else { "4711" };
        let tenant = if self.other_tenant { "other" } else { "acme" };
        let decider = if self.system {
            Decider::System("captcha".into())
        } else {
            Decider::Subject(subject(tenant, id))
        };
        let number = record.stored().number;
        let number = if self.wrong_number {
            number.map(|n| n ^ 1)
        } else {
            number
        };
        let verdict = match (self.approves, self.reports) {
            (true, _) => Verdict::Approve { number },
            (false, true) => Verdict::Report,
            (false, false) => Verdict::Deny,
        };
        let decision = issuer.decide(policy, record, &decider, verdict, data, at(NOW));
        decision.expect("a decision").stored().clone()
    }
}

impl Edit {
    fn apply(&self, stored: &mut Stored) {
        let flip = |bytes: &mut [u8], place: u8, bits: u8| {
            let place = usize::from(place) % bytes.len();
            bytes[place] ^= bits;
        };
        match self.clone() {
            Self::Attempts(attempts) => stored.attempts = attempts,
            Self::Binding(place, bits) => flip(&mut stored.binding, place, bits),
            Self::Data(data) => stored.data = data,
            Self::Digest(place, bits) => {
                let mut digest = *stored.digest.as_bytes();
                flip(&mut digest, place, bits);
                stored.digest = TokenDigest::from_bytes(digest);
            }
            Self::ExpiresAt(micros) => stored.expires_at = micros.map(at),
            Self::Id(place, bits) => {
                let mut id = *stored.id.as_bytes();
                flip(&mut id, place, bits);
                stored.id = RecordId::from_bytes(id);
            }
            Self::IdleMicros(idle) => stored.idle_micros = idle,
            Self::IssuedAt(micros) => stored.issued_at = at(micros),
            Self::Key(id) => stored.key = KeyId(id),
            Self::MaxAttempts(most) => stored.max_attempts = most,
            Self::Number(number) => stored.number = number,
            Self::Policy(place, bits) => flip(&mut stored.policy, place, bits),
            Self::Purpose(purpose) => stored.purpose = purpose,
            Self::Slot(slot) => stored.slot = slot,
            Self::State(number) => {
                stored.state = State::ALL[usize::from(number) % State::ALL.len()];
            }
            Self::Subject(subject) => stored.subject = subject,
            Self::Tag(place, bits) => flip(&mut stored.tag, place, bits),
            Self::Tenant(tenant) => stored.tenant = tenant,
            Self::UsedAt(micros) => stored.used_at = micros.map(at),
            edit => edit.decision(&mut stored.decision),
        }
    }

    fn decision(self, decision: &mut Option<StoredDecision>) {
        if let Self::DecisionGone = self {
            *decision = None;
        }
        let Some(decision) = decision else {
            return;
        };
        match self {
            Self::DecisionOutcome(number) => {
                decision.outcome = Outcome::ALL[usize::from(number) % Outcome::ALL.len()];
            }
            Self::DecisionSystem(name) => decision.decider = Decider::System(name),
            Self::DecisionAt(micros) => decision.at = at(micros),
            Self::DecisionData(data) => decision.data = data,
            Self::DecisionDecider(id) => {
                if let Ok(decider) = Subject::new("acme", id) {
                    decision.decider = Decider::Subject(decider);
                }
            }
            Self::DecisionTag(place, bits) => decision.tag[usize::from(place) % 32] ^= bits,
            _ => {}
        }
    }
}
