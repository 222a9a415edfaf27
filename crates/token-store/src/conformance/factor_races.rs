//! Law 8, for verbs that run at once.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use ott_core::Subject;

use super::{
    Harness,
    dice::Dice,
    factor_model::{FactorAnswer, FactorModel, FactorStep, FactorVerb},
    factors::factor,
    fixture::{AGES, MICRO, Pair, Time, at, subject},
    history::{World, era, prove},
    order::{Call, has_order},
    racing::{Calls, RacingStep, TASKS, no_order, run},
    report::Law,
};
use crate::{
    Advanced, ConfirmIf, FactorChange, FactorId, FactorState, FactorStore, RemoveIf, StoredFactor,
};

const LAW: Law = Law(
    8,
    "concurrent verbs answer as if they ran one after the other, each as `StoredFactor` says",
);

/// What races: each verb, and each change of `update`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Insert,
    List,
    Confirm,
    ConfirmBeside,
    ConfirmFirst,
    Advance,
    Disable,
    Label,
    Seal,
    Remove,
    RemovePending,
    Restore,
    Purge,
}

const KINDS: [Kind; 13] = [
    Kind::Insert,
    Kind::List,
    Kind::Confirm,
    Kind::ConfirmBeside,
    Kind::ConfirmFirst,
    Kind::Advance,
    Kind::Disable,
    Kind::Label,
    Kind::Seal,
    Kind::Remove,
    Kind::RemovePending,
    Kind::Restore,
    Kind::Purge,
];

/// Law 8: concurrent verbs of a [`FactorStore`] answer as if they ran one after the other.
///
/// Each verb races with each other one, and then all of them: four tasks, half of them at another
/// instance of the store, on two factors of one subject. Some order, in which whatever ended before
/// another began comes first, must explain every answer and what is listed afterwards. Why a code is
/// refused is not compared: a store may read that later. A purge may leave what somebody holds at that
/// moment; where it races, one factor alone can be dead, since it is a step on each, and counts that one as often as it was
/// inserted again.
pub async fn law_08_concurrent_verbs_have_an_order<H: Harness<Store: FactorStore>>(harness: &H) {
    let histories = (harness.rounds() / 50).max(1);
    let stores = Arc::new(Pair::new(harness).await);
    let runs = AtomicU64::new(0);
    let world = |seed: u64, kinds: Vec<Kind>| {
        let begins = era(seed);
        Racing {
            stores: &stores,
            runs: &runs,
            begins,
            kinds,
        }
    };
    for (place, first) in KINDS.into_iter().enumerate() {
        for second in KINDS.into_iter().skip(place + 1) {
            prove(LAW, histories, 12, |seed| world(seed, vec![first, second])).await;
        }
    }
    prove(LAW, histories * 5, 24, |seed| world(seed, KINDS.to_vec())).await;
}

struct Racing<'h, S> {
    stores: &'h Arc<Pair<S>>,
    /// Each run has an owner and ids of its own.
    runs: &'h AtomicU64,
    begins: Time,
    kinds: Vec<Kind>,
}

/// A verb before it is known whose factors it meets: they are the first and the second.
#[derive(Clone, Debug)]
struct Drawn {
    kind: Kind,
    place: usize,
    number: usize,
    later: usize,
}

impl Drawn {
    fn step(
        &self,
        begins: Time,
        owner: &Subject,
        pool: &[StoredFactor; 2],
        purges: bool,
    ) -> FactorStep {
        let place = if purges { 0 } else { self.place };
        let factor = &pool[place];
        let (id, number, other) = (factor.id, self.number, pool[1 - place].id);
        let counter = u64::try_from(number).unwrap_or(0);
        let confirm = |only| FactorVerb::Confirm(id, (number > 0).then_some(counter), only);
        let update = |change| FactorVerb::Update(id, change);
        let verb = match self.kind {
            Kind::Insert => FactorVerb::Insert(factor.clone()),
            Kind::List => FactorVerb::List(owner.clone()),
            Kind::Confirm => confirm(ConfirmIf::Always),
            Kind::ConfirmBeside => confirm(ConfirmIf::Beside(other)),
            Kind::ConfirmFirst => confirm(ConfirmIf::First),
            Kind::Advance => FactorVerb::Advance(id, counter),
            Kind::Disable => update(FactorChange::Disable),
            Kind::Label => update(FactorChange::Label(format!("label {number}"))),
            Kind::Seal => update(FactorChange::Seal {
                old: [factor.sealed.clone(), vec![7]][number % 2].clone(),
                new: [vec![7], vec![8], factor.sealed.clone()][number % 3].clone(),
            }),
            Kind::Remove => {
                let only = [RemoveIf::Beside(other), RemoveIf::Always][number % 2];
                FactorVerb::Remove(id, only, self.number.to_string().into_bytes())
            }
            Kind::RemovePending => FactorVerb::Remove(id, RemoveIf::Pending, Vec::new()),
            Kind::Restore => FactorVerb::Restore(id),
            Kind::Purge => FactorVerb::Purge,
        };
        let later = MICRO * i32::try_from(self.later).unwrap_or(0);
        FactorStep {
            verb,
            now: begins + later,
        }
    }
}

