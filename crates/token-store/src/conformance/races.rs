//! Laws 2 and 3.

use std::sync::Arc;

use ott_core::{Reason, State};

use super::{
    Harness,
    fixture::{
        BEARER, CODE, LINK, Mint, Minted, NOWS, PROMPT, Pair, RECOVERY, alice, race, records,
        rounds,
    },
    report::Law,
};
use crate::{Redeemed, TokenStore};

const ONE_WINNER: Law = Law(2, "64 tasks on one token: one winner, every time");
const COUNTED: Law = Law(
    3,
    "attempts = n, 1,000 parallel wrong guesses: n compared, then the right one is refused",
);

/// Law 2: 64 tasks on one token, and one winner, every time.
///
/// Half of the tasks are at another instance of the store. In every other round half of them present
/// a wrong token.
pub async fn law_02_one_winner<H: Harness<Store: TokenStore>>(harness: &H) {
    const TASKS: usize = 64;
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut mint = Mint::new();
    for (round, now) in rounds(harness.rounds()) {
        // A code allows five comparisons, so wrong ones beside it may use it up: no winner then.
        let policy = [CODE, LINK, RECOVERY, BEARER][round % 4];
        let with_wrong = round % 8 >= 4;
        let minted = mint.mint(&policy, &alice(), now);
        ONE_WINNER.answer("insert", store.insert(&records([&minted])).await);
        let (right, wrong) = (mint.right(&minted), mint.wrong(&minted, round));
        let answers = race(TASKS, |task| {
            let store = stores.of(task / 2);
            let is_wrong = with_wrong && task % 2 == 1;
            let presented = if is_wrong { &wrong } else { &right }.clone();
            async move { (is_wrong, store.redeem(&presented, now).await) }
        })
        .await;
        let mut winners = 0;
        for (is_wrong, answer) in answers {
            if let Redeemed::Redeemed(_) = ONE_WINNER.answer("redeem", answer) {
                winners += 1;
                ONE_WINNER.holds(!is_wrong, || {
                    format!("round {round}: a wrong token redeemed")
                });
            }
        }
        let found = state_of(store, ONE_WINNER, &minted).await;
        let exhausted = with_wrong && found == State::Exhausted && winners == 0;
        ONE_WINNER.holds(winners == 1 || exhausted, || {
            format!("round {round}: {winners} of {TASKS} redeems of one token succeeded")
        });
        let after = if winners == 1 {
            State::Spent
        } else {
            State::Exhausted
        };
        ONE_WINNER.same(&format!("round {round}: the state"), &found, &after);
    }
}

/// Law 2: 10,000 clients redeem 1,000 tokens, all at once, and each token has one winner.
///
/// Half of them at another instance of the store. They wait for each other: a store whose time-out is shorter than that takes answers outages.
pub async fn law_02_ten_thousand_clients<H: Harness<Store: TokenStore>>(harness: &H) {
    const TOKENS: usize = 1_000;
    const CLIENTS: usize = 10_000;
    let stores = Pair::new(harness).await;
    let store = stores.first();
    let mut mint = Mint::new();
    let mut rights = Vec::with_capacity(TOKENS);
    while rights.len() < TOKENS {
        let policy = [CODE, LINK][rights.len() / 100 % 2];
        let now = NOWS[rights.len() / 100 % 3];
        let batch = mint.batch(&policy, &alice(), 100, now);
        ONE_WINNER.answer("insert", store.insert(&records(&batch)).await);
        rights.extend(batch.iter().map(|minted| (mint.right(minted), now)));
    }
    let answers = race(CLIENTS, |client| {
        let (store, (right, now)) = (stores.of(client / TOKENS), rights[client % TOKENS].clone());
        async move { store.redeem(&right, now).await }
    })
    .await;
    let mut won = vec![0_usize; TOKENS];
    for (client, answer) in answers.into_iter().enumerate() {
        match ONE_WINNER.answer("redeem", answer) {
            Redeemed::Redeemed(_) => won[client % TOKENS] += 1,
            Redeemed::Refused(Reason::Spent) => {}
            other => ONE_WINNER.broken(&format!("a right token got {other:?}")),
        }
    }
    ONE_WINNER.holds(won.iter().all(|won| *won == 1), || {
        let times: usize = won.iter().sum();
        format!("{CLIENTS} clients redeemed {TOKENS} tokens {times} times")
    });
    for (right, _) in &rights {
        let found = ONE_WINNER.answer("find", store.find(right.id()).await);
        let left = found.map(|found| (found.state, found.attempts));
        ONE_WINNER.same("what is left", &left, &Some((State::Spent, 1)));
    }
}

/// Law 3: `attempts = n`, 1,000 parallel wrong guesses: n are compared, then the right one is refused.
///
/// And none is counted that was not compared: of a key that was not presented, or a waiting
/// record's right token.
pub async fn law_03_guesses_are_counted_first<H: Harness<Store: TokenStore>>(harness: &H) {
    const GUESSES: usize = 1_000;
    let store = harness.store().await;
    let mut mint = Mint::new();
    for (round, now) in rounds(harness.rounds() / 25) {
        let minted = mint.mint(&[CODE, PROMPT][round % 2], &alice(), now);
        let most = usize::from(minted.stored().max_attempts.unwrap_or(0));
        COUNTED.answer("insert", store.insert(&records([&minted])).await);
        let (right, keyless) = (mint.right(&minted), mint.keyless(&minted));
        let mut uncounted = vec![(&keyless, Reason::KeyMissing)];
        if minted.stored().state == State::Waiting {
            uncounted.push((&right, Reason::Pending));
        }
        for (presented, reason) in uncounted {
            let answer = COUNTED.answer("redeem", store.redeem(presented, now).await);
            COUNTED.same(
                &format!("round {round}: what is not compared"),
                &answer,
                &Redeemed::Refused(reason),
            );
        }
        let guesses: Vec<_> = (0..GUESSES).map(|n| mint.wrong(&minted, n)).collect();
        let answers = race(GUESSES, |task| {
            let (store, guess) = (Arc::clone(&store), guesses[task].clone());
            async move { store.redeem(&guess, now).await }
        })
        .await;
        let (mut mismatches, mut exhausted) = (0, 0);
        for answer in answers {
            match COUNTED.answer("redeem", answer) {
                Redeemed::Refused(Reason::Mismatch) => mismatches += 1,
                Redeemed::Refused(Reason::Exhausted) => exhausted += 1,
                other => COUNTED.broken(&format!("round {round}: a wrong guess got {other:?}")),
            }
        }
        let found = COUNTED.answer("find", store.find(minted.id()).await);
        let counted = found.as_ref().map_or(0, |found| found.attempts);
        COUNTED.holds(mismatches == most - 1 && counted as usize == most, || {
            format!(
                "round {round}: of {GUESSES} wrong guesses at {most} attempts {mismatches} were \
                 told `Mismatch` instead of {} and {exhausted} `Exhausted`, and the record counts {counted}",
                most - 1,
            )
        });
        let answer = COUNTED.answer("redeem", store.redeem(&right, now).await);
        COUNTED.same(
            &format!("round {round}: the right token afterwards"),
            &answer,
            &Redeemed::Refused(Reason::Exhausted),
        );
    }
}

async fn state_of<S: TokenStore>(store: &S, law: Law, minted: &Minted) -> State {
    match law.answer("find", store.find(minted.id()).await) {
        Some(found) => found.state,
        None => law.broken("the record is gone"),
    }
}
