//! A process that is killed, or whose disk is full, while many verbs with charges share its commits: no guess is counted without its
//! charge, no charge stays without its guess, and no code is burnt by half. The process is this very binary, run again with a variable set.

#![cfg(unix)]
#![expect(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a helper that panics fails its test"
)]

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/process.rs"]
mod process;

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use std::{collections::HashMap, env, process::Command, sync::Arc};

use fixture::{CODE, Fixture, now};
use process::{Process, heard, own_place, this_binary};
use testing::guesses::Guesses;
use token_store::{
    Charge, Charged, ChargedStore, Cost, Inserted,
    ott_core::{Limit, LimitKey, LimitScope, chrono::TimeDelta},
};
use token_store_sqlx::{SqliteStore, sqlx};

/// So many tasks share the commits.
const TASKS: usize = 24;

/// After the process was killed, each guess has its charge, each record has the charge of its issue, and what was answered is there.
#[tokio::test(flavor = "multi_thread")]
async fn killed_process_leaves_no_half_of_a_charged_verb() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.db");
    SqliteStore::open(&file).await.unwrap().pool().close().await;
    let mut guessed = 0;
    for round in 0..8 {
        let mut process = Process::start(this_binary(), "process_that_guesses", &file);
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

/// The process that guesses at tokens until it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn process_that_guesses() {
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

/// A process that guesses at factors from this number on, and which guesses were answered.
struct Guesser {
    process: Process,
    told: HashMap<u64, usize>,
}

impl Guesser {
    fn start(command: Command, place: &std::path::Path, first: u64) -> Self {
        let mut process = Process::start(command, "process_that_guesses_at_factors", place);
        process.tell(&first.to_string());
        let told = HashMap::new();
        Self { process, told }
    }

    /// Whether another guess was answered. Else it is dead, or its disk is full.
    fn hears(&mut self) -> bool {
        let line = self.process.hear();
        let Some((number, done)) = line.as_deref().and_then(|line| line.split_once(' ')) else {
            return false;
        };
        self.told
            .insert(number.parse().unwrap(), done.parse().unwrap());
        true
    }

    /// Every guess was done whole or not at all, and those that were answered were done. Gives how many factors there are.
    async fn look(&self, store: &SqliteStore, first: u64) -> usize {
        let mut found = 0;
        for number in first..first + self.most() {
            let done = Guesses::new(number, now()).done(store).await;
            let told = self.told.get(&number).copied();
            assert!(done >= told, "{number}: {done:?} of {told:?}");
            found += usize::from(done.is_some());
        }
        found
    }

    /// More than it began with.
    fn most(&self) -> u64 {
        u64::try_from(self.told.len() + 2 * TASKS).unwrap()
    }
}

async fn reopened(file: &std::path::Path) -> SqliteStore {
    let builder = SqliteStore::builder().timeout(Duration::from_secs(30));
    builder.open(file).await.unwrap()
}

/// Killed in the middle of its commits: a code is burnt and clears what it clears, or it is charged, or nothing was done.
#[tokio::test(flavor = "multi_thread")]
async fn killed_process_leaves_no_half_of_a_guess() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.db");
    SqliteStore::open(&file).await.unwrap().pool().close().await;
    for round in 0..5 {
        let first = round * 100_000;
        let mut guesser = Guesser::start(this_binary(), &file, first);
        for _ in 0..20 + 40 * round {
            assert!(guesser.hears(), "the process ended by itself");
        }
        guesser.process.kill();
        while guesser.hears() {}
        let store = reopened(&file).await;
        assert!(guesser.look(&store, first).await > 0);
        // What it was killed in is done now.
        for number in first..first + guesser.most() {
            let guesses = Guesses::new(number, now());
            if guesses
                .done(&store)
                .await
                .is_some_and(|done| done < Guesses::ALL)
            {
                guesses.end(&store).await;
            }
        }
        store.pool().close().await;
    }
}

/// Where the disk is full, a guess that was refused for it did nothing, and it is done once there is room.
#[tokio::test(flavor = "multi_thread")]
async fn full_disk_leaves_no_half_of_a_guess() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.db");
    SqliteStore::open(&file).await.unwrap().pool().close().await;
    let mut shell = Command::new("sh");
    // Blocks of 512 bytes, in some shells of 1024.
    let limited = "trap '' XFSZ; ulimit -f 2000 || exit 1; exec \"$0\" \"$@\"";
    shell.args(["-c", limited]).arg(env::current_exe().unwrap());
    let mut guesser = Guesser::start(shell, &file, 0);
    while guesser.hears() {}
    let store = reopened(&file).await;
    assert!(guesser.look(&store, 0).await > TASKS);
    // Room again: what is in the log goes into the file, and the log starts anew.
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: i64 = sqlx::query_scalar(checkpoint)
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!(busy, 0);
    guesser.process.tell("");
    for _ in 0..200 {
        assert!(guesser.hears(), "the process ended by itself");
    }
    guesser.process.kill();
    while guesser.hears() {}
    guesser.look(&store, 0).await;
    store.pool().close().await;
}

/// The process that guesses at factors until it is killed: on a full disk it says so, and goes on once there is room.
#[tokio::test(flavor = "multi_thread")]
async fn process_that_guesses_at_factors() {
    let Some(place) = own_place() else {
        return;
    };
    println!();
    let mut heard = heard();
    let first: u64 = heard.next().unwrap().parse().unwrap();
    let store = reopened(place.as_ref()).await;
    let (next, full) = (
        Arc::new(AtomicU64::new(first)),
        tokio::sync::Barrier::new(TASKS + 1),
    );
    let (next, full) = (next, Arc::new(full));
    for _ in 0..TASKS {
        let (store, next, full) = (store.clone(), Arc::clone(&next), Arc::clone(&full));
        tokio::spawn(async move {
            let mut was_full = false;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let guesses = Guesses::new(number, now());
                let mut done = None;
                while done < Some(Guesses::ALL) {
                    let told = match done {
                        None => guesses.enrol(&store).await.map(|()| 0),
                        Some(after) => guesses.next(&store, after).await.map(|()| after + 1),
                    };
                    match told {
                        Ok(now_done) => {
                            done = Some(now_done);
                            println!("@ {number} {now_done}");
                        }
                        // The disk is full: nothing was done, and it is done again once there is room.
                        Err(_) if !was_full => {
                            was_full = true;
                            full.wait().await;
                            full.wait().await;
                        }
                        Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                    }
                }
            }
        });
    }
    full.wait().await;
    println!("@ full");
    heard.next();
    full.wait().await;
    // Until it is killed.
    heard.for_each(drop);
}
