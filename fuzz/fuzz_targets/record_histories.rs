//! Histories of a record: after every verb, at any time, in any order, `Record` stands where the
//! rules ([`fuzz::rules`]) say.

#![cfg_attr(feature = "libfuzzer", no_main)]

use arbitrary::Arbitrary;
use fuzz::{
    people::{
        Made, NOW, POLICIES, at, issuer, make, other_ring, retired_ring, seeded, subject, waits,
    },
    rules::{By, MINUTE, Model, Place, Said, Which},
};
use ott_core::{
    Binding, Decider, Decision, Handle, IssueOptions, Issuer, Lookup, Policy, Presented, Reason,
    Record, State, Subject, Token, Verdict,
};

#[derive(Arbitrary, Debug)]
struct Input {
    policy: u8,
    retired: Distance,
    not_before: Option<Distance>,
    verbs: Vec<(Moment, Verb)>,
}

/// So far from the moment of issue.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Distance {
    Micros(i8),
    Seconds(i32),
}

/// When a verb is said: an edge of the record's life, or so long after the verb before.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Moment {
    Begin(i8),
    End(i8),
    Later(u32),
    Longer { hours: u16 },
    Now,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Verb {
    Approve {
        stranger: bool,
        other_tenant: bool,
        number: Said,
    },
    Authenticate(Which),
    Deny {
        stranger: bool,
        reports: bool,
    },
    Redeem(Which),
    Revoke,
    Supersede,
    /// A part of the application decides.
    System {
        approves: bool,
    },
    Touch,
    /// An end that is none.
    WrongEnd(u8),
}

/// A record with everything that can be said to it.
struct Subjected {
    policy: Policy,
    issuer: Issuer,
    /// Where the record's key is retired, and perhaps a backup came back.
    rotated: Issuer,
    token: Option<Token>,
    handle: Handle,
    record: Record,
    right: Presented,
    wrong: Presented,
    other_key: Presented,
    other_record: Presented,
}

fuzz::fuzz_target!(|input: Input| {
    let policy = &POLICIES[usize::from(input.policy) % POLICIES.len()];
    let retired = input.retired.since_issue();
    let not_before = input.not_before.map(Distance::since_issue);
    let mut subjected = Subjected::new(policy, retired, not_before);
    let first = subjected.record.stored().clone();
    let mut model = Model {
        place: if waits(policy) {
            Place::Waiting
        } else {
            Place::Ready
        },
        attempts: 0,
        most: match policy.token_lookup() {
            Lookup::ByHandle { attempts } => Some(attempts.into()),
            _ => None,
        },
        issued: NOW.into(),
        expires: policy
            .token_lifetime()
            .map(|life| i128::from(NOW) + micros(life)),
        idle: (policy.purpose().as_str() == "session").then_some(86_400_000_000),
        used: None,
        lifetime: policy.token_lifetime().map(micros),
        retired: retired.into(),
        not_before: not_before.map(i128::from),
        owner: (policy.purpose().as_str() != "pair").then_some("4711"),
        number: first.number,
        by_handle: matches!(
            policy.token_lookup(),
            Lookup::ByHandle { .. } | Lookup::Parked
        ),
        approved: false,
    };
    assert!(model.matches(&first));
    let numbers = match policy.purpose().as_str() {
        "approve" => 10..100,
        "prompt" => 100_000..1_000_000,
        _ => 0..0,
    };
    assert_eq!(first.number.is_some(), !numbers.is_empty());
    assert!(first.number.is_none_or(|number| numbers.contains(&number)));

    let mut now = NOW;
    for (moment, verb) in input.verbs.iter().take(40) {
        now = moment.after(now, &model);
        assert_eq!(
            subjected.record.stored().is_live(at(now)),
            model.lives(now.into())
        );
        let purgeable = subjected.record.stored().is_dead_before(at(now));
        assert_eq!(purgeable, model.purgeable(now.into()), "{verb:?}");
        let (found, expected) = subjected.say(*verb, now, &mut model);
        assert_eq!(found, expected, "{verb:?} at {now}");
        let stored = subjected.record.stored();
        assert!(model.matches(stored), "{verb:?} at {now}: {stored:?}");
        // The tag covers the rest, so what the rules reach is opened again.
        let opened = subjected.issuer.open(policy, stored.clone());
        assert!(
            opened.is_ok_and(|record| record == subjected.record),
            "{stored:?}"
        );
        let opened = subjected.rotated.open(policy, stored.clone());
        assert_eq!(opened.err().map(|r| r.reason()), model.closed());
    }
});

