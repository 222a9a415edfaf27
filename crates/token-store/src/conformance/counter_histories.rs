//! Law 8, by histories.

use core::fmt;

use ott_core::{Subject, chrono::TimeDelta};

use super::{
    Harness,
    counters::factor,
    dice::Dice,
    fixture::{MICRO, Time, now, subject},
    history::{World, prove},
    report::Law,
};
use crate::{
    FactorChange, FactorId, FactorState, FactorStore, HIGHEST_COUNTER, MemoryStore, StoreError,
    StoredFactor,
};

const LAW: Law = Law(8, "a factor changes by its verbs alone");

/// Law 8: random histories of factors go as in a [`MemoryStore`].
pub async fn law_08_histories_follow_the_rules<H: Harness<Store: FactorStore>>(harness: &H) {
    let histories = (harness.rounds() / 20).max(1);
    prove(LAW, histories, 100, |seed| Factors::new(harness, seed)).await;
}

struct Factors<'h, H> {
    harness: &'h H,
    pool: Vec<StoredFactor>,
}

#[derive(Clone)]
enum FactorVerb {
    Insert(StoredFactor),
    List(Subject),
    Confirm(Option<u64>),
    Advance(u64),
    Update(FactorChange),
    Remove(Option<FactorId>),
}

#[derive(Clone)]
struct FactorStep {
    verb: FactorVerb,
    factor: StoredFactor,
    now: Time,
}

impl fmt::Debug for FactorStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match &self.verb {
            FactorVerb::Insert(_) => String::from("insert"),
            FactorVerb::List(subject) => format!("list {subject:?}"),
            FactorVerb::Confirm(counter) => format!("confirm {counter:?}"),
            FactorVerb::Advance(counter) => format!("advance {counter}"),
            FactorVerb::Update(change) => format!("{change:?}"),
            FactorVerb::Remove(beside) => format!("remove beside {beside:?}"),
        };
        write!(f, "{verb} of factor {}", self.factor.id)
    }
}

impl<'h, H> Factors<'h, H> {
    fn new(harness: &'h H, seed: u64) -> Self {
        let mut dice = Dice::new(!seed);
        let pool = (0..6)
            .map(|place| {
                let owner = subject("t1", ["alice", "bob"][place % 2]);
                let mut made = factor(&mut dice, &owner, FactorState::ALL[place % 4]);
                made.created_at = now() + MICRO * i32::try_from(place).unwrap_or(0);
                made.last = [None, Some(0), Some(3)][place % 3];
                made
            })
            .collect();
        Self { harness, pool }
    }
}

impl<H: Harness<Store: FactorStore>> World for Factors<'_, H> {
    type Step = FactorStep;

    fn draw(&self, dice: &mut Dice) -> FactorStep {
        let factor = self.pool[dice.below(self.pool.len())].clone();
        let later = TimeDelta::nanoseconds(dice.below(2_000_000_000) as i64);
        let counters = [0, 1, 2, 3, 4, 5, HIGHEST_COUNTER];
        let counter = counters[dice.below(counters.len())];
        let seals = [factor.sealed.clone(), vec![1], vec![2], Vec::new()];
        let seal = |dice: &mut Dice| seals[dice.below(seals.len())].clone();
        let verb = match dice.below(12) {
            0..=2 => FactorVerb::Insert(factor.clone()),
            3 => FactorVerb::List(factor.subject.clone()),
            4 | 5 => FactorVerb::Confirm((dice.below(4) > 0).then_some(counter)),
            6..=8 => FactorVerb::Advance(counter),
            9 => FactorVerb::Update(FactorChange::Seal {
                old: seal(dice),
                new: seal(dice),
            }),
            10 => FactorVerb::Update(match dice.below(3) {
                0 => FactorChange::Disable,
                _ => FactorChange::Label(format!("label {}", dice.below(9))),
            }),
            _ => {
                let other = self.pool[dice.below(self.pool.len())].id;
                FactorVerb::Remove((dice.below(3) > 0).then_some(other))
            }
        };
        FactorStep {
            verb,
            factor,
            now: now() + later,
        }
    }

    async fn run(&self, steps: &[FactorStep]) -> Result<(), String> {
        let (store, model) = (self.harness.store().await, MemoryStore::new());
        for (number, step) in steps.iter().enumerate() {
            let (found, expected) = (ask(&*store, step).await, ask(&model, step).await);
            let expected = expected.unwrap_or_default();
            match found {
                Ok(found) if found == expected => {}
                found => {
                    return Err(format!(
                        "step {number}, {step:?}: got {found:?} instead of {expected:?}"
                    ));
                }
            }
        }
        for owner in ["alice", "bob"].map(|id| subject("t1", id)) {
            let found = store.factors(&owner).await;
            let found = found.map_err(|error| format!("at the end an outage: {error:?}"))?;
            let expected = model.factors(&owner).await.unwrap_or_default();
            if found != expected {
                return Err(format!(
                    "at the end: got {} instead of {}",
                    tell(&found),
                    tell(&expected)
                ));
            }
        }
        Ok(())
    }
}

/// Asks, and tells the answer as text.
async fn ask<S: FactorStore>(store: &S, step: &FactorStep) -> Result<String, StoreError> {
    let (id, now) = (&step.factor.id, step.now);
    Ok(match &step.verb {
        FactorVerb::Insert(factor) => store.insert_factor(factor).await?.to_string(),
        FactorVerb::List(subject) => tell(&store.factors(subject).await?),
        FactorVerb::Confirm(counter) => format!("{:?}", store.confirm(id, *counter, now).await?),
        FactorVerb::Advance(counter) => format!("{:?}", store.advance(id, *counter, now).await?),
        FactorVerb::Update(change) => store.update(id, change).await?.to_string(),
        FactorVerb::Remove(beside) => store.remove(id, beside.as_ref(), now).await?.to_string(),
    })
}

fn tell(factors: &[StoredFactor]) -> String {
    let told = factors.iter().map(|factor| {
        format!(
            "{factor:?} {:?} {} {:?} {:?}",
            factor.label,
            factor.sealed.len(),
            factor.sealed.first(),
            factor.used_at
        )
    });
    told.collect::<Vec<_>>().join("; ")
}
