//! Law 9, for verbs that run at once.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use ott_core::{Binding, Limit, LimitKey, LimitScope, LimitState, Overspent, chrono::TimeDelta};

use super::{
    Harness,
    dice::Dice,
    fixture::{Pair, Time},
    history::{World, era, prove},
    order::{Call, has_order},
    racing::{RacingStep, TASKS, no_order, run},
    report::Law,
};
use crate::{Charge, LimitStore, Spent, StoreError};

const LAW: Law = Law(
    9,
    "concurrent verbs of one key answer as if they ran one after the other, each as `Limit` says",
);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Spend,
    Refund,
    Clear,
    Purge,
}

const KINDS: [Kind; 4] = [Kind::Spend, Kind::Refund, Kind::Clear, Kind::Purge];

/// Law 9: concurrent verbs of a [`LimitStore`] on one key answer as if they ran one after the other.
///
/// Each verb races with each other one, and then all of them: four tasks, half of them at another
/// instance of the store. Some order, in which whatever ended before another began comes first, must
/// explain every answer and how many more pass afterwards.
pub async fn law_09_concurrent_verbs_have_an_order<H: Harness<Store: LimitStore>>(harness: &H) {
    let histories = (harness.rounds() / 15).max(1);
    let stores = Arc::new(Pair::new(harness).await);
    let runs = AtomicU64::new(0);
    let world = |seed: u64, kinds: Vec<Kind>| {
        let mut dice = Dice::new(!seed);
        Racing {
            stores: &stores,
            runs: &runs,
            begins: era(seed),
            limit: LIMITS[dice.below(LIMITS.len())],
            kinds,
        }
    };
    for (place, first) in KINDS.into_iter().enumerate() {
        for second in KINDS.into_iter().skip(place + 1) {
            // What is as good as new is so once in a history: the purge has one moment to be wrong.
            let often = if second == Kind::Purge { 3 } else { 1 };
            let kinds = vec![first, second];
            prove(LAW, histories * often, 12, |seed| {
                world(seed, kinds.clone())
            })
            .await;
        }
    }
    prove(LAW, histories, 24, |seed| world(seed, KINDS.to_vec())).await;
}

const MINUTE: TimeDelta = TimeDelta::minutes(1);

const LIMITS: [Limit; 3] = [
    Limit::pace(5, MINUTE),
    Limit::allowance(5, MINUTE),
    Limit::ceiling(5),
];

struct Racing<'h, S> {
    stores: &'h Arc<Pair<S>>,
    /// Each run has a key of its own.
    runs: &'h AtomicU64,
    begins: Time,
    limit: Limit,
    kinds: Vec<Kind>,
}

/// A verb, on whichever key the run has.
#[derive(Clone, Copy, Debug)]
struct LimitStep {
    kind: Kind,
    times: u32,
    now: Time,
}

impl LimitStep {
    async fn ask<S: LimitStore>(self, store: &S, charge: Charge) -> Result<Spent, StoreError> {
        match self.kind {
            Kind::Spend => store.spend(&[charge], self.now).await,
            Kind::Refund => {
                let told = store.refund(&[charge], self.times).await;
                told.map(|()| Spent::Allowed)
            }
            Kind::Clear => store.clear(&charge.key).await.map(|()| Spent::Allowed),
            Kind::Purge => {
                let told = store.purge_limits(self.now, u32::MAX).await;
                told.map(|_| Spent::Allowed)
            }
        }
    }

    /// What a purge takes is as good as new at its time, and nobody here has an earlier one.
    fn by_the_rules(self, state: &mut LimitState, Charge { key, limit }: Charge) -> Spent {
        match self.kind {
            Kind::Spend => match limit.spend(state, self.now) {
                Ok(()) => return Spent::Allowed,
                Err(Overspent::Ahead) => return Spent::Ahead(key),
                Err(Overspent::Locked) => return Spent::Locked(key),
                Err(Overspent::RetryAt(at)) => return Spent::RetryAt(key, at),
            },
            Kind::Refund => limit.refund(state, self.times),
            Kind::Clear => *state = LimitState::default(),
            Kind::Purge => {}
        }
        Spent::Allowed
    }
}

impl<S: LimitStore + 'static> World for Racing<'_, S> {
    type Step = RacingStep<LimitStep>;

    /// Tasks meet or miss each other by chance.
    const TRIES: usize = 20;

    fn draw(&self, dice: &mut Dice) -> RacingStep<LimitStep> {
        let kind = self.kinds[dice.below(self.kinds.len())];
        let later = TimeDelta::microseconds(dice.below(1_000_000) as i64);
        let now = match kind {
            Kind::Purge => self.begins,
            _ => self.begins + later,
        };
        let times = u32::try_from(dice.below(3)).unwrap_or(0);
        RacingStep {
            task: dice.below(TASKS),
            step: LimitStep { kind, times, now },
        }
    }

    async fn run(&self, steps: &[RacingStep<LimitStep>]) -> Result<(), String> {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let name = format!("race {number}");
        let charge = Charge {
            key: LimitKey::new(LimitScope::Application, &name, &Binding::tenant("t1")),
            limit: self.limit,
        };
        // A pace was spent a while ago: what a purge finds as good as new. Of a ceiling two are gone.
        let (timed, mut state) = (self.limit != LIMITS[2], LimitState::default());
        let earlier = LimitStep {
            kind: Kind::Spend,
            times: 0,
            now: self.begins - if timed { MINUTE * 5 } else { TimeDelta::zero() },
        };
        for step in [earlier, earlier] {
            let told = step.ask(self.stores.first(), charge).await;
            let expected = step.by_the_rules(&mut state, charge);
            if !matches!(told, Ok(told) if told == expected) {
                return Err(format!("before the race, {step:?}: {told:?}"));
            }
        }
        let stores = Arc::clone(self.stores);
        let mut tasks = run(steps, move |task, step: LimitStep| {
            let store = stores.of(task);
            async move { step.ask(&*store, charge).await }
        })
        .await?;
        // There is no verb that reads: spending until it is refused tells what is left.
        let mut left = Vec::new();
        let spend = LimitStep {
            now: self.begins + TimeDelta::seconds(1),
            ..earlier
        };
        for place in 0..=u64::from(self.limit.burst()) {
            let told = spend.ask(self.stores.first(), charge).await;
            let told = told.map_err(|error| format!("after the race an outage: {error:?}"))?;
            left.push(Call {
                call: (spend, told),
                began: u64::MAX / 2 + place * 2,
                ended: u64::MAX / 2 + place * 2 + 1,
            });
        }
        tasks.push(left);
        let apply = |state: &LimitState, (step, told): &(LimitStep, Spent)| {
            let mut state = *state;
            (step.by_the_rules(&mut state, charge) == *told).then_some(state)
        };
        let mark = |state: &LimitState| (state.full_at, state.count);
        if has_order(&tasks, &state, apply, mark, |_| true) {
            return Ok(());
        }
        Err(no_order(&tasks, |told| format!("{told:?}")))
    }
}
