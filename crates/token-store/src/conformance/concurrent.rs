//! Law 6, for verbs that run at once.

use std::sync::Arc;

use ott_core::Record;

use super::{
    Harness,
    dice::{Dice, any_seed},
    fixture::{now, race},
    histories::Tokens,
    model::{Answer, Model, Verb, differs},
    report::Law,
};
use crate::{Decided, Redeemed, TokenStore};

const LAW: Law = Law(
    6,
    "concurrent verbs answer as if they ran one after the other, each as `Record` says",
);

/// Law 6: concurrent verbs answer as if they ran one after the other in some order.
///
/// Four verbs at a time on the same few records; one of the 24 orders must explain every answer
/// and everything found afterwards. A refusal's reason is not compared: a store may read it later.
pub async fn law_06_concurrent_verbs_have_an_order<H: Harness<Store: TokenStore>>(harness: &H) {
    const AT_ONCE: usize = 4;
    let mut dice = Dice::new(any_seed());
    for _ in 0..(harness.rounds() / 10).max(1) {
        let world = Tokens::few(harness, dice.next());
        let store = harness.store().await;
        let mut model = Model::default();
        for minted in &world.pool[1..] {
            let insert = Verb::Insert(vec![minted.record.clone()]);
            let told = LAW.answer("insert", insert.ask(&*store, now()).await);
            LAW.holds(told == model.answer(&insert, now()), || {
                String::from("an insert before the race failed")
            });
        }
        for _ in 0..4 {
            let steps: Vec<_> = (0..AT_ONCE).map(|_| world.draw_racing(&mut dice)).collect();
            let answers = race(AT_ONCE, |task| {
                let (store, step) = (Arc::clone(&store), steps[task].clone());
                async move { step.verb.ask(&*store, step.now).await }
            })
            .await;
            let told = answers.into_iter();
            let told: Vec<_> = told.map(|told| LAW.answer("a verb", told)).collect();
            let mut found = Vec::new();
            for minted in &world.pool {
                found.push(LAW.answer("find", store.find(minted.id()).await));
            }
            let explains = |order: &Vec<usize>| {
                let mut after = model.clone();
                let agree = order.iter().all(|place| {
                    let step = &steps[*place];
                    agrees(&told[*place], &after.answer(&step.verb, step.now))
                });
                let mut all = world.pool.iter().zip(&found);
                let left = all.all(|(minted, found)| {
                    found.as_ref() == after.get(minted.id()).map(Record::stored)
                });
                (agree && left).then_some(after)
            };
            match orders(AT_ONCE).iter().find_map(explains) {
                Some(after) => model = after,
                None => LAW.broken(&format!(
                    "no order of these verbs explains what they answered and left: {}",
                    steps
                        .iter()
                        .zip(&told)
                        .map(|(step, told)| format!("\n  {step:?}: {}", granted(told)))
                        .collect::<String>()
                )),
            }
        }
    }
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
        Answer::Found(_) | Answer::Listed(_) | Answer::Touched => String::from("an answer"),
    }
}

/// Every order of so many.
fn orders(of: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![Vec::new()];
    for new in 0..of {
        let longer = orders.iter().flat_map(|order| {
            (0..=order.len()).map(move |place| {
                let mut order: Vec<usize> = order.clone();
                order.insert(place, new);
                order
            })
        });
        orders = longer.collect();
    }
    orders
}
