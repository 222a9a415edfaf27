//! Law 8.

use ott_core::chrono::TimeDelta;

use super::{
    Harness,
    dice::{Dice, any_seed},
    factors::{factor, find, insert},
    fixture::{NOWS, Pair, Time, alice, race, rounds},
    report::Law,
};
use crate::{Advanced, ConfirmIf, FactorId, FactorState, FactorStore, HIGHEST_COUNTER};

const ONCE: Law = Law(
    8,
    "`advance` and `confirm` to an equal or smaller counter are `Replayed`; 64 equal ones in parallel: one accepted",
);

/// Law 8: `advance` and `confirm` to an equal or smaller counter are `Replayed`; of 64 equal ones
/// in parallel one is accepted. "None yet" is below 0, and the highest counter is 2⁶³ − 1.
pub async fn law_08_one_code_counts_once<H: Harness<Store: FactorStore>>(harness: &H) {
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut dice = Dice::new(any_seed());
    for now in NOWS {
        one_after_the_other(store, &mut dice, now).await;
    }
    for (round, now) in rounds(harness.rounds() / 5) {
        let factor = factor(&mut dice, &alice(), FactorState::Pending);
        let (id, counter) = (factor.id, u64::try_from(round).unwrap_or(0));
        insert(store, ONCE, &factor).await;
        for verb in ["confirm", "advance"] {
            let counter = counter + u64::from(verb == "advance");
            let answers = race(64, |task| {
                let store = stores.of(task);
                async move {
                    if verb == "confirm" {
                        store
                            .confirm(&id, Some(counter), ConfirmIf::Always, now)
                            .await
                    } else {
                        store.advance(&id, counter, now).await
                    }
                }
            })
            .await;
            let told = answers.into_iter().map(|told| ONCE.answer(verb, told));
            let accepted = told.filter(|told| *told == Advanced::Accepted).count();
            ONCE.holds(accepted == 1, || {
                format!("round {round}: of 64 equal `{verb}` in parallel {accepted} were accepted")
            });
        }
        let answers = race(64, |task| {
            let (store, ahead) = (stores.of(task), u64::try_from(task).unwrap_or(0));
            async move { store.advance(&id, counter + 2 + ahead, now).await }
        })
        .await;
        for told in answers {
            let told = ONCE.answer("advance", told);
            ONCE.holds(told != Advanced::Absent, || {
                format!("round {round}: `advance` of an active factor got `Absent`")
            });
        }
        let last = find(store, ONCE, &alice(), id).await.last;
        ONCE.same(
            &format!("round {round}: the last counter after 64 different `advance`"),
            &last,
            &Some(counter + 65),
        );
    }
}

async fn one_after_the_other<S: FactorStore>(store: &S, dice: &mut Dice, now: Time) {
    let highest = HIGHEST_COUNTER;
    let confirmed = factor(dice, &alice(), FactorState::Pending);
    insert(store, ONCE, &confirmed).await;
    let advance = async |counter: u64, expected: Advanced| {
        let told = ONCE.answer("advance", store.advance(&confirmed.id, counter, now).await);
        ONCE.same(&format!("`advance` to {counter}"), &told, &expected);
    };
    let confirm = async |id: FactorId, counter: Option<u64>, expected: Advanced| {
        let told = ONCE.answer(
            "confirm",
            store.confirm(&id, counter, ConfirmIf::Always, now).await,
        );
        ONCE.same(&format!("`confirm` with {counter:?}"), &told, &expected);
    };
    advance(1, Advanced::Absent).await; // not active yet
    confirm(confirmed.id, None, Advanced::Accepted).await;
    confirm(confirmed.id, Some(7), Advanced::Absent).await; // not pending any more
    advance(0, Advanced::Accepted).await; // "none yet" is below 0
    advance(0, Advanced::Replayed).await;
    advance(5, Advanced::Accepted).await;
    advance(5, Advanced::Replayed).await;
    advance(4, Advanced::Replayed).await;
    advance(highest, Advanced::Accepted).await;
    advance(highest, Advanced::Replayed).await;
    let before = find(store, ONCE, &alice(), confirmed.id).await;
    let later = now + TimeDelta::seconds(1);
    for counter in [highest + 1, u64::MAX] {
        let told = store.advance(&confirmed.id, counter, later).await;
        ONCE.misuse(&format!("`advance` to {counter}"), told);
        let told = store
            .confirm(&confirmed.id, Some(counter), ConfirmIf::Always, later)
            .await;
        ONCE.misuse(&format!("`confirm` with {counter}"), told);
        let mut too_high = factor(dice, &alice(), FactorState::Pending);
        too_high.last = Some(counter);
        let told = store.insert_factor(&too_high).await;
        ONCE.misuse(&format!("a factor at {counter}"), told);
    }
    let replayed = store.advance(&confirmed.id, 3, later).await;
    ONCE.same(
        "`advance` back",
        &ONCE.answer("advance", replayed),
        &Advanced::Replayed,
    );
    let after = find(store, ONCE, &alice(), confirmed.id).await;
    ONCE.holds(before == after, || {
        format!("a refused `advance` changed {before:?} to {after:?}")
    });
    for (first, again) in [(0, 0), (9, 8), (highest, highest)] {
        let mut used = factor(dice, &alice(), FactorState::Pending);
        used.last = Some(first);
        insert(store, ONCE, &used).await;
        confirm(used.id, Some(again), Advanced::Replayed).await;
        let found = find(store, ONCE, &alice(), used.id).await;
        ONCE.same(
            "the state after `Replayed`",
            &found.state,
            &FactorState::Pending,
        );
    }
    let unknown = factor(dice, &alice(), FactorState::Active);
    confirm(unknown.id, Some(1), Advanced::Absent).await;
    let told = ONCE.answer("advance", store.advance(&unknown.id, 1, now).await);
    ONCE.same("`advance` of an unknown factor", &told, &Advanced::Absent);
}
