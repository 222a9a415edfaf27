//! A database that does not do what it should: `StoreError`, within the time-out, and nothing done.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

#[path = "support/fixture.rs"]
mod fixture;

use core::time::Duration;
use std::time::Instant;

use fixture::{CODE, Fixture, LINK, PROMPT, hasty, hasty_on, now};
use token_store::{
    Charge, ChargedFactors, ChargedStore, ConfirmIf, Cost, FactorChange, FactorId, FactorState,
    FactorStore, Guess, InTransaction, LimitStore, RedeemInTransaction, Redeemed, RemoveIf, Revoke,
    StoreError, TokenStore,
    ott_core::{Issued, Limit, LimitKey, LimitScope, chrono::TimeDelta},
};
use token_store_sqlx::{
    SqliteStore, StartError,
    sqlx::{
        self,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
    },
};

/// Of the verbs that have to time out.
const TIMEOUT: Duration = Duration::from_millis(300);
/// For two busy cores.
const SLACK: Duration = Duration::from_secs(15);

struct Prepared {
    link: Issued,
    prompt: Issued,
    charge: Charge,
    other: Charge,
}

const fn cost(charges: &[Charge]) -> Cost<'_> {
    Cost {
        charges,
        unknown_is_free: true,
    }
}

const fn guess(right: Option<(FactorId, u64)>, prepared: &Prepared) -> Guess<'_> {
    Guess {
        right,
        charges: core::slice::from_ref(&prepared.other),
        cleared: &[],
    }
}

async fn prepare(fixture: &Fixture) -> Prepared {
    let prepared = Prepared {
        link: fixture.insert(&LINK).await,
        prompt: fixture.insert(&PROMPT).await,
        charge: Charge {
            key: LimitKey::new(LimitScope::Application, "a", &fixture.binding()),
            limit: Limit::ceiling(1),
        },
        other: Charge {
            key: LimitKey::new(LimitScope::Application, "other", &fixture.binding()),
            limit: Limit::ceiling(9),
        },
    };
    let store = &fixture.store;
    let dead = fixture.insert(&CODE).await;
    store
        .revoke(&Revoke::Record(*dead.record.id()))
        .await
        .unwrap();
    for (id, state) in [(1, FactorState::Active), (2, FactorState::Pending)] {
        store
            .insert_factor(&fixture.factor(id, state))
            .await
            .unwrap();
    }
    // A key as good as new, so that a purge has something to do.
    let idle = Charge {
        key: LimitKey::new(LimitScope::Application, "idle", &fixture.binding()),
        limit: Limit::ceiling(1),
    };
    store.spend(&[idle], now()).await.unwrap();
    store.refund(&[idle], 1).await.unwrap();
    prepared
}

