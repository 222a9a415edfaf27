//! A limit whose stored time lies beyond every clock: a fault that changes nothing and has an end.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a helper that panics fails its test"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use fixture::{Fixture, now};
use pg::PgFixture;
use token_store::{
    Charge, LimitStore, Spent,
    ott_core::{
        Binding, Limit, LimitKey, LimitScope,
        chrono::{DateTime, TimeDelta, Utc},
    },
};
use token_store_sqlx::sqlx;

/// The stored time in the fixture's database, in microseconds.
async fn reports_a_clock_that_was_ahead(store: &impl LimitStore, full_at: impl AsyncFn() -> i64) {
    let limit = Limit::pace(10, TimeDelta::minutes(6));
    let key = |name| LimitKey::new(LimitScope::Application, name, &Binding::tenant("t1"));
    let charge = |name| Charge {
        key: key(name),
        limit,
    };
    let spend = async |names: &[&'static str], at: DateTime<Utc>| {
        let charges: Vec<_> = names.iter().copied().map(charge).collect();
        store.spend(&charges, at).await.unwrap()
    };
    // A machine whose clock is a day ahead.
    let ahead = now() + TimeDelta::days(1);
    assert_eq!(spend(&["ahead"], ahead).await, Spent::Allowed);
    let written = full_at().await;

    // The others refuse it as a fault, and spend what stands before it.
    let before = ["before", "ahead", "behind"];
    for _ in 0..9 {
        assert_eq!(spend(&before, now()).await, Spent::Ahead(key("ahead")));
        assert_eq!(full_at().await, written);
    }
    assert_eq!(spend(&["before"], now()).await, Spent::Allowed);
    assert!(matches!(
        spend(&["before"], now()).await,
        Spent::RetryAt(..)
    ));
    for _ in 0..10 {
        assert_eq!(spend(&["behind"], now()).await, Spent::Allowed);
    }

    // It is one for as long as the time lies beyond the horizon and 60 s; from then on it is a wait.
    let micro = TimeDelta::microseconds(1);
    let written = DateTime::from_timestamp_micros(written).unwrap();
    let beyond = TimeDelta::hours(1) + TimeDelta::seconds(60);
    let last = written - beyond - micro;
    assert_eq!(spend(&["ahead"], last).await, Spent::Ahead(key("ahead")));
    let first = written - beyond;
    assert!(matches!(spend(&["ahead"], first).await, Spent::RetryAt(..)));
    // To clear it ends it at once.
    store.clear(&key("ahead")).await.unwrap();
    assert_eq!(spend(&["ahead"], now()).await, Spent::Allowed);
}

/// Over SQLite.
#[tokio::test(flavor = "multi_thread")]
async fn limit_ahead_over_sqlite_changes_nothing() {
    let fixture = <Fixture>::new().await;
    let full_at = async || {
        let select = "SELECT max(full_at) FROM ott_limits";
        sqlx::query_scalar(select)
            .fetch_one(fixture.store.pool())
            .await
            .unwrap()
    };
    reports_a_clock_that_was_ahead(&fixture.store, full_at).await;
}

/// Over PostgreSQL.
#[tokio::test(flavor = "multi_thread")]
async fn limit_ahead_over_postgresql_changes_nothing() {
    let fixture = PgFixture::new().await;
    let full_at = async || fixture.number("SELECT max(full_at) FROM {limits}").await;
    reports_a_clock_that_was_ahead(&fixture.store, full_at).await;
}
