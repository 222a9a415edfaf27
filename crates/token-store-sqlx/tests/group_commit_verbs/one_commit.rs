//! Each verb shares a commit, and whoever fails or goes away takes nobody along.

use core::time::Duration;

use token_store::{Charge, StoreError};
use token_store_sqlx::sqlx::{self, AssertSqlSafe};

use crate::{
    every_verb::{DONE, MANY, NAMES, effects, prepare, verbs},
    fixture::{Fixture, LINK, hasty},
    together::{begin, commits, end, wait_together, wait_together_but},
};

/// Verbs that wait together are one commit, and each is done and answered.
#[tokio::test]
async fn every_verb_shares_one_commit() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    assert_eq!(effects(&fixture.store, &prepared).await, [false; MANY]);
    let before = commits(&fixture);
    let mut begun = verbs(&fixture.store, &fixture, &prepared);
    wait_together(&fixture, &mut begun).await;
    let told = end(begun).await;
    for ((name, told), done) in NAMES.iter().zip(told).zip(DONE) {
        assert_eq!(told.unwrap(), done, "{name}");
    }
    assert_eq!(
        commits(&fixture) - before,
        2,
        "the first alone, all others together"
    );
    assert_eq!(effects(&fixture.store, &prepared).await, [true; MANY]);
}

/// Alone each has one commit, and the same answer.
#[tokio::test]
async fn every_verb_alone_is_one_commit() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    for ((name, verb), done) in NAMES
        .iter()
        .zip(verbs(&fixture.store, &fixture, &prepared))
        .zip(DONE)
    {
        let before = commits(&fixture);
        assert_eq!(verb.await.unwrap(), done, "{name}");
        assert_eq!(commits(&fixture) - before, 1, "{name}");
    }
    assert_eq!(effects(&fixture.store, &prepared).await, [true; MANY]);
}

/// The database refuses what one of them writes, in its first statement or in a later one: that one is undone, and the others
/// are done.
#[tokio::test]
async fn one_that_fails_takes_nobody_along() {
    for (fails, refused) in [
        (
            "insert",
            "AFTER INSERT ON ott_tokens WHEN new.id = x'{inserted}'",
        ),
        // Its second statement.
        (
            "insert into a slot",
            "AFTER UPDATE ON ott_tokens WHEN new.state = 6",
        ),
        (
            "redeem",
            "AFTER UPDATE ON ott_tokens WHEN new.state = 5 AND new.id = x'{redeemed}'",
        ),
        // Its first statement, and its second.
        (
            "redeem and earn",
            "AFTER UPDATE ON ott_tokens WHEN new.state = 5 AND new.id = x'{earning}'",
        ),
        (
            "redeem and earn",
            "AFTER INSERT ON ott_tokens WHEN new.id = x'{earned}'",
        ),
        ("decide", "AFTER UPDATE ON ott_tokens WHEN new.outcome = 1"),
        (
            "touch",
            "AFTER UPDATE ON ott_tokens WHEN new.used_at IS NOT NULL AND new.state = 1",
        ),
        ("revoke", "AFTER UPDATE ON ott_tokens WHEN new.state = 4"),
        ("spend", "AFTER UPDATE ON ott_limits WHEN new.count = 2"),
        ("refund", "AFTER UPDATE ON ott_limits WHEN new.count = 0"),
        (
            "clear",
            "AFTER DELETE ON ott_limits WHEN old.key = x'{cleared}'",
        ),
        ("insert_factor", "AFTER INSERT ON ott_factors"),
        (
            "confirm",
            "AFTER UPDATE ON ott_factors WHEN old.state = 0 AND new.state = 1",
        ),
        (
            "advance",
            "AFTER UPDATE ON ott_factors WHEN old.state = 1 AND new.last = 1",
        ),
        (
            "update",
            "AFTER UPDATE ON ott_factors WHEN new.label = 'other'",
        ),
        ("remove", "AFTER UPDATE ON ott_factors WHEN new.state = 3"),
        ("restore", "AFTER UPDATE ON ott_factors WHEN old.state = 3"),
        (
            "advance_charged, wrong",
            "AFTER UPDATE ON ott_limits WHEN new.count = 3",
        ),
        (
            "advance_charged",
            "AFTER UPDATE ON ott_factors WHEN new.last = 2",
        ),
        // What it clears, after it burnt.
        (
            "advance_charged",
            "AFTER DELETE ON ott_limits WHEN old.key = x'{failures}'",
        ),
    ] {
        let fixture = Fixture::new().await;
        let prepared = prepare(&fixture).await;
        let mut when = String::from(refused);
        for (name, id) in [
            ("{inserted}", prepared.inserted.id()),
            ("{redeemed}", prepared.right.id()),
            ("{earning}", prepared.earning.id()),
            ("{earned}", prepared.earned.id()),
        ] {
            when = when.replace(name, &id.to_string());
        }
        for (name, charge) in [
            ("{cleared}", &prepared.charges[2]),
            ("{failures}", &prepared.asked[1]),
        ] {
            when = when.replace(name, &hex(charge));
        }
        let trigger = format!("CREATE TRIGGER t {when} BEGIN SELECT RAISE(ABORT, 'no'); END");
        let made = sqlx::query(AssertSqlSafe(trigger)).execute(fixture.store.pool());
        made.await.unwrap();
        let mut begun = verbs(&fixture.store, &fixture, &prepared);
        wait_together(&fixture, &mut begun).await;
        let told = end(begun).await;
        let effects = effects(&fixture.store, &prepared).await;
        for (((name, told), done), effect) in NAMES.iter().zip(told).zip(DONE).zip(effects) {
            if *name == fails {
                assert!(
                    matches!(told, Err(StoreError::Unavailable(_))),
                    "{name}: {told:?}"
                );
            } else {
                assert_eq!(told.unwrap(), done, "{name} beside {fails}");
            }
            assert_eq!(effect, *name != fails, "{name} beside {fails}");
        }
    }
}

