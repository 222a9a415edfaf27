//! Purges beside other writers: SQLite gives a purged row's number to the next record.

#[path = "support/fixture.rs"]
mod fixture;

use fixture::{CODE, Fixture, at_once, now};
use token_store::{Inserted, Revoke, TokenStore, ott_core::chrono::TimeDelta};
use token_store_sqlx::sqlx;

/// A live record that takes a purged row's number during the purge stays.
#[tokio::test(flavor = "multi_thread")]
async fn live_record_that_took_a_purged_rows_place_stays() {
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

/// A purge removes as many tokens as it may, and says how many.
#[tokio::test(flavor = "multi_thread")]
async fn purge_takes_as_many_as_it_may_and_says_how_many() {
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

/// Few are dead among many that live: some expired, some at the far end of all that is older.
#[tokio::test(flavor = "multi_thread")]
async fn dead_rows_are_found_the_expired_first() {
    let fixture = Fixture::new().await;
    let live = "INSERT INTO ott_tokens (id, purpose, key, tenant, policy, binding, digest, data, \
           issued_at, tag, state, attempts) \
         WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 50000) \
         SELECT randomblob(16), 'sign-in', 1, 't1', x'', x'', x'', x'', n / 10000, x'', \
           CASE WHEN n % 5000 = 0 THEN 4 ELSE 1 END, 0 FROM n";
    sqlx::query(live)
        .execute(fixture.store.pool())
        .await
        .unwrap();
    for _ in 0..10 {
        fixture.insert(&CODE).await;
    }
    let later = now().checked_add_signed(TimeDelta::days(1)).unwrap();
    // What expired comes first.
    assert_eq!(fixture.store.purge(later, 10).await.unwrap(), 10);
    assert_eq!(fixture.store.purge(later, 4).await.unwrap(), 4);
    assert_eq!(fixture.store.purge(later, 100).await.unwrap(), 6);
    assert_eq!(fixture.store.purge(later, 100).await.unwrap(), 0);
    let count = sqlx::query_scalar("SELECT count(*) FROM ott_tokens");
    let left: i64 = count.fetch_one(fixture.store.pool()).await.unwrap();
    assert_eq!(left, 49_990);
}
