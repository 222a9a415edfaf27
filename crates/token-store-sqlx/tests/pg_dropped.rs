//! Futures that are dropped half-way, and transactions that nobody ends: no verb is answered inside of one,
//! where it would not be done.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use core::{future::poll_fn, pin::pin, task::Poll};

use fixture::{CODE, Fixture, LINK, PROMPT, now};
use pg::PgFixture;
use sqlx::postgres::PgPoolOptions;
use testing::postgres::{PATIENCE, Schema, options, pool, pool_options};
use token_store::{
    Advanced, Charge, ConfirmIf, Decided, FactorChange, FactorState, FactorStore, Inserted,
    LimitStore, RedeemInTransaction, Redeemed, RemoveIf, Revoke, Spent, TokenStore,
    ott_core::{Issued, Limit, LimitKey, LimitScope, State, chrono::TimeDelta},
};
use token_store_sqlx::{PostgresStore, PostgresStoreBuilder, sqlx};

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
async fn pair(
    builder: PostgresStoreBuilder,
    pool_options: PgPoolOptions,
) -> (PgFixture, PostgresStore) {
    let schema = Schema::new();
    let builder = builder.timeout(PATIENCE).schema(&schema.name);
    let one = pool_options.max_connections(1);
    let one = one.connect_lazy_with(options());
    let other = builder.clone().pool(pool()).await.unwrap();
    let store = builder.pool(one).await.unwrap();
    (Fixture::over(store, schema), other)
}

/// The same, where the pool is the one that the store asks for and clears what comes back.
async fn cleared() -> (PgFixture, PostgresStore) {
    let builder = PostgresStore::builder().timeout(PATIENCE);
    let options = builder.pool_options();
    pair(builder, options).await
}

/// An open redeem that is dropped leaves no transaction behind.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_redeem_leaves_no_transaction_behind() {
    // On a plain pool nothing but the store ends it.
    let (fixture, other) = pair(PostgresStore::builder(), pool_options()).await;
    for polls in 0..200 {
        let issued = fixture.insert(&CODE).await;
        let found = other.find(issued.record.id()).await.unwrap();
        assert!(found.is_some(), "inserted and not committed, {polls} polls");
        let right = fixture.right(&CODE, &issued);
        cut(
            fixture.store.redeem_in_transaction(&right, now()),
            polls * 4,
        )
        .await;
        let told = fixture.store.redeem(&right, now()).await.unwrap();
        assert!(matches!(told, Redeemed::Redeemed(_)), "{told:?}");
    }
}

/// A transaction of the application that is dropped as it begins takes no verb with it.
#[tokio::test(flavor = "multi_thread")]
async fn begin_that_is_dropped_takes_no_verb_with_it() {
    let (fixture, other) = cleared().await;
    for polls in 0..200 {
        cut(fixture.store.pool().begin(), polls * 4).await;
        let issued = fixture.insert(&CODE).await;
        let found = other.find(issued.record.id()).await.unwrap();
        assert!(found.is_some(), "inserted and not committed, {polls} polls");
    }
}

/// Verbs in transactions of their own that are dropped are done or not done.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_verbs_behind_a_pooler_are_done_or_not() {
    let (fixture, other) = pair(
        PostgresStore::builder().behind_transaction_pooler(),
        pool_options(),
    )
    .await;
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

/// Leaves the store's one connection inside of a transaction.
async fn forget(store: &PostgresStore, begin: &'static str) {
    sqlx::raw_sql(begin).execute(store.pool()).await.unwrap();
}