fn micros(span: ott_core::chrono::TimeDelta) -> i128 {
    i128::from(span.num_microseconds().expect("a hundred years at most"))
}

impl Distance {
    fn since_issue(self) -> i64 {
        NOW + match self {
            Self::Micros(micros) => micros.into(),
            Self::Seconds(seconds) => i64::from(seconds) * 1_000_000,
        }
    }
}

impl Moment {
    fn after(self, now: i64, model: &Model) -> i64 {
        let edge = |edge: i128, distance: i8| {
            i64::try_from(edge + i128::from(distance)).expect("within the calendar")
        };
        let last = model.used.unwrap_or(model.issued);
        let more = if model.approved { MINUTE } else { 0 };
        let end = model
            .idle
            .map(|idle| last + idle)
            .or(model.expires.map(|end| end + more));
        match self {
            Self::Begin(distance) => edge(model.issued - MINUTE, distance),
            Self::End(distance) => edge(end.unwrap_or(model.issued), distance),
            Self::Later(micros) => now + i64::from(micros),
            Self::Longer { hours } => now + i64::from(hours) * 3_600_000_000,
            Self::Now => now,
        }
    }
}

impl Subjected {
    fn new(policy: &Policy, retired: i64, not_before: Option<i64>) -> Self {
        let (issuer, mut rng) = (issuer(), seeded(1));
        let mut rotated = Issuer::new(retired_ring(retired));
        if let Some(start) = not_before {
            rotated = rotated.not_before(at(start));
        }
        let owner = subject("acme", "4711");
        let binding = binding(policy, &owner);
        let mut issue = || make(&issuer, policy, &binding, IssueOptions::default(), &mut rng);
        let (issued, other) = (issue(), issue());
        let other_key = Issuer::new(other_ring());
        let right = |made: &Made, issuer| {
            present(policy, issuer, &made.handle, made.token.as_ref(), 0, NOW)
        };
        let wrong = other.token.as_ref();
        Self {
            right: right(&issued, &issuer),
            // Of what is parked the binding is wrong: it has no token.
            wrong: present(policy, &issuer, &issued.handle, wrong, 1, NOW),
            other_key: right(&issued, &other_key),
            other_record: right(&other, &issuer),
            policy: *policy,
            token: issued.token,
            handle: issued.handle,
            record: issued.record,
            issuer,
            rotated,
        }
    }

    fn presented(&self, which: Which, now: i64) -> Presented {
        match which {
            Which::Right => self.right.clone(),
            Which::Wrong => self.wrong.clone(),
            Which::OtherKey => self.other_key.clone(),
            Which::OtherRecord => self.other_record.clone(),
            Which::AfterRotation => {
                let token = self.token.as_ref();
                present(&self.policy, &self.rotated, &self.handle, token, 0, now)
            }
        }
    }

    fn decision(&self, by: By, verdict: Verdict, now: i64) -> Decision {
        let decider = match by {
            By::Person { tenant, id } => Decider::Subject(subject(tenant, id)),
            By::System => Decider::System("captcha".into()),
        };
        let issuer = &self.issuer;
        let decision = issuer.decide(&self.policy, &self.record, &decider, verdict, b"", at(now));
        decision.expect("a decision")
    }