impl<S: FactorStore + 'static> World for Racing<'_, S> {
    type Step = RacingStep<Drawn>;

    /// Tasks meet or miss each other by chance.
    const TRIES: usize = 20;

    fn draw(&self, dice: &mut Dice) -> RacingStep<Drawn> {
        RacingStep {
            task: dice.below(TASKS),
            step: Drawn {
                kind: self.kinds[dice.below(self.kinds.len())],
                place: usize::from(dice.below(4) == 0),
                number: dice.below(8),
                later: dice.below(1_000),
            },
        }
    }

    async fn run(&self, steps: &[RacingStep<Drawn>]) -> Result<(), String> {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let owner = subject("t1", &format!("owner {number}"));
        let races = |kinds: &[Kind]| kinds.iter().any(|kind| self.kinds.contains(kind));
        let purges = races(&[Kind::Purge]);
        let pool = [0_u64, 1].map(|place| {
            // The first waits to be confirmed if that is what races, else both prove; where it is confirmed as
            // the first, the second does so too.
            let waiting = [
                Kind::Confirm,
                Kind::ConfirmBeside,
                Kind::ConfirmFirst,
                Kind::RemovePending,
            ];
            let waits = match place {
                0 => races(&waiting) && !number.is_multiple_of(4),
                _ => races(&[Kind::ConfirmFirst]) && !purges && number.is_multiple_of(2),
            };
            let state = [FactorState::Active, FactorState::Pending][usize::from(waits)];
            let id = (u128::from(number) << 64) | u128::from(place);
            StoredFactor {
                id: FactorId::from_bytes(id.to_be_bytes()),
                created_at: self.begins + MICRO * i32::try_from(place).unwrap_or(0),
                ..factor(&mut Dice::new(place), &owner, state)
            }
        });
        // What is left of an earlier run is counted by no purge of this one.
        let cleared = self.stores.first().purge_factors(at(AGES), u32::MAX).await;
        cleared.map_err(|error| format!("before the race, a purge: {error:?}"))?;
        let mut model = FactorModel::default();
        let at_begin = |verb| FactorStep {
            verb,
            now: self.begins,
        };
        // Where `insert` races, the first is not there yet.
        let there = usize::from(self.kinds.contains(&Kind::Insert));
        for factor in &pool[there..] {
            let insert = at_begin(FactorVerb::Insert(factor.clone()));
            let told = insert.ask(self.stores.first()).await;
            if !matches!(&told, Ok(told) if *told == model.answer(&insert)) {
                return Err(format!("before the race, {insert:?}: {told:?}"));
            }
        }
        let steps: Vec<_> = steps
            .iter()
            .map(|RacingStep { task, step }| RacingStep {
                task: *task,
                step: step.step(self.begins, &owner, &pool, purges),
            })
            .collect();
        let stores = Arc::clone(self.stores);
        let tasks = run(&steps, move |task, step: FactorStep| {
            let store = stores.of(task);
            async move { step.ask(&*store).await }
        })
        .await?;
        let list = at_begin(FactorVerb::List(owner));
        let left = list.ask(self.stores.first()).await;
        let left = left.map_err(|error| format!("after the race an outage: {error:?}"))?;
        for factor in &pool {
            let (id, always) = (factor.id, RemoveIf::Always);
            let ended = at_begin(FactorVerb::Remove(id, always, Vec::new()));
            let ended = ended.ask(self.stores.first()).await;
            ended.map_err(|error| format!("after the race an outage: {error:?}"))?;
        }
        if is_explained(&tasks, &model, &list, &left) {
            return Ok(());
        }
        let told = no_order(&tasks, |told| format!("{told:?}"));
        Err(format!("{told}\n  left: {left:?}"))
    }
}