/// The outcome of every verb that writes, by name.
async fn writes(
    fixture: &Fixture,
    prepared: &Prepared,
) -> Vec<(&'static str, Result<(), StoreError>)> {
    let store = &fixture.store;
    let right = fixture.right(&LINK, &prepared.link);
    let link = *prepared.link.record.id();
    let id = fixture.factor(1, FactorState::Active).id;
    let pending = fixture.factor(2, FactorState::Pending).id;
    let approval = fixture.approval(&prepared.prompt);
    let later = now().checked_add_signed(TimeDelta::seconds(1)).unwrap();
    vec![
        (
            "insert",
            store.insert(&[fixture.issue(&CODE).record]).await.map(drop),
        ),
        ("redeem", store.redeem(&right, now()).await.map(drop)),
        (
            "redeem_charged",
            store
                .redeem_charged(&right, cost(&[prepared.other]), &[], now())
                .await
                .map(drop),
        ),
        (
            "insert_charged",
            store
                .insert_charged(&[fixture.issue(&CODE).record], &[prepared.other], now())
                .await
                .map(drop),
        ),
        (
            "advance_charged, wrong",
            store
                .advance_charged(guess(None, prepared), now())
                .await
                .map(drop),
        ),
        (
            "advance_charged",
            store
                .advance_charged(guess(Some((id, 1)), prepared), now())
                .await
                .map(drop),
        ),
        (
            "redeem_in_transaction",
            store.redeem_in_transaction(&right, now()).await.map(drop),
        ),
        (
            "decide",
            store
                .decide(prepared.prompt.record.id(), &approval, now())
                .await
                .map(drop),
        ),
        ("touch", store.touch(&link, now()).await),
        (
            "revoke",
            store.revoke(&Revoke::Record(link)).await.map(drop),
        ),
        ("purge", store.purge(later, 10).await.map(drop)),
        (
            "insert_factor",
            store
                .insert_factor(&fixture.factor(3, FactorState::Active))
                .await
                .map(drop),
        ),
        (
            "confirm",
            store
                .confirm(&pending, Some(1), ConfirmIf::Always, now())
                .await
                .map(drop),
        ),
        ("advance", store.advance(&id, 1, now()).await.map(drop)),
        (
            "update",
            store
                .update(&id, &FactorChange::Label("b".into()))
                .await
                .map(drop),
        ),
        (
            "remove",
            store
                .remove(&id, RemoveIf::Always, &[], now())
                .await
                .map(drop),
        ),
        ("restore", store.restore(&id).await.map(drop)),
        (
            "purge_factors",
            store.purge_factors(later, 10).await.map(drop),
        ),
        (
            "spend",
            store.spend(&[prepared.charge], now()).await.map(drop),
        ),
        ("refund", store.refund(&[prepared.charge], 1).await),
        (
            "clear",
            store
                .clear(&LimitKey::new(
                    LimitScope::Application,
                    "idle",
                    &fixture.binding(),
                ))
                .await,
        ),
        (
            "purge_limits",
            store.purge_limits(later, 10).await.map(drop),
        ),
    ]
}

