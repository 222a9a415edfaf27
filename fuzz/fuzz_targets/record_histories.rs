//! Histories of a record: after every verb, at any time, in any order, `Record` stands where the
//! rules say. They are said again here, as plain data, without a line of `ott-core`.
#![no_main]

use arbitrary::Arbitrary;
use fuzz::people::{NOW, POLICIES, at, issuer, other_ring, seeded, subject};
use libfuzzer_sys::fuzz_target;
use ott_core::{
    Binding, Decision, Extra, Handle, Issuer, Lookup, Policy, Presented, Reason, Record, State,
    Stored, Verdict,
};

#[derive(Arbitrary, Debug)]
struct Input {
    policy: u8,
    verbs: Vec<(Moment, Verb)>,
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
        wrong_number: bool,
    },
    Authenticate(Which),
    Deny {
        stranger: bool,
    },
    Redeem(Which),
    Revoke,
    Supersede,
    Touch,
    /// An end that is none.
    WrongEnd(u8),
}

/// What is presented.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Which {
    Right,
    Wrong,
    /// Digested without the record's key.
    OtherKey,
    /// For another record.
    OtherRecord,
}

/// The rules: README and `docs/states.md` in arithmetic. Times are microseconds of 128 bits.
#[derive(Clone)]
struct Model {
    place: Place,
    attempts: u32,
    most: Option<u32>,
    issued: i128,
    expires: Option<i128>,
    idle: Option<i128>,
    used: Option<i128>,
    owner: Option<&'static str>,
    by_id: bool,
    approved: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Waiting,
    Ready,
    /// Final, with the refusal that it answers everything with.
    Over(Reason),
}

const MINUTE: i128 = 60_000_000;

impl Model {
    fn lives(&self, now: i128) -> bool {
        let more = if self.approved { MINUTE } else { 0 };
        let last = self.used.unwrap_or(self.issued);
        now >= self.issued - MINUTE
            && self.expires.is_none_or(|end| now < end + more)
            && self.idle.is_none_or(|idle| now - last < idle)
    }

    fn purgeable(&self, now: i128) -> bool {
        let last = self.used.unwrap_or(self.issued);
        let ended = |end: Option<i128>| end.is_some_and(|end| end + MINUTE <= now);
        ended(self.expires)
            || ended(self.idle.map(|idle| last + idle))
            || (matches!(self.place, Place::Over(_)) && self.issued < now)
    }

    /// The answer to a right or wrong token, and whether it counts.
    fn redeem(&mut self, which: Which, now: i128) -> Result<(), Reason> {
        // Without a handle a wrong token is another record's.
        if which == Which::OtherRecord || (which == Which::Wrong && !self.by_id) {
            return Err(Reason::Unknown);
        }
        match self.place {
            Place::Over(reason) => return Err(reason),
            _ if !self.lives(now) => return Err(Reason::Expired),
            _ if which == Which::OtherKey => return Err(Reason::KeyMissing),
            Place::Waiting if which == Which::Right => return Err(Reason::Pending),
            _ => {}
        }
        self.attempts += 1;
        if which == Which::Right {
            self.place = Place::Over(Reason::Spent);
            self.used = Some(now);
            return Ok(());
        }
        if self.most == Some(self.attempts) {
            self.place = Place::Over(Reason::Exhausted);
            return Err(Reason::Exhausted);
        }
        Err(Reason::Mismatch)
    }

    fn decide(&mut self, approves: bool, known: bool, now: i128) -> Result<(), Reason> {
        match self.place {
            Place::Over(reason) => return Err(reason),
            Place::Ready => return Err(Reason::NotWaiting),
            Place::Waiting if !self.lives(now) => return Err(Reason::Expired),
            Place::Waiting if !known => return Err(Reason::Stranger),
            Place::Waiting => {}
        }
        self.place = if approves {
            Place::Ready
        } else {
            Place::Over(Reason::Denied)
        };
        self.approved = approves;
        Ok(())
    }

    fn matches(&self, stored: &Stored) -> bool {
        let place = match stored.state {
            State::Waiting => Place::Waiting,
            State::Ready => Place::Ready,
            State::Denied => Place::Over(Reason::Denied),
            State::Exhausted => Place::Over(Reason::Exhausted),
            State::Revoked => Place::Over(Reason::Revoked),
            State::Spent => Place::Over(Reason::Spent),
            State::Superseded => Place::Over(Reason::Superseded),
        };
        let used = stored
            .used_at
            .map(|used| i128::from(used.timestamp_micros()));
        let approved = stored
            .decision
            .as_ref()
            .is_some_and(|decision| decision.approved);
        (place, used, stored.attempts, approved)
            == (self.place, self.used, self.attempts, self.approved)
    }
}

