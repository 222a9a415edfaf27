//! Law 6, for verbs that run at once.

use std::sync::Arc;

use ott_core::{Record, RecordId, State};

use super::{
    Harness,
    dice::Dice,
    fixture::{ERAS, Minted, Pair, Time, at},
    histories::{Step, Tokens},
    history::{World, prove},
    model::{Answer, Model, Verb, differs},
    order::{Call, has_order},
    racing::{RacingStep, TASKS, no_order, run},
    report::Law,
};
use crate::{Decided, Redeemed, Revoke, TokenStore};

const LAW: Law = Law(
    6,
    "concurrent verbs answer as if they ran one after the other, each as `Record` says",
);

/// Law 6: concurrent verbs answer as if they ran one after the other in some order.
///
/// Histories of 40 verbs by four tasks, half of them at another instance of the store, on the same
/// few records, at times that go forward and back: some order, in which whatever ended before another began comes first, must explain
/// every answer and everything found afterwards. A refusal's reason is not compared: a store may
/// read it later. Revoking a subject is a step on each record, and where tokens supersede each other
/// nobody reads meanwhile.
pub async fn law_06_concurrent_verbs_have_an_order<H: Harness<Store: TokenStore>>(harness: &H) {
    let histories = (harness.rounds() / 10).max(1);
    prove(LAW, histories, 40, |seed| {
        Racing(Tokens::few(harness, seed))
    })
    .await;
}

struct Racing<'h, H>(Tokens<'h, H>);

impl<H: Harness<Store: TokenStore>> World for Racing<'_, H> {
    type Step = RacingStep<Step>;

    /// Tasks meet or miss each other by chance.
    const TRIES: usize = 20;

    fn draw(&self, dice: &mut Dice) -> RacingStep<Step> {
        RacingStep {
            task: dice.below(TASKS),
            step: self.0.draw_racing(dice),
        }
    }

    async fn run(&self, steps: &[RacingStep<Step>]) -> Result<(), String> {
        let stores = Arc::new(Pair::new(self.0.harness).await);
        let store = stores.first();
        let mut model = Model::default();
        let pool = &self.0.pool;
        for minted in &pool[pool.len() / 2..] {
            let insert = Verb::Insert(vec![minted.record.clone()]);
            let told = insert.ask(store, at(ERAS[0])).await;
            let told = told.map_err(|error| format!("before the race an outage: {error:?}"))?;
            if let Some(how) = differs(&told, &model.answer(&insert, at(ERAS[0]))) {
                return Err(format!("before the race: {how}"));
            }
        }
        let shared = Arc::clone(&stores);
        let tasks = run(steps, move |task, step: Step| {
            let store = shared.of(task);
            async move { step.verb.ask(&*store, step.now).await }
        })
        .await?;
        let mut left = Vec::new();
        for minted in pool {
            let found = store.find(minted.id()).await;
            left.push(found.map_err(|error| format!("after the race an outage: {error:?}"))?);
        }
        let (parts, told) = parts(&tasks, pool);
        let apply = |(model, counts): &Orders, part: &Part<'_>| {
            let (mut model, mut counts) = (model.clone(), counts.clone());
            let agrees = match part {
                Part::Whole(step, told) => agrees(told, &model.answer(&step.verb, step.now)),
                Part::Revokes(which, what, id) => {
                    counts[*which] += model.revoke(what, Some(id));
                    counts[*which] <= told[*which]
                }
            };
            agrees.then_some((model, counts))
        };
        let is_end = |(model, counts): &Orders| {
            let mut all = pool.iter().zip(&left);
            *counts == told
                && all.all(|(minted, found)| {
                    found.as_ref() == model.get(minted.id()).map(Record::stored)
                })
        };
        let begin = (model, vec![0; told.len()]);
        if has_order(&parts, &begin, apply, mark, is_end) {
            return Ok(());
        }
        Err(no_order(&tasks, granted))
    }
}

/// What the search puts in order: a call, or what the revoking of a subject, by its number, does to
/// one record.
enum Part<'c> {
    Whole(&'c Step, &'c Answer),
    Revokes(usize, &'c Revoke, RecordId),
}

/// The records, and what each revoking of a subject has revoked so far.
type Orders = (Model, Vec<u64>);

/// A task's parts in their order, each record of a revoking as if it were a task; and what each
/// revoking told.
fn parts<'c>(
    tasks: &'c [Vec<Call<(Step, Answer)>>],
    pool: &[Minted],
) -> (Vec<Vec<Call<Part<'c>>>>, Vec<u64>) {
    let (mut parts, mut alone, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for calls in tasks {
        let mut own = Vec::new();
        for made in calls {
            let part = |call| Call {
                call,
                began: made.began,
                ended: made.ended,
            };
            match &made.call {
                (
                    Step {
                        verb: Verb::Revoke(what @ Revoke::Subject { .. }),
                        ..
                    },
                    Answer::Count(count),
                ) => {
                    let revokes = |minted: &Minted| Part::Revokes(told.len(), what, *minted.id());
                    alone.extend(pool.iter().map(|minted| vec![part(revokes(minted))]));
                    told.push(*count);
                }
                (step, answer) => own.push(part(Part::Whole(step, answer))),
            }
        }
        parts.push(own);
    }
    parts.extend(alone);
    (parts, told)
}

/// All that a verb may change of a record: state, attempts, last use, decision.
type Mark = (RecordId, State, u32, Option<Time>, Option<[u8; 32]>);

fn mark((model, counts): &Orders) -> (Vec<Mark>, Vec<u64>) {
    let marks = model.records().map(|stored| {
        (
            stored.id,
            stored.state,
            stored.attempts,
            stored.used_at,
            stored.decision.as_ref().map(|made| made.tag),
        )
    });
    let mut marks: Vec<_> = marks.collect();
    marks.sort_unstable();
    (marks, counts.clone())
}

/// Equal, but for a refusal's reason and the order within one age.
fn agrees(found: &Answer, expected: &Answer) -> bool {
    match (found, expected) {
        (Answer::Redeemed(Redeemed::Refused(_)), Answer::Redeemed(Redeemed::Refused(_)))
        | (Answer::Decided(Decided::Refused(_)), Answer::Decided(Decided::Refused(_))) => true,
        _ => differs(found, expected).is_none(),
    }
}

fn granted(answer: &Answer) -> String {
    match answer {
        Answer::Redeemed(Redeemed::Redeemed(_)) => String::from("redeemed"),
        Answer::Redeemed(Redeemed::Refused(reason)) => format!("refused, {reason:?}"),
        Answer::Decided(Decided::Decided(_)) => String::from("decided"),
        Answer::Decided(Decided::Refused(reason)) => format!("not decided, {reason:?}"),
        Answer::Inserted(told) => format!("{told:?}"),
        Answer::Count(told) => format!("{told}"),
        Answer::Found(found) => {
            let found = found.as_ref();
            format!("{:?}", found.map(|stored| (stored.state, stored.attempts)))
        }
        Answer::Listed(listed) => format!("{} records", listed.len()),
        Answer::Touched => String::from("an answer"),
    }
}
