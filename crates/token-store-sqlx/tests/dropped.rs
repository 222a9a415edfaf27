//! A dropped future leaves a verb done or not done: never half, never twice, and no lock behind.

#[path = "support/fixture.rs"]
mod fixture;

use core::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use std::time::Instant;

use fixture::{CODE, Fixture, RECOVERY, now};
use token_store::{
    Advanced, Charge, FactorState, FactorStore, LimitStore, OpenRedeem, Redeemed, Spent,
    TokenStore,
    ott_core::{Binding, Limit, LimitKey, Reason, State},
};
use token_store_sqlx::SqliteStore;

const ROUNDS: usize = 150;

/// Polls the future until it is done or so long has passed, and drops it then.
///
/// A time-out of tokio has steps of a millisecond; a verb is done in less.
async fn drop_after(micros: usize, future: impl Future) {
    let most = Duration::from_micros(u64::try_from(micros).expect("a short time"));
    let began = Instant::now();
    let mut future = pin!(future);
    loop {
        let done = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if done || began.elapsed() >= most {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn fixture() -> Fixture {
    // Should a lock stay behind, the next verb says so soon.
    Fixture::with(SqliteStore::builder().timeout(Duration::from_secs(3))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn redeem() {
    let fixture = fixture().await;
    let (mut before, mut after) = (0, 0);
    for round in 0..ROUNDS {
        let issued = fixture.insert(&CODE).await;
        let right = fixture.right(&CODE, &issued);
        if round % 2 == 0 {
            drop_after(round % 50 * 40, fixture.store.redeem(&right, now())).await;
        } else {
            drop_after(round % 50 * 40, fixture.store.redeem_open(&right, now())).await;
        }
        match fixture.store.redeem(&right, now()).await.unwrap() {
            Redeemed::Redeemed(stored) => {
                assert_eq!(stored.attempts, 1);
                before += 1;
            }
            Redeemed::Refused(reason) => {
                assert_eq!(
                    (reason, round % 2),
                    (Reason::Spent, 0),
                    "an open one rolls back"
                );
                after += 1;
            }
        }
        let again = fixture.store.redeem(&right, now()).await.unwrap();
        assert_eq!(again, Redeemed::Refused(Reason::Spent));
    }
    assert!(
        before > 0 && after > 0,
        "dropped before and after the deed: {before}, {after}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn insert() {
    let fixture = fixture().await;
    let mut older = Vec::new();
    for round in 0..ROUNDS {
        let newer: Vec<_> = (0..3).map(|_| fixture.issue(&RECOVERY).record).collect();
        drop_after(round % 60 * 60, fixture.store.insert(&newer)).await;
        // A commit that the driver's thread has begun goes on: a write waits for its end.
        fixture
            .store
            .clear(&LimitKey::new("", &fixture.binding()))
            .await
            .unwrap();
        let mut states = Vec::new();
        for record in newer.iter().chain(&older) {
            let found = fixture.store.find(record.id()).await.unwrap();
            states.push(found.map(|stored| stored.state));
        }
        let (new, old) = states.split_at(3);
        let done = new.iter().all(|state| *state == Some(State::Ready))
            && old.iter().all(|state| *state == Some(State::Superseded));
        let not_done =
            new.iter().all(Option::is_none) && old.iter().all(|state| *state == Some(State::Ready));
        assert!(done || not_done, "round {round}: {states:?}");
        if done {
            older = newer;
        }
    }
    assert!(!older.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn spend_and_advance() {
    let fixture = fixture().await;
    let factor = fixture.factor(1, FactorState::Active);
    assert!(fixture.store.insert_factor(&factor).await.unwrap());
    for round in 0..ROUNDS {
        let charges = ["a", "b"].map(|name| Charge {
            key: LimitKey::new(&format!("{name} {round}"), &Binding::tenant("")),
            limit: Limit::ceiling(1),
        });
        drop_after(round % 60 * 60, fixture.store.spend(&charges, now())).await;
        let [first, second] = charges;
        let one = fixture.store.spend(&[first], now()).await.unwrap();
        let two = fixture.store.spend(&[second], now()).await.unwrap();
        assert_eq!(
            one == Spent::Allowed,
            two == Spent::Allowed,
            "round {round}"
        );

        let counter = u64::try_from(round).unwrap();
        drop_after(
            round % 40,
            fixture.store.advance(&factor.id, counter, now()),
        )
        .await;
        let told = fixture
            .store
            .advance(&factor.id, counter, now())
            .await
            .unwrap();
        assert!(matches!(told, Advanced::Accepted | Advanced::Replayed));
    }
}