async fn reads(
    fixture: &Fixture,
    prepared: &Prepared,
) -> [(&'static str, Result<(), StoreError>); 4] {
    let (store, alice) = (&fixture.store, &fixture.alice);
    [
        (
            "find",
            store.find(prepared.link.record.id()).await.map(drop),
        ),
        ("list", store.list(alice, None, now()).await.map(drop)),
        ("factors", store.factors(alice).await.map(drop)),
        (
            "look",
            store.look(alice, &[prepared.other.key]).await.map(drop),
        ),
    ]
}

/// Everything is as before: read by an outsider, byte by byte.
async fn dump(fixture: &Fixture) -> Vec<String> {
    let pool = fixture.outsider().await;
    let mut rows = Vec::new();
    for select in [
        "SELECT hex(id) || ' ' || state || ' ' || attempts || ' ' || coalesce(used_at, '') FROM ott_tokens",
        "SELECT hex(id) || ' ' || state || ' ' || label || ' ' || hex(sealed) || ' ' || coalesce(last, '') FROM ott_factors",
        "SELECT hex(key) || ' ' || full_at || ' ' || count FROM ott_limits",
    ] {
        rows.extend(
            sqlx::query_scalar::<_, String>(select)
                .fetch_all(&pool)
                .await
                .unwrap(),
        );
    }
    pool.close().await;
    rows
}

/// While somebody else holds the lock, each write times out within the store's time and changes nothing, and each read answers.
#[tokio::test(flavor = "multi_thread")]
async fn locked_database_is_a_time_out_within_the_time() {
    // The pool of the application may wait for a lock for less or for far longer than the store.
    for busy in [Duration::from_millis(100), Duration::from_secs(60)] {
        let mut fixture = Fixture::new().await;
        let options = SqliteConnectOptions::new()
            .filename(fixture.path())
            .busy_timeout(busy);
        let pool = SqlitePoolOptions::new()
            // More than there are verbs: each that timed out may hold one until the lock is free.
            .max_connections(32)
            .connect_lazy_with(options);
        let prepared = prepare(&fixture).await;
        let patient = SqliteStore::builder().timeout(Duration::from_secs(30));
        let patient = patient.pool(pool.clone()).await.unwrap();
        fixture.store = hasty_on(pool, TIMEOUT).await;
        let before = dump(&fixture).await;
        let outsider = fixture.outsider().await;
        let lock = outsider.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let began = Instant::now();
        let told = writes(&fixture, &prepared).await;
        let most = TIMEOUT * u32::try_from(told.len()).unwrap() + SLACK;
        assert!(began.elapsed() < most, "{:?}", began.elapsed());
        for (verb, told) in told {
            assert!(matches!(told, Err(StoreError::Timeout)), "{verb}: {told:?}");
        }
        fixture.store = patient;
        for (verb, told) in reads(&fixture, &prepared).await {
            assert!(
                told.is_ok(),
                "readers do not wait in WAL mode: {verb}: {told:?}"
            );
        }
        assert_eq!(dump(&fixture).await, before);
        lock.rollback().await.unwrap();
    }
}

/// A verb beside the caller's own write transaction times out.
#[tokio::test(flavor = "multi_thread")]
async fn verb_beside_an_open_write_times_out() {
    let fixture = Fixture::new().await;
    let issued = fixture.insert(&CODE).await;
    let right = fixture.right(&CODE, &issued);
    let store = hasty(&fixture.path(), TIMEOUT).await;
    let own = store.pool().begin_with("BEGIN IMMEDIATE").await.unwrap();
    let told = store.redeem(&right, now()).await;
    assert!(matches!(told, Err(StoreError::Timeout)), "{told:?}");
    own.rollback().await.unwrap();
    let told = fixture.store.redeem(&right, now()).await.unwrap();
    assert!(matches!(told, Redeemed::Redeemed(_)));
}

/// Every verb times out while others hold all connections of the pool.
#[tokio::test(flavor = "multi_thread")]
async fn lack_of_a_connection_is_a_time_out() {
    let mut fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    fixture.store = hasty(&fixture.path(), TIMEOUT).await;
    let most = fixture.store.pool().options().get_max_connections();
    let mut held = Vec::new();
    for _ in 0..most {
        held.push(fixture.store.pool().acquire().await.unwrap());
    }
    let told = writes(&fixture, &prepared).await.into_iter();
    for (verb, told) in told.chain(reads(&fixture, &prepared).await) {
        assert!(matches!(told, Err(StoreError::Timeout)), "{verb}: {told:?}");
    }
}

/// Every verb over a closed pool is unavailable and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn closed_pool_is_unavailable() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    let before = dump(&fixture).await;
    fixture.store.pool().close().await;
    let told = writes(&fixture, &prepared).await.into_iter();
    for (verb, told) in told.chain(reads(&fixture, &prepared).await) {
        assert!(
            matches!(told, Err(StoreError::Unavailable(_))),
            "{verb}: {told:?}"
        );
    }
    assert_eq!(dump(&fixture).await, before);
}

/// Over a read-only file each write is unavailable and each read answers. Without its tables a store does not start there.
#[tokio::test(flavor = "multi_thread")]
async fn read_only_file_is_unavailable() {
    let mut fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    let before = dump(&fixture).await;
    let options = SqliteConnectOptions::new()
        .filename(fixture.path())
        .read_only(true);
    let pool = SqlitePoolOptions::new().connect_lazy_with(options);
    fixture.store = SqliteStore::new(pool).await.unwrap();
    for (verb, told) in writes(&fixture, &prepared).await {
        match verb {
            "refund" => assert!(told.is_ok(), "there is nothing to refund: {told:?}"),
            _ => assert!(
                matches!(told, Err(StoreError::Unavailable(_))),
                "{verb}: {told:?}"
            ),
        }
    }
    for (verb, told) in reads(&fixture, &prepared).await {
        assert!(told.is_ok(), "{verb}: {told:?}");
    }
    assert_eq!(dump(&fixture).await, before);
    // Without its tables there is nothing to start on.
    let empty = fixture.path().with_file_name("empty.db");
    std::fs::File::create(&empty).unwrap();
    let options = SqliteConnectOptions::new().filename(empty).read_only(true);
    let pool = SqlitePoolOptions::new().connect_lazy_with(options);
    let builder = SqliteStore::builder().accepting_weaker_durability();
    let told = builder.pool(pool).await;
    assert!(matches!(told, Err(StartError::Migration(_))), "{told:?}");
}