/// Whether the verbs ran in some order, after which this is listed.
fn is_explained(
    tasks: &Calls<FactorStep, FactorAnswer>,
    model: &FactorModel,
    list: &FactorStep,
    left: &FactorAnswer,
) -> bool {
    let tasks: Vec<_> = tasks.iter().map(|calls| step_by_step(calls)).collect();
    let apply = |model: &FactorModel, (step, told): &(FactorStep, FactorAnswer)| {
        let mut after = model.clone();
        let expected = after.answer(step);
        match (told, &expected) {
            // Somebody held it at that moment.
            (FactorAnswer::Purged(0), FactorAnswer::Purged(_)) => Some(model.clone()),
            _ => agrees(told, &expected).then_some(after),
        }
    };
    let is_end = |model: &FactorModel| model.clone().answer(list) == *left;
    has_order(&tasks, model, apply, FactorModel::marks, is_end)
}

/// A purge that removed two met the one factor twice, since it was inserted again between: one purge for each.
fn step_by_step(
    calls: &[Call<(FactorStep, FactorAnswer)>],
) -> Vec<Call<(FactorStep, FactorAnswer)>> {
    let steps = calls.iter().flat_map(|call| {
        let (step, told) = &call.call;
        let (told, times) = match told {
            // No history has so many verbs that they explain more.
            FactorAnswer::Purged(removed @ 2..) => (FactorAnswer::Purged(1), (*removed).min(100)),
            _ => (told.clone(), 1),
        };
        (0..times).map(move |_| Call {
            call: (step.clone(), told.clone()),
            ..*call
        })
    });
    steps.collect()
}

/// Equal, but for why a code is refused.
fn agrees(found: &FactorAnswer, expected: &FactorAnswer) -> bool {
    match (found, expected) {
        (FactorAnswer::Advanced(found), FactorAnswer::Advanced(expected)) => {
            (*found == Advanced::Accepted) == (*expected == Advanced::Accepted)
        }
        _ => found == expected,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Call, Dice, FactorAnswer, FactorModel, FactorState, FactorStep, FactorVerb, MICRO,
        RemoveIf, StoredFactor, era, factor, is_explained, subject,
    };

    /// One purge over two inserts of one factor, the second of which began so late, beside this answer.
    fn purges(second_began: u64, removed: u64) -> bool {
        let owner = subject("t1", "owner");
        let pending = StoredFactor {
            created_at: era(0),
            ..factor(&mut Dice::new(0), &owner, FactorState::Pending)
        };
        let step = |verb| FactorStep {
            verb,
            now: era(0) + MICRO,
        };
        let call = |verb, told, began, ended| Call {
            call: (step(verb), told),
            began,
            ended,
        };
        let insert = |began, ended| {
            let verb = FactorVerb::Insert(pending.clone());
            call(verb, FactorAnswer::Done(true), began, ended)
        };
        let tasks = [
            vec![insert(0, 1), insert(second_began, second_began + 1)],
            vec![call(FactorVerb::Purge, FactorAnswer::Purged(removed), 2, 9)],
            // Whatever the second insert left is gone in the end.
            vec![call(
                FactorVerb::Remove(pending.id, RemoveIf::Pending, Vec::new()),
                FactorAnswer::Done(removed < 2),
                20,
                21,
            )],
        ];
        let list = step(FactorVerb::List(owner));
        is_explained(
            &tasks.into(),
            &FactorModel::default(),
            &list,
            &FactorAnswer::Listed(Vec::new()),
        )
    }

    /// A purge may count a factor once more that was inserted again while the purge ran.
    #[test]
    fn purge_counts_what_was_inserted_again() {
        assert!(purges(4, 1));
        assert!(purges(4, 2));
    }

    /// A purge that counts more than was inserted before its end is wrong.
    #[test]
    fn purge_counts_nothing_twice() {
        assert!(!purges(4, 3));
        assert!(!purges(4, u64::MAX));
        // The second came after it had ended.
        assert!(purges(10, 1));
        assert!(!purges(10, 2));
    }
}