fn hex(charge: &Charge) -> String {
    let bytes = charge.key.as_bytes().iter();
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

/// A commit that fails, as on a disk that does: nobody's is done, and each is told.
#[tokio::test]
async fn commit_that_fails_is_nobodys() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    for statement in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        "CREATE TRIGGER t AFTER UPDATE ON ott_factors BEGIN INSERT INTO child VALUES (1); END",
    ] {
        let made = sqlx::query(statement).execute(fixture.store.pool());
        made.await.unwrap();
    }
    let mut begun = verbs(&fixture.store, &fixture, &prepared);
    wait_together(&fixture, &mut begun).await;
    for (name, told) in NAMES.iter().zip(end(begun).await) {
        assert!(
            matches!(told, Err(StoreError::Unavailable(_))),
            "{name}: {told:?}"
        );
    }
    assert_eq!(effects(&fixture.store, &prepared).await, [false; MANY]);
}

/// Each in turn is dropped while it waits: it is not done, and the others are.
#[tokio::test]
async fn one_dropped_while_it_waits_is_not_done() {
    for (gone, name) in NAMES.iter().enumerate() {
        let fixture = Fixture::new().await;
        let prepared = prepare(&fixture).await;
        let mut begun = verbs(&fixture.store, &fixture, &prepared);
        let mut done = DONE.to_vec();
        wait_together_but(&fixture, &mut begun, gone).await;
        done.remove(gone);
        for (told, done) in end(begun).await.into_iter().zip(done) {
            assert_eq!(told.unwrap(), done, "without {name}");
        }
        let mut expected = [true; MANY];
        *expected.get_mut(gone).unwrap() = false;
        assert_eq!(effects(&fixture.store, &prepared).await, expected, "{name}");
    }
}

/// A transaction of the application holds SQLite's lock for too long: what waited is never done later.
#[tokio::test]
async fn verbs_that_timed_out_are_never_done_later() {
    let fixture = Fixture::new().await;
    let prepared = prepare(&fixture).await;
    let store = hasty(&fixture.path(), Duration::from_millis(300)).await;
    let pool = store.pool();
    let own = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut begun = verbs(&store, &fixture, &prepared);
    begun.iter_mut().for_each(begin);
    for (name, told) in NAMES.iter().zip(end(begun).await) {
        assert!(matches!(told, Err(StoreError::Timeout)), "{name}: {told:?}");
    }
    own.commit().await.unwrap();
    // Ends once nothing runs on any connection any more.
    pool.close().await;
    assert_eq!(effects(&fixture.store, &prepared).await, [false; MANY]);
}

/// What the last write left goes back to the pool, which closes while it is kept.
#[tokio::test]
async fn kept_connection_goes_back_to_the_pool() {
    let fixture = Fixture::new().await;
    let pool = fixture.store.pool();
    let size = pool.options().get_max_connections();
    for _ in 0..8 {
        fixture.insert(&LINK).await;
        let mut held = Vec::new();
        for _ in 0..size {
            held.push(pool.acquire().await.unwrap());
        }
    }
    fixture.insert(&LINK).await;
    pool.close().await;
    assert_eq!(pool.size(), 0);
    // With all connections closed SQLite has put its log away.
    assert!(!fixture.path().with_extension("db-wal").exists());
}

/// A store whose runtime is gone is dropped without one.
#[test]
fn store_is_dropped_outside_of_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fixture = runtime.block_on(async {
        let fixture = Fixture::new().await;
        fixture.insert(&LINK).await;
        fixture
    });
    drop(runtime);
    drop(fixture);
}
