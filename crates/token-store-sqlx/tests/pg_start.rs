//! What a store refuses to start on, what it needs to start, and what it leaves alone.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use core::time::Duration;

use fixture::{CODE, now};
use pg::PgFixture;
use sqlx::{AssertSqlSafe, PgPool};
use testing::postgres::{PATIENCE, Schema, options, pool, pool_options};
use token_store::{Redeemed, StoreError, TokenStore};
use token_store_sqlx::{PostgresStore, PostgresStoreBuilder, StartError, sqlx};

/// A pool whose connections have this setting.
fn with(setting: &str, value: &str) -> PgPool {
    pool_options().connect_lazy_with(options().options([(setting, value)]))
}

fn builder(schema: &Schema) -> PostgresStoreBuilder {
    PostgresStore::builder()
        .schema(&schema.name)
        .timeout(PATIENCE)
}

async fn count(pool: &PgPool, text: &str) -> i64 {
    let query = sqlx::query_scalar(AssertSqlSafe(text.to_owned()));
    query.fetch_one(pool).await.unwrap()
}

/// Commits that are not waited for are refused unless accepted by name.
#[tokio::test(flavor = "multi_thread")]
async fn weak_commits_must_be_accepted_by_name() {
    for (level, strong) in [
        ("on", true),
        ("local", true),
        ("remote_write", true),
        ("remote_apply", true),
        ("off", false),
    ] {
        let schema = Schema::new();
        let pool = with("synchronous_commit", level);
        let told = builder(&schema).pool(pool.clone()).await;
        match (&told, strong) {
            (Ok(_), true) => {}
            (
                Err(StartError::WeakCommits {
                    synchronous_commit, ..
                }),
                false,
            ) => {
                assert_eq!(synchronous_commit, level);
            }
            _ => panic!("{level}: {told:?}"),
        }
        let made = format!(
            "SELECT count(*) FROM pg_namespace WHERE nspname = '{}'",
            schema.name
        );
        assert_eq!(
            count(&pool, &made).await,
            i64::from(strong),
            "a refused start makes nothing"
        );
        let accepted = builder(&schema).accepting_weak_commits();
        assert!(accepted.pool(pool).await.is_ok());
    }
}

/// A store does not start where transactions are isolated more strictly than `READ COMMITTED` by default.
#[tokio::test(flavor = "multi_thread")]
async fn another_isolation_is_refused() {
    let schema = Schema::new();
    for level in ["repeatable read", "serializable"] {
        let pool = with("default_transaction_isolation", level);
        let told = builder(&schema).pool(pool).await;
        assert!(
            matches!(&told, Err(StartError::Isolation(told)) if told == level),
            "{told:?}"
        );
    }
}

/// A store does not start with a prefix or a schema that is empty, too long, or no plain name in small letters.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_mean_something_else_are_refused() {
    let long = "a".repeat(47);
    for prefix in ["", "Ott_", "1_", "a b", "a\"; --", "ä_", "a.b", &long] {
        let told = PostgresStore::builder().prefix(prefix).pool(pool()).await;
        assert!(matches!(told, Err(StartError::Name)), "{prefix}: {told:?}");
    }
    for schema in ["", "Public", "\"", &"a".repeat(64)] {
        let told = PostgresStore::builder().schema(schema).pool(pool()).await;
        assert!(matches!(told, Err(StartError::Name)), "{schema}: {told:?}");
    }
}

/// The longest prefix fits and two prefixes are two stores.
#[tokio::test(flavor = "multi_thread")]
async fn prefixes_separate_stores_and_the_longest_fits() {
    let schema = Schema::new();
    let (one, two) = ("a".repeat(46), format!("{}b", "a".repeat(45)));
    let mut fixtures = Vec::new();
    for prefix in [one, two] {
        let store = builder(&schema).prefix(prefix).pool(pool()).await.unwrap();
        fixtures.push(fixture::Fixture::<_, ()>::over(store, ()));
    }
    let issued = fixtures[0].insert(&CODE).await;
    let right = fixtures[0].right(&CODE, &issued);
    let told = fixtures[1].store.redeem(&right, now()).await.unwrap();
    assert!(matches!(told, Redeemed::Refused(_)));
    let told = fixtures[0].store.redeem(&right, now()).await.unwrap();
    assert!(matches!(told, Redeemed::Redeemed(_)));
}

/// Sixteen stores that start at once in one new schema all start.
#[tokio::test(flavor = "multi_thread")]
async fn sixteen_first_starts_at_once_all_succeed() {
    for _ in 0..5 {
        let schema = Schema::new();
        let pool = pool();
        let starts = (0..16).map(|_| {
            let (builder, pool) = (builder(&schema), pool.clone());
            async move { builder.pool(pool).await.map(drop) }
        });
        for start in fixture::at_once(starts).await {
            start.unwrap();
        }
    }
}