/// A full disk is unavailable and a batch is not half there.
#[tokio::test(flavor = "multi_thread")]
async fn full_disk_leaves_no_half_of_a_batch() {
    let fixture = Fixture::new().await;
    let path = fixture.path();
    let full = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("max_page_count", "1"); // As many as there are.
    let pool = SqlitePoolOptions::new().connect_lazy_with(full);
    let store = SqliteStore::new(pool).await.unwrap();
    let batch: Vec<_> = (0..200).map(|_| fixture.issue(&CODE).record).collect();
    let told = store.insert(&batch).await;
    assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
    for record in &batch {
        assert_eq!(fixture.store.find(record.id()).await.unwrap(), None);
    }
}

/// SQLite hands out the row of an `UPDATE … RETURNING` before it commits. A foreign key that is
/// checked at the commit stands for the disk that fails there.
#[tokio::test(flavor = "multi_thread")]
async fn commit_that_fails_is_no_success() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    let before = dump(&fixture).await;
    let pool = fixture.store.pool();
    for statement in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER t1 AFTER UPDATE ON ott_tokens BEGIN INSERT INTO child VALUES (1); END",
        "CREATE TRIGGER t2 AFTER UPDATE ON ott_factors BEGIN INSERT INTO child VALUES (1); END",
        "CREATE TRIGGER t3 AFTER INSERT ON ott_tokens BEGIN INSERT INTO child VALUES (1); END",
        "CREATE TRIGGER t4 AFTER INSERT ON ott_factors BEGIN INSERT INTO child VALUES (1); END",
        "CREATE TRIGGER t5 AFTER INSERT ON ott_limits BEGIN INSERT INTO child VALUES (1); END",
        "CREATE TRIGGER t6 AFTER DELETE ON ott_tokens BEGIN INSERT INTO child VALUES (1); END",
        "CREATE TRIGGER t7 AFTER DELETE ON ott_limits BEGIN INSERT INTO child VALUES (1); END",
        "CREATE TRIGGER t8 AFTER DELETE ON ott_factors BEGIN INSERT INTO child VALUES (1); END",
    ] {
        sqlx::query(statement).execute(pool).await.unwrap();
    }
    for (verb, told) in writes(&fixture, &prepared).await {
        match verb {
            // The caller commits, and sees it fail: below. A refund of nothing writes nothing, nor does to
            // restore what is there.
            "redeem_in_transaction" | "refund" | "restore" => {
                assert!(told.is_ok(), "{verb}: {told:?}")
            }
            _ => assert!(
                matches!(told, Err(StoreError::Unavailable(_))),
                "{verb}: {told:?}"
            ),
        }
    }
    let issued = &prepared.link;
    let right = fixture.right(&LINK, issued);
    let InTransaction::Redeemed(transaction, _) = fixture
        .store
        .redeem_in_transaction(&right, now())
        .await
        .unwrap()
    else {
        panic!("the right token is refused");
    };
    assert!(transaction.commit().await.is_err());
    assert_eq!(dump(&fixture).await, before);
}

/// What an outage prints holds no statement and no value.
#[tokio::test(flavor = "multi_thread")]
async fn outage_prints_no_statement_and_no_value() {
    let fixture = Fixture::new().await;
    let issued = fixture.insert(&LINK).await;
    let right = fixture.right(&LINK, &issued);
    let rename = "ALTER TABLE ott_tokens RENAME TO elsewhere";
    sqlx::query(rename)
        .execute(fixture.store.pool())
        .await
        .unwrap();
    let error = fixture.store.redeem(&right, now()).await.unwrap_err();
    let mut texts = vec![error.to_string(), format!("{error:?}")];
    let mut source = core::error::Error::source(&error);
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    let secrets = [
        issued.token.expose_secret().to_owned(),
        issued.record.id().to_string(),
        "UPDATE".into(),
        "attempts".into(),
    ];
    for text in texts {
        assert!(
            !secrets.iter().any(|secret| text.contains(secret)),
            "{text}"
        );
    }
}