/// A record with everything that can be said to it.
struct Subjected {
    issuer: Issuer,
    record: Record,
    right: Presented,
    wrong: Presented,
    other_key: Presented,
    other_record: Presented,
}

fuzz_target!(|input: Input| {
    let policy = &POLICIES[usize::from(input.policy) % POLICIES.len()];
    let mut subjected = Subjected::new(policy);
    let first = subjected.record.stored().clone();
    let mut model = Model {
        place: match policy.purpose().as_str() {
            "approve" | "pair" => Place::Waiting,
            _ => Place::Ready,
        },
        attempts: 0,
        most: match policy.token_lookup() {
            Lookup::ById { attempts } => Some(attempts.into()),
            _ => None,
        },
        issued: NOW.into(),
        expires: policy
            .token_lifetime()
            .map(|life| i128::from(NOW) + micros(life)),
        idle: (policy.purpose().as_str() == "session").then_some(86_400_000_000),
        used: None,
        owner: (policy.purpose().as_str() != "pair").then_some("4711"),
        by_id: matches!(policy.token_lookup(), Lookup::ById { .. }),
        approved: false,
    };
    assert!(model.matches(&first));

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
    }
});

fn micros(span: ott_core::chrono::TimeDelta) -> i128 {
    i128::from(span.num_microseconds().expect("a hundred years at most"))
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
    fn new(policy: &Policy) -> Self {
        let (issuer, owner, mut rng) = (issuer(), subject("acme", "4711"), seeded(1));
        let binding = match policy.purpose().as_str() {
            "pair" => Binding::tenant("acme"),
            _ => Binding::subject(&owner),
        };
        let mut issue = || {
            let extra = Extra::default();
            issuer
                .issue_from_rng(policy, &binding, extra, at(NOW), &mut rng)
                .expect("a token")
        };
        let (issued, other) = (issue(), issue());
        let present = |issuer: &Issuer, handle: &Handle, typed: &str| {
            let presented = match policy.token_lookup() {
                Lookup::ById { .. } => {
                    issuer.present_by_id(policy, handle, &binding, typed, at(NOW))
                }
                Lookup::BySubject => issuer.present_by_subject(policy, &binding, typed, at(NOW)),
                Lookup::ByItself => issuer.present_by_itself(policy, "acme", typed, at(NOW)),
            };
            presented.expect("a token of this format")
        };
        let (right, wrong) = (issued.token.expose_secret(), other.token.expose_secret());
        Self {
            right: present(&issuer, &issued.handle, right),
            wrong: present(&issuer, &issued.handle, wrong),
            other_key: present(&Issuer::new(other_ring()), &issued.handle, right),
            other_record: present(&issuer, &other.handle, wrong),
            record: issued.record,
            issuer,
        }
    }

    fn presented(&self, which: Which) -> &Presented {
        match which {
            Which::Right => &self.right,
            Which::Wrong => &self.wrong,
            Which::OtherKey => &self.other_key,
            Which::OtherRecord => &self.other_record,
        }
    }

    fn decision(&self, tenant: &str, id: &str, verdict: Verdict, now: i64) -> Decision {
        let decider = subject(tenant, id);
        let decision = self
            .issuer
            .decide(&self.record, &decider, verdict, b"", at(now));
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
                let presented = self.presented(which).clone();
                let found = self.record.redeem(&presented, at(now));
                (found.map_err(|r| r.reason()), model.redeem(which, time))
            }
            Verb::Authenticate(which) => {
                let found = self.record.authenticate(self.presented(which), at(now));
                let mut copy = model.clone();
                // As a redeem that changes nothing: it uses nothing up either.
                copy.most = copy.most.map(|_| u32::MAX);
                (found.map_err(|r| r.reason()), copy.redeem(which, time))
            }
            Verb::Approve {
                stranger,
                other_tenant,
                wrong_number,
            } => {
                let number = self.record.stored().number;
                let wrong = wrong_number && number.is_some();
                let number = if wrong { None } else { number };
                let tenant = if other_tenant { "other" } else { "acme" };
                let verdict = Verdict::Approve { number };
                let decision = self.decision(tenant, id(stranger), verdict, now);
                let known = !other_tenant && model.owner.is_none_or(|owner| owner == id(stranger));
                let found = self.record.decide(&decision, at(now));
                (
                    found.map_err(|r| r.reason()),
                    model.decide(!wrong, known, time),
                )
            }
            Verb::Deny { stranger } => {
                let decision = self.decision("acme", id(stranger), Verdict::Deny, now);
                let known = model.owner.is_none_or(|owner| owner == id(stranger));
                let found = self.record.decide(&decision, at(now));
                (
                    found.map_err(|r| r.reason()),
                    model.decide(false, known, time),
                )
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