/// Each verb meets a connection that was left inside of a transaction. What it answered is looked for
/// through the other store, which sees what was committed and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn verbs_never_run_inside_a_forgotten_transaction() {
    let (fixture, other) = cleared().await;
    let (store, alice) = (&fixture.store, &fixture.alice);
    macro_rules! verb {
        ($verb:ident($($argument:expr),*)) => {{
            forget(store, "BEGIN").await;
            store.$verb($($argument),*).await.unwrap()
        }};
    }
    let look = async |issued: &Issued| {
        let found = other.find(issued.record.id()).await.unwrap();
        let found = found.expect("inserted, and not committed");
        (found.state, found.attempts)
    };

    let code = fixture.issue(&CODE);
    let inserted = verb!(insert(core::slice::from_ref(&code.record)));
    assert_eq!(inserted, Inserted::Done);
    assert_eq!(look(&code).await, (State::Ready, 0));
    verb!(redeem(&fixture.wrong(&code), now()));
    assert_eq!(look(&code).await, (State::Ready, 1));
    let told = verb!(redeem(&fixture.right(&CODE, &code), now()));
    assert!(matches!(told, Redeemed::Redeemed(_)), "{told:?}");
    assert_eq!(look(&code).await, (State::Spent, 2));
    let prompt = fixture.insert(&PROMPT).await;
    let decided = verb!(decide(
        prompt.record.id(),
        &fixture.approval(&prompt),
        now()
    ));
    assert!(matches!(decided, Decided::Decided(_)), "{decided:?}");
    assert_eq!(look(&prompt).await, (State::Ready, 0));
    let link = fixture.insert(&LINK).await;
    verb!(touch(link.record.id(), now()));
    let touched = other.find(link.record.id()).await.unwrap().unwrap();
    assert_eq!(touched.used_at, Some(now()));
    assert_eq!(verb!(revoke(&Revoke::Record(*prompt.record.id()))), 1);
    assert_eq!(look(&prompt).await, (State::Revoked, 0));
    assert_eq!(verb!(revoke(&Revoke::subject(alice))), 1);
    assert_eq!(look(&link).await, (State::Revoked, 0));
    assert_eq!(verb!(purge(now() + TimeDelta::days(1), 100)), 3);
    assert_eq!(other.find(link.record.id()).await.unwrap(), None);

    let factor = fixture.factor(1, FactorState::Pending);
    let look = async || {
        let mut found = other.factors(alice).await.unwrap();
        found.pop().expect("inserted, and not committed")
    };
    assert!(verb!(insert_factor(&factor)));
    assert_eq!(look().await, factor);
    let confirmed = verb!(confirm(&factor.id, Some(1), ConfirmIf::First, now()));
    assert_eq!(confirmed, Advanced::Accepted);
    assert_eq!(look().await.last, Some(1));
    let advanced = verb!(advance(&factor.id, 2, now()));
    assert_eq!(advanced, Advanced::Accepted);
    assert_eq!(look().await.last, Some(2));
    assert!(verb!(update(&factor.id, &FactorChange::Label("b".into()))));
    assert_eq!(look().await.label, "b");
    let (old, new) = (factor.sealed.clone(), vec![2]);
    assert!(verb!(update(&factor.id, &FactorChange::Seal { old, new })));
    assert_eq!(look().await.sealed, [2]);
    assert!(verb!(update(&factor.id, &FactorChange::Disable)));
    assert_eq!(look().await.state, FactorState::Disabled);
    assert!(verb!(remove(&factor.id, RemoveIf::Always, &[], now())));
    assert_eq!(look().await.state, FactorState::Removed);
    assert!(verb!(restore(&factor.id)));
    assert_eq!(look().await.state, FactorState::Disabled);
    assert!(verb!(remove(&factor.id, RemoveIf::Always, &[], now())));
    assert_eq!(verb!(purge_factors(now() + TimeDelta::days(1), 10)), 1);
    assert_eq!(other.factors(alice).await.unwrap(), []);

    let charge = Charge {
        key: LimitKey::new(LimitScope::Application, "a", &fixture.binding()),
        limit: Limit::ceiling(1),
    };
    let is_locked = async || other.spend(&[charge], now()).await.unwrap() != Spent::Allowed;
    assert_eq!(verb!(spend(&[charge], now())), Spent::Allowed);
    assert!(is_locked().await);
    verb!(refund(&[charge], 1));
    assert!(!is_locked().await);
    verb!(clear(&charge.key));
    assert!(!is_locked().await);
    other.refund(&[charge], 1).await.unwrap();
    assert_eq!(verb!(purge_limits(now(), 10)), 1);
    assert_eq!(other.purge_limits(now(), 10).await.unwrap(), 0);
}

/// A failed transaction that nobody ended fails no verb.
#[tokio::test(flavor = "multi_thread")]
async fn failed_transaction_left_open_fails_no_verb() {
    let (fixture, other) = cleared().await;
    let fails = sqlx::raw_sql("BEGIN; SELECT 1 / 0").execute(fixture.store.pool());
    fails.await.unwrap_err();
    let issued = fixture.insert(&CODE).await;
    let found = other.find(issued.record.id()).await.unwrap();
    assert!(found.is_some(), "inserted, and not committed");
}

/// One that sees what was, and not what is.
#[tokio::test(flavor = "multi_thread")]
async fn forgotten_transaction_is_read_by_no_verb() {
    let (fixture, other) = cleared().await;
    let (store, alice) = (&fixture.store, &fixture.alice);
    const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    let link = fixture.insert(&LINK).await;
    forget(store, BEGIN).await;
    other.revoke(&Revoke::subject(alice)).await.unwrap();
    let found = store.find(link.record.id()).await.unwrap().unwrap();
    assert_eq!(found.state, State::Revoked);
    forget(store, BEGIN).await;
    let code = fixture.issue(&CODE);
    other
        .insert(core::slice::from_ref(&code.record))
        .await
        .unwrap();
    assert_eq!(store.list(alice, None, now()).await.unwrap().len(), 1);
    forget(store, BEGIN).await;
    let factor = fixture.factor(1, FactorState::Active);
    assert!(other.insert_factor(&factor).await.unwrap());
    assert_eq!(store.factors(alice).await.unwrap(), [factor]);
}
