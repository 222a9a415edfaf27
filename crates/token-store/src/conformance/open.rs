//! Law 3, through `redeem_in_transaction`.

use std::sync::Arc;

use ott_core::{Reason, State};

use super::{
    OpenHarness,
    dice::{Dice, any_seed},
    dropped::{LAW as DROPPED, cut},
    fixture::{CODE, Mint, NOWS, Time, alice, race, records, rounds},
    report::Law,
};
use crate::{InTransaction, RedeemInTransaction, Redeemed, TokenStore};

const LAW: Law = Law(
    3,
    "through `redeem_in_transaction`, each rolled back: n compared, then the right one is refused",
);

/// Law 3 through `redeem_in_transaction`: each refusal is committed before it is told, so that a rollback
/// never gives a guess back.
pub async fn law_03_open_guesses_are_counted_first<H: OpenHarness>(harness: &H) {
    for now in NOWS {
        guesses_are_counted_first(harness, now).await;
    }
}

async fn guesses_are_counted_first<H: OpenHarness>(harness: &H, now: Time) {
    const GUESSES: usize = 1_000;
    let store = harness.store().await;
    let mut mint = Mint::new();
    let minted = mint.mint(&CODE, &alice(), now);
    let most = usize::from(minted.stored().max_attempts.unwrap_or(0));
    LAW.answer("insert", store.insert(&records([&minted])).await);
    let guesses: Vec<_> = (0..GUESSES).map(|n| mint.wrong(&minted, n)).collect();
    let answers = race(GUESSES, |task| {
        let (store, guess) = (Arc::clone(&store), guesses[task].clone());
        async move {
            match store.redeem_in_transaction(&guess, now).await {
                Ok(InTransaction::Redeemed(transaction, _)) => {
                    drop(transaction);
                    Ok(None)
                }
                Ok(InTransaction::Refused(reason)) => Ok(Some(reason)),
                Err(error) => Err(error),
            }
        }
    })
    .await;
    let mut mismatches = 0;
    for answer in answers {
        match LAW.answer("redeem_in_transaction", answer) {
            Some(Reason::Mismatch) => mismatches += 1,
            Some(Reason::Exhausted) => {}
            other => LAW.broken(&format!("a wrong guess got {other:?}")),
        }
    }
    LAW.holds(mismatches == most - 1, || {
        format!(
            "of {GUESSES} wrong guesses at {most} attempts {mismatches} were told `Mismatch` instead of {}",
            most - 1
        )
    });
    let answer = LAW.answer("redeem", store.redeem(&mint.right(&minted), now).await);
    LAW.same(
        "the right token afterwards",
        &answer,
        &Redeemed::Refused(Reason::Exhausted),
    );
}

/// Law 3 through `redeem_in_transaction`: what the caller drops is not spent, what they commit is, once.
pub async fn law_03_open_success_is_the_callers<H: OpenHarness>(harness: &H) {
    const TASKS: usize = 16;
    let store = harness.store().await;
    let mut mint = Mint::new();
    for (round, now) in rounds(harness.rounds() / 50) {
        let minted = mint.mint(&CODE, &alice(), now);
        let right = mint.right(&minted);
        LAW.answer("insert", store.insert(&records([&minted])).await);
        match LAW.answer(
            "redeem_in_transaction",
            store.redeem_in_transaction(&right, now).await,
        ) {
            InTransaction::Redeemed(transaction, _) => drop(transaction),
            InTransaction::Refused(reason) => {
                LAW.broken(&format!("round {round}: the right token got {reason:?}"));
            }
        }
        let answers = race(TASKS, |_| {
            let (store, right) = (Arc::clone(&store), right.clone());
            async move {
                match store.redeem_in_transaction(&right, now).await {
                    Ok(InTransaction::Redeemed(transaction, _)) => {
                        H::commit(transaction).await;
                        Ok(1)
                    }
                    Ok(InTransaction::Refused(_)) => Ok(0),
                    Err(error) => Err(error),
                }
            }
        })
        .await;
        let told = answers
            .into_iter()
            .map(|answer| LAW.answer("redeem_in_transaction", answer));
        let winners: u32 = told.sum();
        LAW.holds(winners == 1, || {
            format!("round {round}: {winners} of {TASKS} succeeded after a rollback")
        });
        let found = LAW.answer("find", store.find(minted.id()).await);
        LAW.same(
            &format!("round {round}: the state, once committed"),
            &found.map(|found| found.state),
            &Some(State::Spent),
        );
    }
}

/// Law 10 through `redeem_in_transaction`: a dropped future spends nothing that was not handed over.
pub async fn law_10_dropped_redeem_in_transaction<H: OpenHarness>(harness: &H) {
    let store = harness.store().await;
    let (mut mint, mut dice) = (Mint::new(), Dice::new(any_seed()));
    for (round, now) in rounds(harness.rounds() / 5) {
        let minted = mint.mint(&CODE, &alice(), now);
        let right = mint.right(&minted);
        DROPPED.answer("insert", store.insert(&records([&minted])).await);
        if let Some(opened) = cut(&mut dice, store.redeem_in_transaction(&right, now)).await {
            // Handed over, and dropped here.
            DROPPED.answer("redeem_in_transaction", opened);
        }
        let answer = DROPPED.answer("redeem", store.redeem(&right, now).await);
        DROPPED.holds(matches!(answer, Redeemed::Redeemed(_)), || {
            format!("round {round}: nothing was committed, and the right token got {answer:?}")
        });
    }
}
