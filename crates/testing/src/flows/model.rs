//! Random calls in two processes, each beside what it should have answered.
//!
//! Nothing is applied without a proof of that very operation, subject and parameters, consumed once: each call that is
//! skipped, out of order, doubled, foreign, expired or switched off has to be refused, and each other one accepted.

mod dice;
mod flows;
mod proofs;
mod terms;

use core::sync::atomic::Ordering;

use ott_flows::{
    Flows, Settings, Stage,
    token_store::ott_core::{Limit, Subject, chrono::TimeDelta},
};

use self::{
    dice::Dice,
    terms::{Any, Facts, Flow, Op, Token},
};
use super::{Broken, World, address};
use crate::{Place, Watched, nightly, subject};

/// Calls without a fault, in two processes: 10,000 in memory, a million at night; 400 over a durable store, 100,000 at night.
/// Each 10,000, or 2,000, have a world of their own.
pub async fn random_calls_are_answered_as_the_model_says(place: Place) {
    let rounds = if nightly() { place.often(100, 50) } else { 1 };
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) << 16);
    for seed in (seed..).take(rounds) {
        let world = World::with(place, settings()).await;
        let calls = place.often(10_000, if nightly() { 2_000 } else { 400 });
        if let Err(fault) = Driver::new(&world, None).run(seed, calls).await {
            panic!("SEED={seed}: {fault}");
        }
    }
}

/// The same calls find each flow that lacks one check.
pub async fn random_calls_find_what_is_broken(place: Place) {
    for broken in [
        Broken::Check,
        Broken::Epoch,
        Broken::Expiry,
        Broken::Holder,
        Broken::Lock,
        Broken::Switch,
        Broken::Tries,
    ] {
        let settings = match broken {
            Broken::Tries => settings().tries(7),
            _ => settings(),
        };
        let world = World::broken(place, settings, broken).await;
        let found = Driver::new(&world, Some(broken))
            .run(7, place.often(10_000, 5_000))
            .await;
        assert!(found.is_err(), "{broken:?} is not found");
    }
}

fn settings() -> Settings {
    Settings::DEFAULT.sends(Limit::pace(100_000, TimeDelta::minutes(10)))
}

struct Driver<'w> {
    here: &'w World,
    there: World,
    broken: Option<Broken>,
    people: [Subject; 2],
    epochs: [u64; 2],
    locked: [bool; 2],
    on: bool,
    refusing: Option<Stage>,
    flows: Vec<Flow>,
    proofs: Vec<(Any, Facts)>,
    parked: Vec<(String, Facts, bool)>,
    asked: usize,
}

/// How many are played with.
const RECENT: usize = 12;
const MINUTE: i64 = 60_000_000;
const HOLDERS: [&str; 3] = ["session-1", "session-2", ""];

impl<'w> Driver<'w> {
    fn new(here: &'w World, broken: Option<Broken>) -> Self {
        let people = [crate::alice(), subject("acme", "bob")];
        for person in &people {
            here.book
                .change(person, |account| account.verified = vec![address("alice")]);
        }
        Self {
            there: here.beside(if broken == Some(Broken::Tries) {
                settings().tries(7)
            } else {
                settings()
            }),
            here,
            broken,
            people,
            epochs: [0; 2],
            locked: [false; 2],
            on: true,
            refusing: None,
            flows: Vec::new(),
            proofs: Vec::new(),
            parked: Vec::new(),
            asked: 0,
        }
    }

    async fn run(&mut self, seed: u64, calls: usize) -> Result<(), String> {
        let mut dice = Dice(seed);
        for call in 0..calls {
            self.here.bench.pass(TimeDelta::milliseconds(1));
            self.step(&mut dice)
                .await
                .map_err(|fault| format!("call {call}: {fault}"))?;
            self.forget();
        }
        Ok(())
    }

    /// Old ones are forgotten once nothing of them can be seen.
    fn forget(&mut self) {
        let now = self.now();
        let old = self.flows.len().saturating_sub(RECENT);
        let mut at = 0;
        self.flows.retain(|flow| {
            at += 1;
            let lives = |token: &Token| now < token.at + 10 * MINUTE;
            at > old || flow.asked.is_some() || flow.token.as_ref().is_some_and(lives)
        });
        let old = self.parked.len().saturating_sub(RECENT);
        self.parked.drain(..old);
    }

    /// One of the recent ones.
    fn chosen(&self, dice: &mut Dice) -> usize {
        self.flows.len() - 1 - dice.roll(self.flows.len().min(RECENT))
    }

    fn now(&self) -> i64 {
        self.here.bench.tokens.now().timestamp_micros()
    }

    fn process(&self, dice: &mut Dice) -> &Flows<Watched> {
        if dice.often(50) {
            &self.here.flows
        } else {
            &self.there.flows
        }
    }

    fn holder(&self, at: usize) -> &'static str {
        // Broken, the application gives everybody the same.
        if self.broken == Some(Broken::Holder) {
            HOLDERS[0]
        } else {
            HOLDERS[at]
        }
    }

    const fn stands(&self, facts: &Facts) -> bool {
        !self.locked[facts.who] && self.epochs[facts.who] == facts.epoch
    }

    fn is_on(&self, op: Op) -> bool {
        op != Op::Pay || self.on
    }

    fn met(&self, op: Op, stage: Stage) -> bool {
        op != Op::Pay || self.refusing != Some(stage)
    }

    async fn step(&mut self, dice: &mut Dice) -> Result<(), String> {
        match dice.roll(100) {
            0..10 => self.open(dice).await,
            10..25 => self.send(dice).await,
            25..35 => self.work(dice).await,
            35..70 => self.complete(dice).await,
            70..78 => self.apply(dice).await,
            78..83 => self.open_after(dice).await,
            83..88 => self.park(dice).await,
            88..94 => self.resume(dice).await,
            _ => {
                self.disturb(dice);
                Ok(())
            }
        }
    }

    /// The world changes.
    fn disturb(&mut self, dice: &mut Dice) {
        let who = dice.roll(2);
        match dice.roll(6) {
            0 => {
                self.epochs[who] += 1;
                let epoch = self.epochs[who];
                if !self.locked[who] {
                    self.here
                        .book
                        .change(&self.people[who], |account| account.epoch = epoch);
                }
            }
            1 => {
                self.locked[who] = !self.locked[who];
                if self.locked[who] {
                    self.here.book.remove(&self.people[who]);
                } else {
                    let epoch = self.epochs[who];
                    self.here.book.change(&self.people[who], |account| {
                        account.epoch = epoch;
                        account.verified = vec![address("alice")];
                    });
                }
            }
            2 => {
                self.on = !self.on;
                self.here.on.store(self.on, Ordering::Relaxed);
                self.there.on.store(self.on, Ordering::Relaxed);
            }
            3 => {
                self.refusing = [
                    None,
                    None,
                    None,
                    Some(Stage::Begin),
                    Some(Stage::Step),
                    Some(Stage::Apply),
                ][dice.roll(6)];
                *self.here.refusing.0.lock().unwrap() = self.refusing;
            }
            4 => self.here.bench.pass(TimeDelta::minutes(4)),
            _ => {
                if dice.often(20) {
                    self.here.bench.pass(TimeDelta::hours(7));
                }
            }
        }
    }
}
