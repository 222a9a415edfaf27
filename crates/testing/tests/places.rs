//! A place's store is one back end with as many handles as a test asks for, and its own.

use testing::{Place, Store};
use token_store::ott_core::{
    Binding, Issuer, KeyRing, Policy, Purpose, Record, Subject,
    chrono::{DateTime, Utc},
};

const LINK: Policy = Policy::link(Purpose::new("link"));

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000, 0).expect("a time within the calendar")
}

async fn insert(store: &Store) -> Record {
    let issuer = Issuer::new(KeyRing::generate().expect("randomness"));
    let alice = Subject::new("t1", "alice").expect("a valid name");
    let issued = issuer.issue(&LINK, &Binding::subject(&alice), now());
    let record = issued.expect("a policy that fits").record;
    store
        .insert(core::slice::from_ref(&record))
        .await
        .expect("the store answers");
    record
}

/// What one handle stored, another one finds, and a store of the same place does not.
async fn store_is_one_behind_its_handles(place: Place) {
    let (store, stranger) = (place.store().await, place.store().await);
    let beside = store.beside().await;
    let id = *insert(&store).await.id();
    assert!(beside.find(&id).await.expect("the store answers").is_some());
    drop(store);
    assert!(beside.find(&id).await.expect("the store answers").is_some());
    assert!(
        stranger
            .find(&id)
            .await
            .expect("the store answers")
            .is_none()
    );
}

/// Handles of one store in memory have the same records, and another store has none of them.
#[tokio::test]
async fn store_in_memory() {
    store_is_one_behind_its_handles(Place::Memory).await;
}

/// Handles of one SQLite store have the same records, and another store has none of them.
#[tokio::test]
async fn store_in_sqlite() {
    store_is_one_behind_its_handles(Place::Sqlite).await;
}

/// Handles of one PostgreSQL store have the same records, and another store has none of them.
#[tokio::test]
async fn store_in_postgres() {
    store_is_one_behind_its_handles(Place::Postgres).await;
}

/// Handles of one Redis store have the same records, and another store has none of them.
#[tokio::test]
async fn store_in_redis() {
    store_is_one_behind_its_handles(Place::Redis).await;
}

/// Handles of one store on a Redis Cluster have the same records, and another store has none of them.
#[tokio::test]
async fn store_in_a_cluster() {
    store_is_one_behind_its_handles(Place::Cluster).await;
}
