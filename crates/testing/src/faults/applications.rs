//! Applications that are killed, kill -9, while they ask for much: processes of their own beside one that survives.

use core::time::Duration;
use std::{path::Path, sync::Arc};

use token_store_sqlx::{
    PostgresStore, SqliteStore,
    sqlx::{self, postgres::PgConnectOptions},
};
use tokio::time::sleep;

use super::{
    Fault, TIMEOUT, patiently,
    postgres::{blocking, stations_at},
    redis::Stores,
    sqlite::stations,
};
use crate::{
    ledger::{Plan, Process, Row, Run, Station, Terms, own_place, serve},
    postgres::Server,
    redis::Server as RedisServer,
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("postgres-application", |plan| Box::pin(postgres(plan))),
    Fault::new("sqlite-application", |plan| Box::pin(sqlite(plan))),
    Fault::new("sqlite-file-limit", |plan| Box::pin(limited(plan))),
    Fault::new("redis-application", |plan| Box::pin(redis(plan))),
];

/// Where another process was started by a run here: is asked by that run until it is killed, and never returns.
///
/// A program that runs faults calls it first.
///
/// # Panics
/// Where there is no store at its place.
pub async fn serve_if_started() {
    let Some(place) = own_place() else { return };
    let (kind, place) = place.split_once(' ').expect("a kind and a place");
    let station = match kind {
        "postgres" => {
            let options: PgConnectOptions = place.parse().expect("an address");
            let builder = || PostgresStore::builder().timeout(TIMEOUT);
            Station::applying(Arc::new(
                patiently(|| builder().connect(options.clone())).await,
            ))
        }
        "sqlite" => {
            let builder = || SqliteStore::builder().timeout(TIMEOUT);
            Station::applying(Arc::new(patiently(|| builder().open(place)).await))
        }
        _ => {
            let stores = Stores::none();
            Station::new(Arc::new(
                patiently(|| stores.builder().connect(place)).await,
            ))
        }
    };
    serve(station).await;
    // Whoever asked is gone.
    std::process::exit(0);
}

/// How often each of them is killed.
const LIVES: usize = 3;

/// Two applications beside one that survives: each is killed in its turn, and starts again.
async fn killed(plan: Plan, place: String, survivor: Station, applies: bool) -> Run {
    let processes = [(); 2].map(|()| Arc::new(Process::start(place.clone())));
    let mut all = vec![survivor];
    all.extend(processes.iter().map(|process| {
        let process = Arc::clone(process);
        Station::process(process, applies)
    }));
    // Many verbs are on their way at each moment, and another process still gets its turn.
    let busy = Plan {
        rest: plan.rest / 4,
        ..plan
    };
    let mut run = Run::begin(all, busy);
    run.load().await;
    for process in processes.iter().cycle().take(2 * LIVES) {
        sleep(plan.around / 2).await;
        blocking(|| process.kill());
        sleep(Duration::from_millis(50)).await;
        process.restart();
    }
    run.mended();
    run.load().await;
    run
}

async fn postgres(plan: Plan) -> Row {
    let server = blocking(Server::start);
    let mut all = stations_at(&server.options()).await;
    let place = format!("postgres {}", server.url());
    let run = killed(plan, place, all.remove(0), true).await;
    let name = "PostgreSQL: applications are killed, six times";
    let mut row = run.end(name, Terms::keeps(TIMEOUT)).await;
    let slotless = "SELECT count(*) FROM ott_tokens AS t WHERE t.slot IS NOT NULL \
        AND NOT EXISTS (SELECT FROM ott_slots AS s WHERE s.slot = t.slot)";
    if server.number(slotless).await > 0 {
        row.blame("a record lacks the row of its slot");
    }
    row
}

async fn sqlite(plan: Plan) -> Row {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut all = stations(folder.path()).await;
    let place = format!("sqlite {}", folder.path().join("tokens.db").display());
    let run = killed(plan, place, all.remove(0), true).await;
    let name = "SQLite: applications are killed, six times";
    let row = run.end(name, Terms::keeps(TIMEOUT)).await;
    looked_at(row, folder.path()).await
}

/// Applications that can write no further, as on a full disk, until they start again: what the operating system does to
/// a file that is too large, for which nobody has to be root.
async fn limited(plan: Plan) -> Row {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(stations(folder.path()).await);
    let place = format!("sqlite {}", folder.path().join("tokens.db").display());
    let processes = [(); 2].map(|()| Arc::new(Process::start_limited(place.clone(), 1_000)));
    let all = processes.iter().map(|process| {
        let process = Arc::clone(process);
        Station::process(process, true)
    });
    let mut run = Run::begin(all.collect(), plan);
    run.load_until_an_outage().await;
    run.load().await;
    for process in &processes {
        blocking(|| process.kill());
        process.restart();
    }
    run.mended();
    run.load().await;
    let name = "SQLite: the file is at its limit, and then is not";
    let row = run.end(name, Terms::keeps(TIMEOUT)).await;
    looked_at(row, folder.path()).await
}

/// The database must not say that it is damaged.
async fn looked_at(mut row: Row, folder: &Path) -> Row {
    let builder = || SqliteStore::builder().timeout(TIMEOUT);
    let store = patiently(|| builder().open(folder.join("tokens.db"))).await;
    let check = sqlx::query_scalar("PRAGMA integrity_check");
    let told: String = check
        .fetch_one(store.pool())
        .await
        .expect("the file is there");
    if told != "ok" {
        row.blame(format!("the file is damaged: {told}"));
    }
    row
}

async fn redis(plan: Plan) -> Row {
    let server = RedisServer::start(&[]).await;
    let stores = Stores::at(server.url()).await;
    let place = format!("redis {}", server.url());
    let run = killed(plan, place, stores.stations().remove(0), false).await;
    let name = "Redis: applications are killed, six times";
    stores.end(run, name, 0, None).await
}
