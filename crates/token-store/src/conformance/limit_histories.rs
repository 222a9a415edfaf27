//! Law 9, by histories.

use std::collections::HashMap;

use ott_core::{Binding, Limit, LimitKey, LimitScope, LimitState, Overspent, chrono::TimeDelta};

use super::{
    Harness,
    dice::Dice,
    fixture::Time,
    history::{World, era, prove},
    report::Law,
};
use crate::{Charge, LimitStore, Spent};

const LAW: Law = Law(9, "every answer of a limit store is what `Limit` gives");

/// Law 9: random histories of limits, at times that go forward and back, follow [`Limit::spend`].
pub async fn law_09_histories_follow_the_limit<H: Harness<Store: LimitStore>>(harness: &H) {
    let histories = (harness.rounds() / 10).max(1);
    prove(LAW, histories, 100, |seed| {
        let begins = era(seed);
        Limits { harness, begins }
    })
    .await;
}

struct Limits<'h, H> {
    harness: &'h H,
    begins: Time,
}

#[derive(Clone, Debug)]
enum LimitVerb {
    Spend(Vec<Charge>),
    Refund(Vec<Charge>, u32),
    Clear(LimitKey),
    Purge,
}

#[derive(Clone, Debug)]
struct LimitStep {
    verb: LimitVerb,
    now: Time,
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);

/// Keys with what may be charged on each: an application may change a limit.
const KEYS: [(&str, [Limit; 2]); 5] = [
    (
        "pace",
        [
            Limit::pace(3, MINUTE),
            Limit::pace(5, TimeDelta::seconds(10)),
        ],
    ),
    (
        "other pace",
        [Limit::pace(1, TimeDelta::microseconds(7)), Limit::PACE],
    ),
    (
        "allowance",
        [Limit::ALLOWANCE, Limit::allowance(2, TimeDelta::days(365))],
    ),
    ("ceiling", [Limit::ceiling(2), Limit::ceiling(4)]),
    (
        "other ceiling",
        [Limit::ceiling(1), Limit::ceiling(u32::MAX)],
    ),
];

impl<H> Limits<'_, H> {
    /// Some different keys, in any order.
    fn charges(dice: &mut Dice) -> Vec<Charge> {
        let mut keys = KEYS.to_vec();
        (0..=dice.below(3))
            .map(|_| {
                let (name, limits) = keys.swap_remove(dice.below(keys.len()));
                Charge {
                    key: LimitKey::new(LimitScope::Application, name, &Binding::tenant("t1")),
                    limit: limits[usize::from(dice.below(4) == 0)],
                }
            })
            .collect()
    }
}

impl<H: Harness<Store: LimitStore>> World for Limits<'_, H> {
    type Step = LimitStep;

    fn draw(&self, dice: &mut Dice) -> LimitStep {
        let spans = [1, 10_000_000, 60_000_000, 600_000_000, 86_400_000_000];
        let span = spans[dice.below(spans.len())];
        let now = self.begins + TimeDelta::microseconds(dice.below(span) as i64);
        let charges = Self::charges(dice);
        let verb = match dice.below(16) {
            0 | 1 => LimitVerb::Refund(charges, [0, 1, 2, u32::MAX][dice.below(4)]),
            2 => LimitVerb::Clear(charges[0].key),
            3 => LimitVerb::Purge,
            _ => LimitVerb::Spend(charges),
        };
        LimitStep { verb, now }
    }

    async fn run(&self, steps: &[LimitStep]) -> Result<(), String> {
        let store = self.harness.store().await;
        let mut model = HashMap::new();
        for (number, step) in steps.iter().enumerate() {
            let found = match &step.verb {
                LimitVerb::Spend(charges) => store.spend(charges, step.now).await,
                LimitVerb::Refund(charges, times) => {
                    let told = store.refund(charges, *times).await;
                    told.map(|()| Spent::Allowed)
                }
                LimitVerb::Clear(key) => store.clear(key).await.map(|()| Spent::Allowed),
                LimitVerb::Purge => {
                    let told = store.purge_limits(step.now, u32::MAX).await;
                    told.map(|_| Spent::Allowed)
                }
            };
            let expected = by_the_rules(&mut model, step);
            if !matches!(found, Ok(found) if found == expected) {
                return Err(format!(
                    "step {number}, {step:?}: got {found:?} instead of {expected:?}"
                ));
            }
        }
        Ok(())
    }
}

fn by_the_rules(model: &mut HashMap<LimitKey, LimitState>, step: &LimitStep) -> Spent {
    match &step.verb {
        LimitVerb::Spend(charges) => {
            for Charge { key, limit } in charges {
                match limit.spend(model.entry(*key).or_default(), step.now) {
                    Ok(()) => {}
                    Err(Overspent::Ahead) => return Spent::Ahead(*key),
                    Err(Overspent::Locked) => return Spent::Locked(*key),
                    Err(Overspent::RetryAt(at)) => return Spent::RetryAt(*key, at),
                }
            }
        }
        LimitVerb::Refund(charges, times) => {
            for Charge { key, limit } in charges {
                limit.refund(model.entry(*key).or_default(), *times);
            }
        }
        LimitVerb::Clear(key) => {
            model.remove(key);
        }
        LimitVerb::Purge => {
            let before = step.now.timestamp_micros();
            model.retain(|_, state| state.count > 0 || state.full_at > before);
        }
    }
    Spent::Allowed
}
