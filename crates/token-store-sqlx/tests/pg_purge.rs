//! Purges: so many and no more, only the dead, and their slots with them.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use fixture::{CODE, RECOVERY, at_once, now};
use pg::PgFixture;
use token_store::{
    Charge, Inserted, LimitStore, Redeemed, Revoke, TokenStore,
    ott_core::{Limit, LimitKey, LimitScope, State, chrono::TimeDelta},
};
use token_store_sqlx::sqlx;

#[tokio::test(flavor = "multi_thread")]
async fn purge_takes_as_many_as_it_may_and_says_how_many() {
    let fixture = PgFixture::new().await;
    let later = now() + TimeDelta::days(1);
    let batch: Vec<_> = (0..3_000).map(|_| fixture.issue(&CODE).record).collect();
    fixture.store.insert(&batch).await.unwrap();
    // More than one step removes, fewer than all, then the rest, then none.
    for (limit, removed) in [(0, 0), (1, 1), (1_800, 1_800), (u32::MAX, 1_199), (10, 0)] {
        let told = fixture.store.purge(later, limit).await.unwrap();
        assert_eq!(told, removed, "limit {limit}");
    }
    assert_eq!(fixture.number("SELECT count(*) FROM {slots}").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_purges_at_once_take_each_row_once() {
    let fixture = PgFixture::new().await;
    let later = now() + TimeDelta::days(1);
    let batch: Vec<_> = (0..4_000).map(|_| fixture.issue(&CODE).record).collect();
    fixture.store.insert(&batch).await.unwrap();
    let purges = (0..8).map(|_| {
        let store = fixture.store.clone();
        async move { store.purge(later, 10_000).await.unwrap() }
    });
    let told: u64 = at_once(purges).await.into_iter().sum();
    let rest = fixture.store.purge(later, 10_000).await.unwrap();
    assert_eq!(told + rest, 4_000);
}

/// The same, with the batch inserted at the one moment that matters: the purge has removed the last
/// record that it sees, and not its slot yet.
#[tokio::test(flavor = "multi_thread")]
async fn slot_that_a_newer_batch_took_under_a_purge_stays() {
    const GATE: i64 = 7_315_290_144_635;
    let fixture = PgFixture::new().await;
    let old = fixture.insert(&RECOVERY).await;
    let revoke = Revoke::Record(*old.record.id());
    assert_eq!(fixture.store.revoke(&revoke).await.unwrap(), 1);
    let wait = format!("{}.wait", fixture.place.name);
    let function = format!(
        "CREATE FUNCTION {wait}() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN OLD; END'"
    );
    fixture.run(&function).await;
    let trigger = "CREATE TRIGGER wait BEFORE DELETE ON {tokens} FOR EACH ROW EXECUTE FUNCTION";
    fixture.run(&format!("{trigger} {wait}()")).await;

    let mut gate = fixture.store.pool().begin().await.unwrap();
    let close = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(GATE);
    close.execute(&mut *gate).await.unwrap();
    let store = fixture.store.clone();
    let later = now() + TimeDelta::microseconds(1);
    let purge = tokio::spawn(async move { store.purge(later, 10).await });
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
        AND mode = 'ShareLock'";
    while fixture.number(waiting).await == 0 {
        tokio::task::yield_now().await;
    }
    let new = fixture.insert(&RECOVERY).await;
    gate.rollback().await.unwrap();
    assert_eq!(purge.await.unwrap().unwrap(), 1);

    let right = fixture.right(&RECOVERY, &new);
    let told = fixture.store.redeem(&right, now()).await.unwrap();
    assert!(matches!(told, Redeemed::Redeemed(_)), "{told:?}");
}

/// A slot goes with its last record, and never from under a batch that is being inserted.
#[tokio::test(flavor = "multi_thread")]
async fn slot_that_a_newer_batch_takes_stays() {
    let fixture = PgFixture::new().await;
    let later = now() + TimeDelta::microseconds(1);
    for round in 0..300 {
        let old = fixture.insert(&RECOVERY).await;
        let revoke = Revoke::Record(*old.record.id());
        assert_eq!(fixture.store.revoke(&revoke).await.unwrap(), 1);
        let new = fixture.issue(&RECOVERY);
        let right = fixture.right(&RECOVERY, &new);
        let tasks = (0..4).map(|task| {
            let (store, record) = (fixture.store.clone(), new.record.clone());
            async move {
                if task == 0 {
                    assert_eq!(store.insert(&[record]).await.unwrap(), Inserted::Done);
                } else {
                    store.purge(later, 10).await.unwrap();
                }
            }
        });
        at_once(tasks).await;
        let told = fixture.store.redeem(&right, now()).await.unwrap();
        assert!(
            matches!(told, Redeemed::Redeemed(_)),
            "round {round}: {told:?}"
        );
        while fixture.store.purge(later, 10).await.unwrap() > 0 {}
        assert_eq!(fixture.number("SELECT count(*) FROM {tokens}").await, 0);
        assert_eq!(
            fixture.number("SELECT count(*) FROM {slots}").await,
            0,
            "round {round}"
        );
    }
}

/// What a newer batch retired is dead and its slot is not.
#[tokio::test(flavor = "multi_thread")]
async fn retired_batch_is_purged_and_its_slot_is_not() {
    let fixture = PgFixture::new().await;
    let old = fixture.insert(&RECOVERY).await;
    let new = fixture.insert(&RECOVERY).await;
    let later = now() + TimeDelta::microseconds(1);
    assert_eq!(fixture.store.purge(later, 10).await.unwrap(), 1);
    assert_eq!(fixture.store.find(old.record.id()).await.unwrap(), None);
    let found = fixture.store.find(new.record.id()).await.unwrap();
    assert_eq!(found.map(|found| found.state), Some(State::Ready));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_that_are_as_good_as_new_go_and_no_others() {
    let fixture = PgFixture::new().await;
    for number in 0..2_000 {
        let limit = [Limit::ceiling(3), Limit::PACE][number % 2];
        let key = LimitKey::new(
            LimitScope::Application,
            &number.to_string(),
            &fixture.binding(),
        );
        fixture
            .store
            .spend(&[Charge { key, limit }], now())
            .await
            .unwrap();
    }
    let day = now() + TimeDelta::days(1);
    let before = fixture.store.purge_limits(now(), 10_000).await.unwrap();
    assert_eq!(before, 0);
    let some = fixture.store.purge_limits(day, 10).await.unwrap();
    let rest = fixture.store.purge_limits(day, 10_000).await.unwrap();
    assert_eq!((some, rest), (10, 990));
    assert_eq!(fixture.number("SELECT count(*) FROM {limits}").await, 1_000);
}
