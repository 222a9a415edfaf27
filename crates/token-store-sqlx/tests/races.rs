//! Many tasks on one token, one factor, one limit: exactly one winner, exactly so many counted.

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture, RECOVERY, at_once, now};
use token_store::{
    Advanced, Charge, FactorState, FactorStore, Inserted, LimitStore, Redeemed, Spent, TokenStore,
    ott_core::{Binding, Limit, LimitKey, Reason, State, chrono::TimeDelta},
};

const TASKS: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn one_winner_of_64_every_round() {
    let fixture = Fixture::new().await;
    for round in 0..200 {
        let issued = fixture.insert(&CODE).await;
        let presented = fixture.right(&CODE, &issued);
        let tasks = (0..TASKS).map(|_| {
            let (store, presented) = (fixture.store.clone(), presented.clone());
            async move { store.redeem(&presented, now()).await.unwrap() }
        });
        let answers = at_once(tasks).await;
        let spent = Redeemed::Refused(Reason::Spent);
        let won = answers.iter().filter(|told| redeemed(told)).count();
        let lost = answers.iter().filter(|told| **told == spent).count();
        assert_eq!((won, lost), (1, TASKS - 1), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn right_and_wrong_mixed_compare_exactly_the_attempts() {
    let fixture = Fixture::new().await;
    for round in 0..100 {
        let issued = fixture.insert(&CODE).await;
        let (right, wrong) = (fixture.right(&CODE, &issued), fixture.wrong(&issued));
        let tasks = (0..TASKS).map(|n| {
            let store = fixture.store.clone();
            // One in eight is right, so that some rounds exhaust and some redeem.
            let is_right = n % 8 == round % 8;
            let presented = if is_right { &right } else { &wrong }.clone();
            async move { store.redeem(&presented, now()).await.unwrap() }
        });
        let answers = at_once(tasks).await;
        let mismatch = Redeemed::Refused(Reason::Mismatch);
        let won = answers.iter().filter(|told| redeemed(told)).count();
        let missed = answers.iter().filter(|told| **told == mismatch).count();
        let found = fixture.store.find(issued.record.id()).await;
        let stored = found.unwrap().unwrap();
        let counted = usize::try_from(stored.attempts).unwrap();
        if won == 0 {
            let exhausted = (4, 5, State::Exhausted);
            assert_eq!((missed, counted, stored.state), exhausted, "round {round}");
        } else {
            assert_eq!((won, stored.state), (1, State::Spent), "round {round}");
            assert!(counted == missed + 1 && counted <= 5, "round {round}");
        }
    }
}

fn redeemed(told: &Redeemed) -> bool {
    matches!(told, Redeemed::Redeemed(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_batches_of_one_slot_leave_exactly_one() {
    let fixture = Fixture::new().await;
    for round in 0..30 {
        let tasks = (0..16).map(|_| {
            let batch: Vec<_> = (0..3).map(|_| fixture.issue(&RECOVERY).record).collect();
            let store = fixture.store.clone();
            async move { store.insert(&batch).await.unwrap() }
        });
        assert_eq!(at_once(tasks).await, vec![Inserted::Done; 16]);
        let live = fixture.store.list(&fixture.alice, None, now()).await;
        assert_eq!(live.unwrap().len(), 3, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_counter_burns_once() {
    let fixture = Fixture::new().await;
    let factor = fixture.factor(7, FactorState::Pending);
    let id = factor.id;
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    assert!(!fixture.store.insert_factor(&factor).await.unwrap());
    for counter in 0..50 {
        let tasks = (0..TASKS).map(|_| {
            let store = fixture.store.clone();
            async move {
                match counter {
                    0 => store.confirm(&id, Some(0), now()).await.unwrap(),
                    _ => store.advance(&id, counter, now()).await.unwrap(),
                }
            }
        });
        let answers = at_once(tasks).await;
        let accepted = answers.iter().filter(|a| **a == Advanced::Accepted).count();
        assert_eq!(accepted, 1, "counter {counter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_burst_of_each_limit_passes() {
    let fixture = Fixture::new().await;
    let limits = [Limit::pace(7, TimeDelta::minutes(6)), Limit::ceiling(10)];
    for (round, limit) in (0..15).flat_map(|round| limits.map(|limit| (round, limit))) {
        let name = format!("{round} {:?}", limit.kind());
        let charges = [
            Charge {
                key: LimitKey::new(&name, &Binding::tenant("t1")),
                limit: Limit::ceiling(1_000),
            },
            Charge {
                key: LimitKey::new(&name, &fixture.binding()),
                limit,
            },
        ];
        let tasks = (0..TASKS).map(|_| {
            let store = fixture.store.clone();
            async move { store.spend(&charges, now()).await.unwrap() }
        });
        let answers = at_once(tasks).await;
        let passed = answers.iter().filter(|a| **a == Spent::Allowed).count();
        assert_eq!(passed, usize::try_from(limit.burst()).unwrap(), "{name}");
    }
}
