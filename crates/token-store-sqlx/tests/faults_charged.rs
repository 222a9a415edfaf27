//! A process that is killed while many verbs with charges share its commits: no guess is counted without its charge, and no charge
//! stays without its guess. The process is this very binary, run again with a variable set.

#![cfg(unix)]
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a helper that panics fails its test"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/process.rs"]
mod process;

use core::time::Duration;
use std::sync::Arc;

use fixture::{CODE, Fixture, now};
use process::{Process, heard, own_place, this_binary};
use token_store::{
    Charge, Charged, ChargedStore, Cost, Inserted,
    ott_core::{Limit, LimitKey, LimitScope, chrono::TimeDelta},
};
use token_store_sqlx::{SqliteStore, sqlx};

/// So many tasks share the commits.
const TASKS: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_no_half_of_a_charged_verb() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.db");
    SqliteStore::open(&file).await.unwrap().pool().close().await;
    let mut guessed = 0;
    for round in 0..8 {
        let mut process = Process::start(this_binary(), "the_process_that_guesses", &file);
        // As long as some of them were answered, and then at once.
        let mut told = 0;
        while told < 20 + 40 * round {
            assert!(process.hear().is_some(), "the process ended by itself");
            told += 1;
        }
        process.kill();
        while process.hear().is_some() {
            told += 1;
        }
        let builder = SqliteStore::builder().timeout(Duration::from_secs(30));
        let store = builder.open(&file).await.unwrap();
        let count = async |select: &'static str| -> i64 {
            let select = sqlx::query_scalar(select);
            select.fetch_one(store.pool()).await.unwrap()
        };
        // A success gives back what its own record counted.
        let attempts = "SELECT coalesce(sum(attempts), 0) FROM ott_tokens WHERE state <> 5";
        let attempts = count(attempts).await;
        let charged = count("SELECT coalesce(sum(count), 0) FROM ott_limits").await;
        assert_eq!(attempts, charged, "round {round}");
        let records = count("SELECT count(*) FROM ott_tokens").await;
        let asked = count("SELECT count(*) FROM ott_limits WHERE full_at > 0").await;
        assert_eq!(records, asked, "round {round}");
        // What was answered is there.
        guessed += told;
        let done = count("SELECT sum(attempts) FROM ott_tokens").await;
        assert!(done >= guessed, "round {round}: {done} of {guessed}");
        guessed = done;
        store.pool().close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_guesses() {
    let Some(place) = own_place() else {
        return;
    };
    println!();
    let builder = SqliteStore::builder().timeout(Duration::from_secs(30));
    let fixture = Arc::new(Fixture::over(builder.open(place).await.unwrap(), ()));
    for _ in 0..TASKS {
        tokio::spawn(guess(Arc::clone(&fixture)));
    }
    // Until it is killed.
    heard().for_each(drop);
}

/// Codes one after another: asked for, guessed at three times, and typed.
async fn guess(fixture: Arc<Fixture<SqliteStore, ()>>) {
    let charge = |name: &str, id: &dyn core::fmt::Display, limit| Charge {
        key: LimitKey::new(
            LimitScope::Application,
            &format!("{name} {id}"),
            &fixture.binding(),
        ),
        limit,
    };
    loop {
        let issued = fixture.issue(&CODE);
        let id = issued.record.id();
        let asked = charge("asked", id, Limit::pace(2, TimeDelta::minutes(1)));
        let guessed = [charge("guessed", id, Limit::ceiling(9))];
        let batch = [issued.record.clone()];
        let inserted = fixture.store.insert_charged(&batch, &[asked], now()).await;
        assert_eq!(inserted.unwrap(), Charged::Answered(Inserted::Done));
        let cost = Cost {
            charges: &guessed,
            unknown_is_free: true,
        };
        let right = fixture.right(&CODE, &issued);
        let wrong = || fixture.wrong(&issued);
        for presented in [wrong(), wrong(), wrong(), right] {
            let told = fixture
                .store
                .redeem_charged(&presented, cost, &[], now())
                .await;
            assert!(matches!(told.unwrap(), Charged::Answered(_)));
            println!("@ guessed");
        }
    }
}