/// A second store finds what the first wrote and a newer version is refused.
#[tokio::test(flavor = "multi_thread")]
async fn second_store_finds_the_rows_of_the_first() {
    let fixture = PgFixture::new().await;
    let issued = fixture.insert(&CODE).await;
    let again = builder(&fixture.place).pool(pool()).await.unwrap();
    let found = again.find(issued.record.id()).await.unwrap();
    assert_eq!(found.as_ref(), Some(issued.record.stored()));
    assert_eq!(fixture.number("SELECT count(*) FROM {migrations}").await, 1);
    fixture
        .run("INSERT INTO {migrations} (version) VALUES (1000)")
        .await;
    let told = builder(&fixture.place).pool(pool()).await;
    assert!(matches!(told, Err(StartError::Migration(_))), "{told:?}");
}

/// The rights that an application needs once somebody else has made the tables.
#[tokio::test(flavor = "multi_thread")]
async fn role_that_may_make_nothing_does_everything() {
    let fixture = PgFixture::new().await;
    let (schema, role) = (&fixture.place.name, format!("{}_role", fixture.place.name));
    for grant in [
        format!("CREATE ROLE {role} LOGIN"),
        format!("GRANT USAGE ON SCHEMA {schema} TO {role}"),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}"),
        format!("REVOKE ALL ON {schema}.ott_migrations FROM {role}"),
        format!("GRANT SELECT ON {schema}.ott_migrations TO {role}"),
    ] {
        fixture.run(&grant).await;
    }
    let options = options().options([("role", role.as_str())]);
    let pool = pool_options().connect_lazy_with(options);
    let store = builder(&fixture.place).pool(pool.clone()).await.unwrap();
    let other = fixture::Fixture::<_, ()>::over(store, ());
    let issued = other.insert(&CODE).await;
    let right = other.right(&CODE, &issued);
    let told = other.store.redeem(&right, now()).await.unwrap();
    assert!(matches!(told, Redeemed::Redeemed(_)));
    let later = now() + token_store::ott_core::chrono::TimeDelta::days(1);
    assert_eq!(other.store.purge(later, 10).await.unwrap(), 1);
    pool.close().await;
    fixture.run(&format!("DROP OWNED BY {role}")).await;
    fixture.run(&format!("DROP ROLE {role}")).await;
}

/// A replica, or a server that is being switched over: an outage, and nothing is done.
#[tokio::test(flavor = "multi_thread")]
async fn server_that_only_reads_is_an_outage() {
    let fixture = PgFixture::new().await;
    let issued = fixture.insert(&CODE).await;
    let pool = with("default_transaction_read_only", "on");
    let store = builder(&fixture.place).pool(pool).await.unwrap();
    let told = store.redeem(&fixture.right(&CODE, &issued), now()).await;
    assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
    let found = fixture.store.find(issued.record.id()).await.unwrap();
    assert_eq!(found.as_ref(), Some(issued.record.stored()));
}

async fn shown(pool: &PgPool) -> String {
    let show = sqlx::query_scalar("SHOW statement_timeout");
    show.fetch_one(pool).await.unwrap()
}

/// A pool of its own and one of its options have a time-out at the server.
#[tokio::test(flavor = "multi_thread")]
async fn pools_of_the_builder_have_a_time_out_at_the_server() {
    let schema = Schema::new();
    let builder = builder(&schema).timeout(Duration::from_secs(8));
    let store = builder.clone().connect(options()).await.unwrap();
    assert_eq!(shown(store.pool()).await, "4s");
    let pool = builder.pool_options().connect_lazy_with(options());
    let store = builder.pool(pool).await.unwrap();
    assert_eq!(shown(store.pool()).await, "4s");
}

/// The server would go on with what the store has told as given up.
#[tokio::test(flavor = "multi_thread")]
async fn late_statements_must_be_accepted_by_name() {
    let schema = Schema::new();
    for (timeout, late) in [
        ("0", Some(0)),
        ("30s", Some(30_000)),
        ("1h", Some(3_600_000)),
        ("29999ms", None),
    ] {
        let pool = with("statement_timeout", timeout);
        let told = builder(&schema).pool(pool.clone()).await;
        match (&told, late) {
            (Ok(_), None) => {}
            (Err(StartError::LateStatements(found)), Some(late)) => assert_eq!(*found, late),
            _ => panic!("{timeout}: {told:?}"),
        }
        let accepted = builder(&schema).accepting_late_statements();
        assert!(accepted.pool(pool).await.is_ok());
    }
}

/// A start that hangs in the middle, as somebody else, holds the lock.
#[tokio::test(flavor = "multi_thread")]
async fn first_start_waits_no_longer_than_its_time_out() {
    let schema = Schema::new();
    let mut other = pool().begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(7815290144635907123)")
        .execute(&mut *other)
        .await
        .unwrap();
    let builder = builder(&schema).accepting_late_statements();
    let hasty = builder.clone().timeout(Duration::from_secs(8));
    let told = hasty.pool(pool()).await;
    assert!(matches!(told, Err(StartError::Migrating)), "{told:?}");
    other.rollback().await.unwrap();
    assert!(builder.pool(pool()).await.is_ok());
}
