//! Law 8, by histories.

use ott_core::chrono::TimeDelta;

use super::{
    Harness,
    dice::Dice,
    factor_model::{FactorModel, FactorStep, FactorVerb},
    factors::factor,
    fixture::{MICRO, Time, subject},
    history::{World, era, prove},
    report::Law,
};
use crate::{
    ConfirmIf, FactorChange, FactorState, FactorStore, HIGHEST_COUNTER, RemoveIf, StoredFactor,
};

const LAW: Law = Law(8, "a factor changes by its verbs alone");

/// Law 8: random histories of factors go as the rules of [`StoredFactor`] say.
pub async fn law_08_histories_follow_the_rules<H: Harness<Store: FactorStore>>(harness: &H) {
    let histories = (harness.rounds() / 10).max(1);
    prove(LAW, histories, 100, |seed| Factors::new(harness, seed)).await;
}

struct Factors<'h, H> {
    harness: &'h H,
    begins: Time,
    pool: Vec<StoredFactor>,
}

impl<'h, H> Factors<'h, H> {
    fn new(harness: &'h H, seed: u64) -> Self {
        let mut dice = Dice::new(!seed);
        let begins = era(seed);
        let pool = (0..6)
            .map(|place| {
                let owner = subject("t1", ["alice", "bob"][place % 2]);
                let mut made = factor(
                    &mut dice,
                    &owner,
                    FactorState::ALL[place % FactorState::ALL.len()],
                );
                made.created_at = begins + MICRO * i32::try_from(place).unwrap_or(0);
                made.last = [None, Some(0), Some(3)][place % 3];
                made
            })
            .collect();
        Self {
            harness,
            begins,
            pool,
        }
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
        let id = factor.id;
        let other = self.pool[dice.below(self.pool.len())].id;
        let verb = match dice.below(14) {
            0..=2 => FactorVerb::Insert(factor),
            3 => FactorVerb::List(factor.subject),
            4 | 5 => {
                let only = [
                    ConfirmIf::Always,
                    ConfirmIf::Beside(other),
                    ConfirmIf::First,
                ];
                let counter = (dice.below(4) > 0).then_some(counter);
                FactorVerb::Confirm(id, counter, only[dice.below(3)])
            }
            6..=8 => FactorVerb::Advance(id, counter),
            9 => {
                let (old, new) = (seal(dice), seal(dice));
                FactorVerb::Update(id, FactorChange::Seal { old, new })
            }
            10 => {
                let label = FactorChange::Label(format!("label {}", dice.below(9)));
                let change = [FactorChange::Disable, label.clone(), label];
                FactorVerb::Update(id, change[dice.below(3)].clone())
            }
            11 => {
                let only = [RemoveIf::Always, RemoveIf::Beside(other), RemoveIf::Pending];
                let by = [&b""[..], b"\0\xff", b"a sign-in"][dice.below(3)];
                FactorVerb::Remove(id, only[dice.below(3)], by.to_vec())
            }
            12 => FactorVerb::Restore(id),
            _ => FactorVerb::Purge,
        };
        FactorStep {
            verb,
            now: self.begins + later,
        }
    }

    async fn run(&self, steps: &[FactorStep]) -> Result<(), String> {
        let (store, mut model) = (self.harness.store().await, FactorModel::default());
        let lists = ["alice", "bob"].map(|id| FactorStep {
            verb: FactorVerb::List(subject("t1", id)),
            now: self.begins,
        });
        for (number, step) in steps.iter().chain(&lists).enumerate() {
            let (found, expected) = (step.ask(&*store).await, model.answer(step));
            if !matches!(&found, Ok(found) if *found == expected) {
                return Err(format!(
                    "step {number}, {step:?}: got {found:?} instead of {expected:?}"
                ));
            }
        }
        Ok(())
    }
}
