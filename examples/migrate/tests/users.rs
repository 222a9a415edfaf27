//! Ten thousand users come over, twice, and each signs in. A thousand, unless `NIGHTLY=1` is set.

use std::{env, path::Path, sync::Arc, time::Instant};

use migrate::{Taken, engine, import_all};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use twofa_providers::{
    Attempt, Response,
    oath_otp::{Secret, Totp},
    token_store::{
        Clock, ManualClock,
        ott_core::{
            Subject,
            chrono::{DateTime, TimeDelta},
        },
    },
};

const NOW: i64 = 1_800_000_000;

fn users() -> i64 {
    let nightly = env::var_os("NIGHTLY").is_some_and(|set| set == "1");
    if nightly { 10_000 } else { 1_000 }
}

/// Whose app was last used in this very step, and whose never.
fn last_step(id: i64) -> Option<i64> {
    (id % 2 == 0).then_some(NOW / 30)
}

fn secret(id: i64) -> Secret {
    let text = format!("{id:020}");
    Secret::from_bytes(text.as_bytes()).expect("20 bytes")
}

fn backup_code(id: i64) -> String {
    format!("{id:010x}")
}

async fn old_system(pool: &SqlitePool) {
    for table in [
        "CREATE TABLE users (id INTEGER PRIMARY KEY, totp_secret TEXT, last_step INTEGER)",
        "CREATE TABLE backup_codes (user_id TEXT, hash TEXT UNIQUE)",
        "CREATE INDEX backup_codes_user ON backup_codes (user_id)",
    ] {
        sqlx::query(table).execute(pool).await.expect("a table");
    }
    let mut transaction = pool.begin().await.expect("a transaction");
    for id in 1..=users() {
        let base32 = secret(id).to_base32();
        sqlx::query("INSERT INTO users VALUES (?, ?, ?)")
            .bind(id)
            .bind(base32.expose_secret())
            .bind(last_step(id))
            .execute(&mut *transaction)
            .await
            .expect("a user");
        let hash = bcrypt::hash(backup_code(id), 4).expect("a hash");
        sqlx::query("INSERT INTO backup_codes VALUES (?, ?)")
            .bind(id.to_string())
            .bind(hash)
            .execute(&mut *transaction)
            .await
            .expect("a code");
    }
    transaction.commit().await.expect("committed");
}

/// Secrets in base32 and bcrypt backup codes are taken over once, and each user signs in with both.
#[tokio::test(flavor = "multi_thread")]
async fn users_of_another_system_sign_in() {
    // Where there is one, in memory: every commit is synced.
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() {
        memory.to_owned()
    } else {
        env::temp_dir()
    };
    let folder = tempfile::tempdir_in(root).expect("a folder");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("app.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let pool = SqlitePool::connect_with(options).await.expect("a pool");
    let clock = Arc::new(ManualClock::new(
        DateTime::from_timestamp(NOW, 0).expect("a time"),
    ));
    let began = Instant::now();
    old_system(&pool).await;
    let keys = folder.path().join("keys");
    let engine = engine(&pool, keys, Arc::clone(&clock) as Arc<dyn Clock>).await;
    let engine = engine.expect("an engine");
    let count = u64::try_from(users()).expect("few");
    let first = import_all(&pool, &engine).await.expect("taken over");
    let new = Taken {
        new: count,
        ..Taken::default()
    };
    assert_eq!(first, new);
    let again = import_all(&pool, &engine).await.expect("taken over");
    let there = Taken {
        there: count,
        ..Taken::default()
    };
    assert_eq!(again, there);

    let totp = Totp::default();
    let code = |id, now: i64| {
        let code = totp.generate(&secret(id), u64::try_from(now).expect("after 1970"));
        code.expose_secret().to_owned()
    };
    for id in 1..=users() {
        let alice = Subject::new("", id.to_string()).expect("a subject");
        let attempt = Attempt::new(&alice, "totp");
        let used = code(id, NOW);
        let verified = engine.verify(&attempt, &Response::typed(&used)).await;
        // Whose app was used in this step before the move, must not use it again.
        assert_eq!(verified.is_ok(), last_step(id).is_none(), "user {id}");
    }
    clock.advance(TimeDelta::seconds(30));
    for id in 1..=users() {
        let alice = Subject::new("", id.to_string()).expect("a subject");
        let attempt = Attempt::new(&alice, "totp");
        let next = code(id, NOW + 30);
        let proof = engine.verify(&attempt, &Response::typed(&next)).await;
        assert_eq!(proof.expect("a proof").subject(), &alice);
    }
    // The old codes: each once. Looking at a hash is slow, so not at all of them.
    for id in (1..=users()).step_by(100) {
        let alice = Subject::new("", id.to_string()).expect("a subject");
        let attempt = Attempt::new(&alice, "old-codes");
        let backup = backup_code(id);
        let other = backup_code(id + 1);
        let wrong = engine.verify(&attempt, &Response::typed(&other)).await;
        assert!(wrong.is_err(), "another's code, user {id}");
        assert!(
            engine
                .verify(&attempt, &Response::typed(&backup))
                .await
                .is_ok()
        );
        assert!(
            engine
                .verify(&attempt, &Response::typed(&backup))
                .await
                .is_err()
        );
    }
    assert!(began.elapsed().as_secs() < 600, "too slow to be run");
}
