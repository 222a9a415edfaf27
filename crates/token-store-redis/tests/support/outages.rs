//! What a store answers after an outage, and whether it answers at all.

#![allow(dead_code, reason = "each test file uses a part")]

use core::time::Duration;
use std::time::Instant;

use token_store::{
    ChargedFactors, ConfirmIf, FactorId, FactorState, FactorStore, Guess, LimitStore, Redeemed,
    RemoveIf, Spent, TokenStore,
    ott_core::{Limit, Presented, Reason, chrono::TimeDelta},
};
use token_store_redis::{Outage, RedisStore};

use crate::fixture::{CODE, Fixture, charge, now, outage};

pub(crate) const PACE: Limit = Limit::pace(5, TimeDelta::minutes(10));
pub(crate) const CEILING: Limit = Limit::ceiling(3);

pub(crate) async fn redeems(store: &RedisStore, presented: &Presented) -> Option<Reason> {
    match store.redeem(presented, now()).await.expect("an answer") {
        Redeemed::Redeemed(_) => None,
        Redeemed::Refused(reason) => Some(reason),
    }
}

/// Asks until the store answers: the first verbs after an outage may still be told of it.
pub(crate) async fn until_it_answers(store: &RedisStore) {
    let begun = Instant::now();
    let id = *Fixture::new(store.clone()).issue(&CODE).record.id();
    while store.find(&id).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "no answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Factors, ceilings and allowances are an outage; gives the number that they name.
pub(crate) async fn lost(store: &RedisStore, id: &FactorId) -> u64 {
    let owner = Fixture::new(store.clone()).alice;
    let other = Fixture::new(store.clone()).factor(9, FactorState::Pending);
    let pace = [charge("guessed", PACE)];
    let guess = |right: Option<FactorId>| Guess {
        right: right.map(|id| (id, 1_000)),
        charges: &pace,
        cleared: &[],
    };
    let told = [
        store.advance(id, 1_000, now()).await.map(drop),
        store
            .confirm(id, None, ConfirmIf::Always, now())
            .await
            .map(drop),
        store.factors(&owner).await.map(drop),
        store.insert_factor(&other).await.map(drop),
        store
            .remove(id, RemoveIf::Always, &[], now())
            .await
            .map(drop),
        store.restore(id).await.map(drop),
        store
            .confirm(id, None, ConfirmIf::First, now())
            .await
            .map(drop),
        store
            .spend(&[charge("ceiling", CEILING)], now())
            .await
            .map(drop),
        store
            .spend(&[charge("new ceiling", CEILING)], now())
            .await
            .map(drop),
        store
            .spend(&[charge("allowance", Limit::ALLOWANCE)], now())
            .await
            .map(drop),
        store.refund(&[charge("ceiling", CEILING)], 1).await,
        store.look(&owner, &[]).await.map(drop),
        store
            .advance_charged(guess(Some(*id)), now())
            .await
            .map(drop),
        store.advance_charged(guess(None), now()).await.map(drop),
    ];
    let mut numbers = told
        .iter()
        .enumerate()
        .map(|(verb, told)| match outage(told) {
            Some(Outage::Lost { number }) => *number,
            _ => panic!("{verb}: {told:?}"),
        });
    let number = numbers.next().expect("there are several");
    assert!(numbers.all(|other| other == number));
    number
}

/// A pace of which all but one is gone, as after another primary.
pub(crate) async fn one_left(store: &RedisStore, name: &str) {
    let pace = [charge(name, PACE)];
    let told = store.spend(&pace, now()).await.expect("an answer");
    assert_eq!(told, Spent::Allowed, "{name}");
    let told = store.spend(&pace, now()).await.expect("an answer");
    let Spent::RetryAt(_, at) = told else {
        panic!("{name}: {told:?}");
    };
    // Ten minutes, less what has passed since it became the primary.
    let left = at.signed_duration_since(now());
    let within = TimeDelta::zero()..=TimeDelta::minutes(10);
    assert!(within.contains(&left), "{name}: {left}");
}