    /// Says one verb to both.
    fn say(
        &mut self,
        verb: Verb,
        now: i64,
        model: &mut Model,
    ) -> (Result<(), Reason>, Result<(), Reason>) {
        let time = i128::from(now);
        let id = |stranger| if stranger { "4712" } else { "4711" };
        match verb {
            Verb::Redeem(which) => {
                let presented = self.presented(which, now);
                let found = self.record.redeem(&presented, at(now));
                (found.map_err(|r| r.reason()), model.redeem(which, time))
            }
            Verb::Authenticate(which) => {
                let presented = self.presented(which, now);
                let found = self.record.authenticate(&presented, at(now));
                let mut copy = model.clone();
                // As a redeem that changes nothing: it uses nothing up either.
                copy.most = copy.most.map(|_| u32::MAX);
                (found.map_err(|r| r.reason()), copy.redeem(which, time))
            }
            Verb::Approve {
                stranger,
                other_tenant,
                number,
            } => {
                let right = self.record.stored().number;
                let said = match number {
                    Said::Missing => None,
                    Said::Other => Some(right.unwrap_or(42) ^ 1),
                    Said::Right => right,
                };
                let tenant = if other_tenant { "other" } else { "acme" };
                let by = By::Person {
                    tenant,
                    id: id(stranger),
                };
                let verdict = Verdict::Approve { number: said };
                self.decide(by, verdict, model.approves(number), now, model)
            }
            Verb::Deny { stranger, reports } => {
                let by = By::Person {
                    tenant: "acme",
                    id: id(stranger),
                };
                let verdict = if reports {
                    Verdict::Report
                } else {
                    Verdict::Deny
                };
                self.decide(by, verdict, false, now, model)
            }
            Verb::System { approves } => {
                let number = self.record.stored().number;
                let verdict = if approves {
                    Verdict::Approve { number }
                } else {
                    Verdict::Deny
                };
                self.decide(By::System, verdict, approves, now, model)
            }
            Verb::Revoke => self.end(State::Revoked, Some(Reason::Revoked), model),
            Verb::Supersede => self.end(State::Superseded, Some(Reason::Superseded), model),
            Verb::WrongEnd(number) => {
                let ends = [
                    State::Waiting,
                    State::Ready,
                    State::Denied,
                    State::Exhausted,
                    State::Spent,
                ];
                self.end(ends[usize::from(number) % ends.len()], None, model)
            }
            Verb::Touch => {
                self.record.touch(at(now));
                if model.place == Place::Ready && model.lives(time) {
                    model.used = model.used.max(Some(time));
                }
                (Ok(()), Ok(()))
            }
        }
    }

    fn decide(
        &mut self,
        by: By,
        verdict: Verdict,
        approves: bool,
        now: i64,
        model: &mut Model,
    ) -> (Result<(), Reason>, Result<(), Reason>) {
        let decision = self.decision(by, verdict, now);
        let found = self.record.decide(&decision, at(now));
        (
            found.map_err(|r| r.reason()),
            model.decide(approves, by, now.into()),
        )
    }

    /// Answers `Pending` where nothing ended, for want of a reason of its own.
    fn end(
        &mut self,
        end: State,
        as_what: Option<Reason>,
        model: &mut Model,
    ) -> (Result<(), Reason>, Result<(), Reason>) {
        let told = |ended: bool| ended.then_some(()).ok_or(Reason::Pending);
        let living = !matches!(model.place, Place::Over(_));
        let expected = match as_what.filter(|_| living) {
            Some(reason) => {
                model.place = Place::Over(reason);
                true
            }
            None => false,
        };
        (told(self.record.end(end)), told(expected))
    }
}

fn binding<'a>(policy: &Policy, owner: &'a Subject) -> Binding<'a> {
    match policy.purpose().as_str() {
        "pair" => Binding::tenant("acme"),
        _ => Binding::subject(owner),
    }
}

/// Presents what there is: a token, or the handle alone. `epoch` 0 is the record's own, none.
fn present(
    policy: &Policy,
    issuer: &Issuer,
    handle: &Handle,
    token: Option<&Token>,
    epoch: u64,
    now: i64,
) -> Presented {
    let (owner, typed) = (
        subject("acme", "4711"),
        token.map_or("", Token::expose_secret),
    );
    let binding = binding(policy, &owner);
    let presented = match policy.token_lookup() {
        Lookup::ByHandle { .. } => {
            issuer.present_by_handle(policy, handle, &binding, typed, at(now))
        }
        Lookup::BySubject => issuer.present_by_subject(policy, &binding, typed, at(now)),
        Lookup::ByItself => issuer.present_by_itself(policy, "acme", typed, at(now)),
        Lookup::Parked if epoch == 0 => issuer.present_parked(policy, handle, &binding, at(now)),
        Lookup::Parked => issuer.present_parked(policy, handle, &binding.epoch(epoch), at(now)),
    };
    presented.expect("a token of this format")
}
