//! Redeems a second of `SqliteStore` with 1, 16 and 64 waiting clients, over a file on a disk with
//! `synchronous=FULL`, against one commit per redeem: a bare `UPDATE` in a loop on one connection.
//!
//! `cargo bench -p benches --bench sqlite_redeem`
//!
//! Each of the five runs measures all of them, one after another, so that a ratio compares what ran on
//! the same disk at the same time. Commits are counted where they are made: in one more run without
//! checkpoints, as the commit frames of the write-ahead log (<https://www.sqlite.org/fileformat2.html#walformat>:
//! a header of 32 bytes, then frames of 24 bytes and a page; the frame of a commit says how large the
//! database is after it, every other says 0).

#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints figures, and ends where it cannot measure"
)]

use std::{path::Path, time::Instant};

use benches::{load, median};
use tempfile::TempDir;
use token_store_sqlx::{
    SqliteStore,
    sqlx::{
        self, SqlitePool,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
    token_store::{
        Redeemed, TokenStore,
        ott_core::{
            Binding, Issuer, KeyRing, Policy, Presented, Purpose, Subject,
            chrono::{DateTime, Utc},
        },
    },
};
use tokio::task::JoinSet;

const LINK: Policy = Policy::link(Purpose::new("link"));
const RUNS: usize = 5;
const CLIENTS: [usize; 3] = [1, 16, 64];

/// So many are redeemed by each way: enough for half a second or more.
const fn redeems(clients: usize) -> usize {
    if clients == 1 { 2_048 } else { 16_384 }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_000, 0).unwrap()
}

/// A new file, a store on it, and tokens that were issued into it.
struct Filled {
    folder: TempDir,
    store: SqliteStore,
    presented: Vec<Presented>,
}

/// As many as the store opens by itself.
const CONNECTIONS: u32 = 8;

async fn fill(tokens: usize, checkpoints: bool) -> Filled {
    // On the disk of the build, because a folder for temporary files may be in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut options = SqliteConnectOptions::new()
        .filename(folder.path().join("tokens.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    if !checkpoints {
        options = options.pragma("wal_autocheckpoint", "0");
    }
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .test_before_acquire(false)
        .connect_lazy_with(options);
    let store = SqliteStore::new(pool).await.unwrap();
    let issuer = Issuer::new(KeyRing::generate().unwrap());
    let mut presented = Vec::with_capacity(tokens);
    let mut batch = Vec::with_capacity(tokens);
    for number in 0..tokens {
        let subject = Subject::new("", number.to_string()).unwrap();
        let binding = Binding::subject(&subject);
        let issued = issuer.issue(&LINK, &binding, now()).unwrap();
        let typed = issued.token.expose_secret();
        presented.push(issuer.present_by_itself(&LINK, "", typed, now()).unwrap());
        batch.push(issued.record);
    }
    store.insert(&batch).await.unwrap();
    checkpoint(store.pool()).await;
    Filled {
        folder,
        store,
        presented,
    }
}

/// Everything is in the database file, and its log is empty.
async fn checkpoint(pool: &SqlitePool) {
    let pragma = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
    pragma.fetch_all(pool).await.unwrap();
}

/// One commit per redeem: redeems a second.
async fn one_by_one(filled: &Filled) -> f64 {
    let mut connection = filled.store.pool().acquire().await.unwrap();
    let update = "UPDATE ott_tokens SET attempts = attempts + 1, state = 5, used_at = ?2 \
        WHERE id = ?1 AND state = 1 AND digest = ?3";
    let began = Instant::now();
    for presented in &filled.presented {
        let (_, digest) = presented.digests().first().unwrap();
        let done = sqlx::query(update)
            .bind(presented.id().as_bytes().as_slice())
            .bind(now().timestamp_micros())
            .bind(digest.as_bytes().as_slice())
            .execute(&mut *connection)
            .await;
        assert_eq!(done.unwrap().rows_affected(), 1);
    }
    filled.presented.len() as f64 / began.elapsed().as_secs_f64()
}

/// So many clients, each of whom redeems one after another: redeems a second.
async fn at_once(filled: &Filled, clients: usize) -> f64 {
    // Those who come at the same time were issued at about the same time: their rows are neighbours.
    let shares = (0..clients).map(|client| {
        let share = filled.presented.iter().skip(client).step_by(clients);
        share.cloned().collect::<Vec<_>>()
    });
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for share in shares.collect::<Vec<_>>() {
        let store = filled.store.clone();
        tasks.spawn(async move {
            for presented in share {
                let told = store.redeem(&presented, now()).await.unwrap();
                assert!(matches!(told, Redeemed::Redeemed(_)), "{told:?}");
            }
        });
    }
    tasks.join_all().await;
    filled.presented.len() as f64 / began.elapsed().as_secs_f64()
}

fn commits(database: &Path) -> usize {
    let log = std::fs::read(database.with_extension("db-wal")).unwrap();
    let number = |at: usize| {
        let bytes = log.get(at..at + 4).unwrap();
        u32::from_be_bytes(bytes.try_into().unwrap())
    };
    let frame = 24 + usize::try_from(number(8)).unwrap();
    assert_eq!((log.len() - 32) % frame, 0);
    let frames = (32..log.len()).step_by(frame);
    frames.filter(|at| number(at + 4) != 0).count()
}

fn print(name: &str, rates: &[f64], ratios: &[f64], commits: f64) {
    let (rate, [low, high]) = median(rates);
    let (ratio, [least, most]) = median(ratios);
    println!(
        "{name:>22}  {rate:7.0} ({low:6.0} to {high:6.0})  {ratio:5.2} ({least:5.2} to {most:5.2})  {commits:.4}"
    );
}

#[tokio::main]
async fn main() {
    println!("before: {}", load());
    let mut loop_rates = Vec::new();
    let mut rates = CLIENTS.map(|_| Vec::new());
    for _ in 0..RUNS {
        loop_rates.push(one_by_one(&fill(redeems(1), true).await).await);
        for (rates, clients) in rates.iter_mut().zip(CLIENTS) {
            rates.push(at_once(&fill(redeems(clients), true).await, clients).await);
        }
    }
    println!("after:  {}", load());
    println!("medians of {RUNS} runs (lowest to highest)");
    println!(
        "{:>22}  {:^27}  {:^22}  commits a redeem",
        "", "redeems a second", "times the loop"
    );
    let filled = fill(redeems(1), false).await;
    one_by_one(&filled).await;
    let counted = commits(&filled.folder.path().join("tokens.db")) as f64;
    let per_redeem = counted / redeems(1) as f64;
    print(
        "one commit per redeem",
        &loop_rates,
        &[1.0; RUNS],
        per_redeem,
    );
    for (rates, clients) in rates.iter().zip(CLIENTS) {
        let filled = fill(redeems(clients), false).await;
        at_once(&filled, clients).await;
        let counted = commits(&filled.folder.path().join("tokens.db")) as f64;
        let ratios: Vec<_> = rates.iter().zip(&loop_rates).map(|(a, b)| a / b).collect();
        let many = if clients == 1 { "" } else { "s" };
        let name = format!("{clients} waiting client{many}");
        print(&name, rates, &ratios, counted / redeems(clients) as f64);
    }
}
