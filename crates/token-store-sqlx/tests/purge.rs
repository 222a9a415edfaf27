//! Purges beside other writers: SQLite gives a purged row's number to the next record.

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture, at_once, now};
use token_store::{Inserted, Revoke, TokenStore, ott_core::chrono::TimeDelta};

#[tokio::test(flavor = "multi_thread")]
async fn a_live_record_that_took_a_purged_rows_place_stays() {
    let fixture = Fixture::new().await;
    let later = now()
        .checked_add_signed(TimeDelta::microseconds(1))
        .unwrap();
    for round in 0..300 {
        let dead: Vec<_> = (0..4).map(|_| fixture.issue(&CODE).record).collect();
        fixture.store.insert(&dead).await.unwrap();
        for record in &dead {
            fixture
                .store
                .revoke(&Revoke::Record(*record.id()))
                .await
                .unwrap();
        }
        let live: Vec<_> = (0..4).map(|_| fixture.issue(&CODE).record).collect();
        let tasks = (0..8).map(|task| {
            let (store, live) = (fixture.store.clone(), live.clone());
            async move {
                match live.get(task) {
                    Some(record) => {
                        let batch = core::slice::from_ref(record);
                        assert_eq!(store.insert(batch).await.unwrap(), Inserted::Done);
                        0
                    }
                    None => store.purge(later, 10).await.unwrap(),
                }
            }
        });
        let removed: u64 = at_once(tasks).await.into_iter().sum();
        assert_eq!(removed, 4, "round {round}");
        for record in &live {
            let found = fixture.store.find(record.id()).await.unwrap();
            assert!(found.is_some(), "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_takes_as_many_as_it_may_and_says_how_many() {
    let fixture = Fixture::new().await;
    let later = now().checked_add_signed(TimeDelta::days(1)).unwrap();
    let batch: Vec<_> = (0..1_000).map(|_| fixture.issue(&CODE).record).collect();
    fixture.store.insert(&batch).await.unwrap();
    // More than one step removes, fewer than all, then the rest, then none.
    for (limit, removed) in [(0, 0), (1, 1), (600, 600), (u32::MAX, 399), (10, 0)] {
        let told = fixture.store.purge(later, limit).await.unwrap();
        assert_eq!(told, removed, "limit {limit}");
    }
}
