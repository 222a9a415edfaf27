//! Law 6.

use core::fmt;

use ott_core::{
    APPROVED_LIFE, CLOCK_ALLOWANCE, Decider, Policy, Subject, Verdict, chrono::TimeDelta,
};

use super::{
    Harness,
    dice::Dice,
    fixture::{
        AGES, MICRO, Mint, Minted, OTHER_CODE, POLICIES, PROMPT, RECOVERY, Time, at, subject,
    },
    history::{World, era, prove},
    model::{Answer, Model, Verb, differs},
    report::Law,
};
use crate::{Revoke, TokenStore};

const LAW: Law = Law(6, "every (state × verb) pair gives what `Record` gives");
/// Law 6: every (state × verb) pair gives what `Record` gives, proved by random histories.
///
/// Histories of 200 steps, at times that go forward and back, over records that share slots and
/// subjects; every answer is compared, and at the end every record.
pub async fn law_06_histories_follow_the_record<H: Harness<Store: TokenStore>>(harness: &H) {
    let histories = (harness.rounds() / 10).max(1);
    prove(LAW, histories, 200, |seed| Tokens::new(harness, seed)).await;
}

/// A verb at a time.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) verb: Verb,
    pub(super) now: Time,
    told: String,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} {}", self.now.to_rfc3339(), self.told)
    }
}

/// Tokens that histories are made of.
pub(super) struct Tokens<'h, H> {
    pub(super) harness: &'h H,
    begins: Time,
    mint: Mint,
    pub(super) pool: Vec<Minted>,
    subjects: Vec<Subject>,
}

impl<'h, H: Harness<Store: TokenStore>> Tokens<'h, H> {
    /// Forty tokens of three subjects.
    fn new(harness: &'h H, seed: u64) -> Self {
        let subjects = vec![
            subject("t1", "alice"),
            subject("t1", "bob"),
            subject("t2", "alice"),
        ];
        let mut policies = POLICIES.to_vec();
        policies.extend([OTHER_CODE, RECOVERY]);
        Self::of(harness, seed, subjects, &policies, (40, true))
    }

    /// Six tokens of one subject, so that verbs meet.
    pub(super) fn few(harness: &'h H, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let policies = [POLICIES[dice.below(POLICIES.len())], PROMPT];
        Self::of(
            harness,
            seed,
            vec![subject("t1", "alice")],
            &policies,
            (6, seed.is_multiple_of(2)),
        )
    }

    fn of(
        harness: &'h H,
        seed: u64,
        subjects: Vec<Subject>,
        policies: &[Policy],
        (size, resends): (usize, bool),
    ) -> Self {
        let (mut mint, mut dice) = (Mint::seeded(seed), Dice::new(!seed));
        let begins = era(seed);
        let mut pool: Vec<Minted> = Vec::new();
        while pool.len() < size {
            let later = TimeDelta::microseconds(dice.below(30_000_000) as i64);
            let issued_at = begins + later;
            let earlier = (!pool.is_empty()).then(|| &pool[dice.below(pool.len())]);
            let minted = match earlier.filter(|_| resends && dice.below(3) == 0) {
                Some(earlier) => mint.resend(earlier, issued_at),
                None => {
                    let policy = &policies[dice.below(policies.len())];
                    let owner = &subjects[dice.below(subjects.len())];
                    let named = policy.purpose().as_str() != "law-pairing";
                    let owner_id = named.then_some(owner);
                    mint.mint_for(policy, owner.tenant(), owner_id, b"", None, issued_at)
                }
            };
            pool.push(minted);
        }
        Self {
            harness,
            begins,
            mint,
            pool,
            subjects,
        }
    }

    fn any(&self, dice: &mut Dice) -> (usize, &Minted) {
        let place = dice.below(self.pool.len());
        (place, &self.pool[place])
    }

    /// Mostly while everything lives, sometimes at an edge of a record's life.
    fn time(&self, dice: &mut Dice) -> Time {
        let (_, minted) = self.any(dice);
        let stored = minted.stored();
        let ends = stored.expires_at.unwrap_or(stored.issued_at);
        let idles = stored.idle_micros.map(TimeDelta::microseconds);
        let idles = stored.issued_at + idles.unwrap_or_default();
        let begins = stored.issued_at - CLOCK_ALLOWANCE;
        let edges = [begins, ends, ends + APPROVED_LIFE, idles, stored.issued_at];
        match dice.below(12) {
            0 => edges[dice.below(edges.len())],
            1 => edges[dice.below(edges.len())] - MICRO,
            2 => ends + TimeDelta::nanoseconds(dice.below(3_000_000_000) as i64),
            _ => self.begins + TimeDelta::microseconds(dice.below(60_000_000) as i64),
        }
    }

    /// Where tokens supersede each other, nobody reads meanwhile: a verb may be done a moment after
    /// somebody else was told that its record was superseded.
    pub(super) fn draw_racing(&self, dice: &mut Dice) -> Step {
        let mut slots: Vec<_> = self
            .pool
            .iter()
            .filter_map(|one| one.stored().slot)
            .collect();
        let all = slots.len();
        slots.sort_unstable();
        slots.dedup();
        loop {
            let step = self.draw(dice);
            match step.verb {
                Verb::Purge(_) => {}
                Verb::Find(_) | Verb::List(..) if slots.len() < all => {}
                _ => return step,
            }
        }
    }

