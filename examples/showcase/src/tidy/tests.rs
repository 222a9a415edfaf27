//! The loop's rounds, driven by hand over the store that the showcase uses.

use std::sync::Arc;

use sqlx::SqlitePool;
use twofa_providers::token_store::{
    ManualClock,
    ott_core::{
        Binding, IssueOptions, Subject,
        chrono::{DateTime, TimeDelta},
    },
};

use super::{AT_ONCE, tidy};
use crate::{
    Config, Showcase,
    app::{App, PASSED, RECOVERY},
};

async fn rows(pool: &SqlitePool) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM ott_tokens");
    count.fetch_one(pool).await.expect("a count")
}

async fn run(pool: &SqlitePool, statement: &'static str) {
    let done = sqlx::query(statement).execute(pool).await;
    done.expect("a change of the table");
}

async fn issue(app: &App, count: usize) {
    let subject = Subject::new("", "somebody").expect("a subject");
    let binding = Binding::subject(&subject);
    let options = IssueOptions {
        count,
        ..IssueOptions::default()
    };
    let issued = app.tokens.issue_opts(&PASSED, &binding, options).await;
    issued.expect("tokens");
}

fn failed(app: &App) -> usize {
    app.trail.failed("purge")
}

/// A round removes what is dead in batches and an outage ends the round alone.
#[tokio::test]
async fn round_removes_the_dead_and_survives_an_outage() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
    let clock = Arc::new(ManualClock::new(now));
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data: folder.path().join("data"),
        keys: folder.path().join("keys"),
        clock: Arc::clone(&clock) as Arc<_>,
        ..Config::default()
    };
    let showcase = Showcase::start(config).await.expect("the showcase starts");
    let (app, pool) = (showcase.shared(), showcase.pool());

    // More than two batches of dead records, beside some that live and some that died just now.
    let dead = usize::try_from(AT_ONCE).expect("a small number") * 2 + 50;
    issue(&app, dead).await;
    clock.advance(TimeDelta::minutes(50));
    issue(&app, 7).await;
    let sheet = Subject::new("", "sheet").expect("a subject");
    let binding = Binding::subject(&sheet);
    let options = IssueOptions {
        count: 10,
        ..IssueOptions::default()
    };
    let codes = app.tokens.issue_opts(&RECOVERY, &binding, options).await;
    codes.expect("codes");
    clock.advance(TimeDelta::minutes(30));
    issue(&app, 11).await;

    assert_eq!(rows(&pool).await, 1_050 + 7 + 10 + 11);
    // Two factors of eleven days ago: one was never confirmed.
    run(
        &pool,
        "INSERT INTO ott_factors (id, tenant, subject, provider, label, state, sealed, created_at) \
         VALUES (randomblob(16), '', 'somebody', 'totp', '', 0, x'', 1799000000000000), \
                (randomblob(16), '', 'somebody', 'totp', '', 1, x'', 1799000000000000)",
    )
    .await;

    // A minute dead is not dead long enough, and a sheet has no end.
    tidy(&app).await;
    let states = sqlx::query_scalar::<_, i64>("SELECT state FROM ott_factors");
    assert_eq!(states.fetch_all(&pool).await.expect("states"), [1]);
    assert_eq!(rows(&pool).await, 7 + 10 + 11);
    tidy(&app).await;
    assert_eq!(rows(&pool).await, 7 + 10 + 11);
    assert_eq!(failed(&app), 0);

    // An outage ends the round, and is told once. The next round does what this one could not.
    clock.advance(TimeDelta::hours(3));
    run(&pool, "ALTER TABLE ott_tokens RENAME TO elsewhere").await;
    tidy(&app).await;
    assert_eq!(failed(&app), 1);
    run(&pool, "ALTER TABLE elsewhere RENAME TO ott_tokens").await;
    assert_eq!(rows(&pool).await, 7 + 10 + 11);
    tidy(&app).await;
    assert_eq!(rows(&pool).await, 10);
}
