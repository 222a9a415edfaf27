//! Futures that are dropped half-way: no connection is left inside of a transaction that nobody ends, in
//! which the next verb would be answered and not done.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use core::{future::poll_fn, pin::pin, task::Poll};

use fixture::{CODE, Fixture, now};
use pg::{PATIENCE, PgFixture, Schema, options, pool, pool_options};
use token_store::{Inserted, OpenRedeem, Redeemed, TokenStore};
use token_store_sqlx::{PostgresStore, PostgresStoreBuilder};

/// Polls it so often, unless it ends before, and drops it.
async fn cut<F: Future>(future: F, polls: usize) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if polled.is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// A store whose verbs all use one connection, and another that sees what was committed.
async fn pair(builder: PostgresStoreBuilder) -> (PgFixture, PostgresStore) {
    let schema = Schema::new();
    let builder = builder.timeout(PATIENCE).schema(&schema.name);
    let one = builder.pool_options().max_connections(1);
    let one = one.connect_lazy_with(options());
    let other = builder.clone().pool(pool()).await.unwrap();
    let store = builder.pool(one).await.unwrap();
    (Fixture::over(store, schema), other)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_redeem_that_is_dropped_leaves_no_transaction_behind() {
    // Where nothing else would end it.
    let schema = Schema::new();
    let builder = PostgresStore::builder()
        .timeout(PATIENCE)
        .schema(&schema.name);
    let other = builder.clone().pool(pool()).await.unwrap();
    let one = pool_options()
        .max_connections(1)
        .connect_lazy_with(options());
    let fixture = Fixture::over(builder.pool(one).await.unwrap(), schema);
    for polls in 0..200 {
        let issued = fixture.insert(&CODE).await;
        let found = other.find(issued.record.id()).await.unwrap();
        assert!(found.is_some(), "inserted and not committed, {polls} polls");
        let right = fixture.right(&CODE, &issued);
        cut(fixture.store.redeem_open(&right, now()), polls * 4).await;
        let told = fixture.store.redeem(&right, now()).await.unwrap();
        assert!(matches!(told, Redeemed::Redeemed(_)), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_of_the_application_that_is_dropped_as_it_begins_takes_no_verb_with_it() {
    let (fixture, other) = pair(PostgresStore::builder()).await;
    for polls in 0..200 {
        cut(fixture.store.pool().begin(), polls * 4).await;
        let issued = fixture.insert(&CODE).await;
        let found = other.find(issued.record.id()).await.unwrap();
        assert!(found.is_some(), "inserted and not committed, {polls} polls");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_in_transactions_of_their_own_that_are_dropped_are_done_or_not_done() {
    let (fixture, other) = pair(PostgresStore::builder().behind_transaction_pooler()).await;
    for polls in 0..200 {
        let issued = fixture.issue(&CODE);
        let batch = [issued.record.clone()];
        cut(fixture.store.insert(&batch), polls * 4).await;
        let told = fixture.store.insert(&batch).await.unwrap();
        let found = other.find(issued.record.id()).await.unwrap();
        assert!(found.is_some(), "{told:?} and not committed, {polls} polls");
        assert!(told == Inserted::Done || polls > 0);
    }
}