    fn redeem(&self, dice: &mut Dice) -> (String, Verb) {
        let (place, minted) = self.any(dice);
        let (how, presented) = match dice.below(8) {
            0 => ("without its key", self.mint.keyless(minted)),
            1..=3 => ("wrongly", self.mint.wrong(minted, dice.below(1_000))),
            _ => ("rightly", self.mint.right(minted)),
        };
        let name = minted.policy.purpose().as_str();
        let told = format!("redeem {place} ({name}) {how}");
        (told, Verb::Redeem(presented))
    }

    fn decide(&self, dice: &mut Dice, now: Time) -> (String, Verb) {
        let (place, minted) = self.any(dice);
        let decider = match &minted.subject {
            Some(owner) if dice.below(4) > 0 => owner.clone(),
            _ => self.subjects[dice.below(self.subjects.len())].clone(),
        };
        let system = Decider::System(String::from("captcha"));
        let decider = match dice.below(5) {
            0 => system,
            _ => Decider::from(&decider),
        };
        let verdict = match dice.below(5) {
            0 => Verdict::Deny,
            1 => Verdict::Report,
            2 => Verdict::Approve { number: Some(0) },
            _ => Verdict::Approve {
                number: minted.stored().number,
            },
        };
        let told = format!("decide on {place} as {decider:?}: {verdict:?}");
        let data = b"\0data"[..dice.below(6)].to_vec();
        let decision = self.mint.decide(minted, decider, verdict, &data, now);
        (told, Verb::Decide(*minted.id(), decision))
    }

    fn revoke(&self, dice: &mut Dice) -> (String, Verb) {
        let (place, minted) = self.any(dice);
        let subject = self.subjects[dice.below(self.subjects.len())].clone();
        let purpose = (dice.below(2) == 0).then(|| *minted.policy.purpose());
        let except = (dice.below(2) == 0).then(|| *self.any(dice).1.id());
        let what = match dice.below(4) {
            0 => Revoke::Subject {
                subject,
                purpose,
                except,
            },
            1 => Revoke::own(&subject, *minted.id()),
            _ => Revoke::Record(*minted.id()),
        };
        (format!("revoke (of {place}) {what:?}"), Verb::Revoke(what))
    }

    fn insert(&self, dice: &mut Dice) -> (String, Verb) {
        let size = [0, 1, 1, 1, 2, 3][dice.below(6)];
        let places: Vec<_> = (0..size).map(|_| self.any(dice).0).collect();
        let records = places.iter().map(|place| self.pool[*place].record.clone());
        let batch = Verb::Insert(records.collect());
        (format!("insert {places:?}"), batch)
    }
}

impl<H: Harness<Store: TokenStore>> World for Tokens<'_, H> {
    type Step = Step;

    fn draw(&self, dice: &mut Dice) -> Step {
        let now = self.time(dice);
        let (place, minted) = self.any(dice);
        let id = *minted.id();
        let (told, verb) = match dice.below(16) {
            0..=3 => self.insert(dice),
            4..=7 => self.redeem(dice),
            8..=10 => self.decide(dice, now),
            11 => (format!("find {place}"), Verb::Find(id)),
            12 => (format!("touch {place}"), Verb::Touch(id)),
            13 => {
                let owner = self.subjects[dice.below(self.subjects.len())].clone();
                let purpose = (dice.below(2) == 0).then(|| *minted.policy.purpose());
                let told = format!("list {owner:?} {purpose:?}");
                (told, Verb::List(owner, purpose))
            }
            14 => self.revoke(dice),
            _ => {
                let limit = [0, 1, 3, u32::MAX][dice.below(4)];
                (format!("purge at most {limit}"), Verb::Purge(limit))
            }
        };
        Step { verb, now, told }
    }

    async fn run(&self, steps: &[Step]) -> Result<(), String> {
        let store = self.harness.store().await;
        let mut model = Model::default();
        for (number, step) in steps.iter().enumerate() {
            let at = |how: String| format!("step {number}, {step:?}: {how}");
            let expected = model.answer(&step.verb, step.now);
            let told = step.verb.ask(&*store, step.now).await;
            let told = told.map_err(|error| at(format!("an outage: {error:?}")))?;
            if let Some(how) = differs(&told, &expected) {
                return Err(at(how));
            }
            if matches!(step.verb, Verb::Purge(_)) {
                let mut gone = Vec::new();
                for id in model.records().map(|stored| stored.id) {
                    let found = store.find(&id).await;
                    let found = found.map_err(|error| at(format!("an outage: {error:?}")))?;
                    gone.extend(found.is_none().then_some(id));
                }
                if told != Answer::Count(gone.len() as u64) {
                    return Err(at(format!(
                        "it removed {}, and told another number",
                        gone.len()
                    )));
                }
                model.purged(&gone, step.now).map_err(at)?;
            }
        }
        for (place, minted) in self.pool.iter().enumerate() {
            let found = Verb::Find(*minted.id());
            let now = at(AGES);
            let expected = model.answer(&found, now);
            let told = found.ask(&*store, now).await;
            let told = told.map_err(|error| format!("at the end an outage: {error:?}"))?;
            if let Some(how) = differs(&told, &expected) {
                return Err(format!("at the end, find {place}: {how}"));
            }
        }
        Ok(())
    }
}
