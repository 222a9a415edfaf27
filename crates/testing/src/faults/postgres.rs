//! PostgreSQL: killed, stopped, broken off, set differently, full.

use core::time::Duration;
use std::sync::Arc;

use async_trait::async_trait;
use token_store::{
    InTransaction, RedeemInTransaction, Redeemed, StoreError,
    ott_core::{
        Presented,
        chrono::{DateTime, Utc},
    },
};
use token_store_sqlx::{
    PostgresStore,
    sqlx::{self, postgres::PgConnectOptions},
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Disk, Fault, TIMEOUT, patiently};
use crate::{
    ledger::{Applies, Plan, Row, Run, Station, Terms},
    postgres::{Pooler, Server},
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("postgres-kill", |plan| Box::pin(killed(plan))),
    Fault::new("postgres-hang", |plan| Box::pin(stopped(plan))),
    Fault::new("postgres-storm", |plan| Box::pin(broken_off(plan))),
    Fault::new("postgres-crash", |plan| Box::pin(crashed(plan))),
    Fault::new("postgres-set", |plan| Box::pin(set(plan))),
    Fault::new("postgres-altered", |plan| Box::pin(altered(plan))),
    Fault::new("postgres-idle", |plan| Box::pin(idle(plan))),
    Fault::new("postgres-pooler", |plan| Box::pin(pooler(plan))),
    Fault::on_a_disk("postgres-full", |plan| Box::pin(full(plan))),
];

#[async_trait]
impl Applies for PostgresStore {
    async fn redeem_and_apply(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
        effect: &str,
    ) -> (Duration, Result<Redeemed, StoreError>) {
        let began = Instant::now();
        let told = self.redeem_in_transaction(presented, now).await;
        let took = began.elapsed();
        let apply = async {
            match told? {
                InTransaction::Refused(reason) => Ok(Redeemed::Refused(reason)),
                InTransaction::Redeemed(mut transaction, stored) => {
                    let note = sqlx::query("INSERT INTO effects VALUES ($1)")
                        .bind(effect)
                        // Behind a pooler a name may be another client's statement.
                        .persistent(false);
                    note.execute(&mut *transaction).await.map_err(own)?;
                    transaction.commit().await.map_err(own)?;
                    Ok(Redeemed::Redeemed(stored))
                }
            }
        };
        // The application's own patience.
        let told = timeout_at(began + 2 * TIMEOUT, apply).await;
        (took, told.unwrap_or(Err(StoreError::Timeout)))
    }

    async fn effects(&self) -> Result<Vec<String>, StoreError> {
        let all = async {
            // Only inside of a transaction do preparing and running meet behind a pooler.
            let mut transaction = self.pool().begin().await?;
            let select = sqlx::query_scalar("SELECT id FROM effects").persistent(false);
            let found = select.fetch_all(&mut *transaction).await?;
            transaction.commit().await.map(|()| found)
        };
        all.await.map_err(StoreError::unavailable)
    }
}

/// What an error of the application's own statement says: the server's `statement_timeout` holds for it, too.
fn own(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code());
    if code.as_deref() == Some("57014") {
        return StoreError::Timeout;
    }
    StoreError::unavailable(error)
}

/// Three stores with pools of their own.
async fn stations(server: &Server) -> Vec<Station> {
    stations_at(&server.options()).await
}

pub(super) async fn stations_at(options: &PgConnectOptions) -> Vec<Station> {
    let mut all = Vec::new();
    for _ in 0..3 {
        let builder = || PostgresStore::builder().timeout(TIMEOUT);
        let store = patiently(|| builder().connect(options.clone())).await;
        if all.is_empty() {
            let table = "CREATE TABLE effects (id TEXT NOT NULL)";
            let made = sqlx::raw_sql(table).execute(store.pool()).await;
            made.expect("a new table");
        }
        all.push(Station::applying(Arc::new(store)));
    }
    all
}

/// What blocks is done where it holds up no task.
pub(super) fn blocking<T>(step: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(step)
}

/// The server is killed and starts again from its log, three times.
async fn killed(plan: Plan) -> Row {
    let mut server = blocking(Server::start);
    let mut run = Run::begin(stations(&server).await, plan);
    for _ in 0..3 {
        run.load().await;
        blocking(|| server.kill());
        sleep(Duration::from_millis(300)).await;
        blocking(|| server.restart());
        run.mended();
    }
    run.load().await;
    run.end(
        "PostgreSQL is killed and starts again, three times",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// The server hangs for longer than the time-out.
async fn stopped(plan: Plan) -> Row {
    let server = blocking(Server::start);
    let mut run = Run::begin(stations(&server).await, plan);
    run.load().await;
    blocking(|| server.stop());
    sleep(TIMEOUT + TIMEOUT / 4).await;
    blocking(|| server.go_on());
    run.mended();
    run.load().await;
    run.end("PostgreSQL hangs", Terms::keeps(TIMEOUT)).await
}

/// Somebody cancels statements and ends connections, again and again.
async fn broken_off(plan: Plan) -> Row {
    let server = blocking(Server::start);
    let mut run = Run::begin(stations(&server).await, plan);
    run.load().await;
    for round in 0..20 {
        server
            .ask(if round % 2 == 0 {
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            } else {
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            })
            .await;
        sleep(Duration::from_millis(60)).await;
    }
    run.mended();
    run.load().await;
    run.end(
        "PostgreSQL: a storm of pg_cancel_backend and pg_terminate_backend",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// The server crashes again and again: each time a process of it is killed, it begins anew.
async fn crashed(plan: Plan) -> Row {
    let server = blocking(Server::start);
    let mut run = Run::begin(stations(&server).await, plan);
    for _ in 0..4 {
        run.load().await;
        blocking(|| server.crash());
        // A crash while it replays its log would end it for good.
        blocking(|| server.wait());
    }
    run.mended();
    run.load().await;
    let terms = Terms {
        // It replays its log, and then writes all of it.
        recovers_in: TIMEOUT * 4,
        ..Terms::keeps(TIMEOUT)
    };
    run.end(
        "PostgreSQL: a process is killed, four times, and all begin anew",
        terms,
    )
    .await
}

/// Somebody sets another isolation, and other time-outs, while the stores run.
async fn set(plan: Plan) -> Row {
    let server = blocking(Server::start);
    let mut run = Run::begin(stations(&server).await, plan);
    run.load().await;
    for isolation in ["serializable", "repeatable read", "read committed"] {
        let isolation = match isolation {
            "serializable" => "ALTER SYSTEM SET default_transaction_isolation = 'serializable'",
            "repeatable read" => {
                "ALTER SYSTEM SET default_transaction_isolation = 'repeatable read'"
            }
            _ => "ALTER SYSTEM RESET default_transaction_isolation",
        };
        server.ask(isolation).await;
        server
            .ask("ALTER SYSTEM SET statement_timeout = '10ms'")
            .await;
        server.ask("ALTER SYSTEM SET lock_timeout = '10ms'").await;
        server.ask("SELECT pg_reload_conf()").await;
        run.load().await;
    }
    server.ask("ALTER SYSTEM RESET ALL").await;
    server.ask("SELECT pg_reload_conf()").await;
    run.mended();
    run.load().await;
    run.end(
        "PostgreSQL: isolation and time-outs are set while it runs",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// Columns get other types, and their own again.
async fn altered(plan: Plan) -> Row {
    let server = blocking(Server::start);
    let mut run = Run::begin(stations(&server).await, plan);
    run.load().await;
    server
        .ask("ALTER TABLE ott_tokens ADD COLUMN another TEXT")
        .await;
    server
        .ask("ALTER TABLE ott_limits ALTER COLUMN count TYPE NUMERIC")
        .await;
    run.load().await;
    server
        .ask("ALTER TABLE ott_limits ALTER COLUMN count TYPE BIGINT")
        .await;
    server
        .ask("ALTER TABLE ott_tokens DROP COLUMN another")
        .await;
    run.mended();
    run.load().await;
    run.end(
        "PostgreSQL: columns change their types while it runs",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// The server ends sessions that are idle.
async fn idle(plan: Plan) -> Row {
    let server = blocking(Server::start);
    server
        .ask("ALTER SYSTEM SET idle_session_timeout = '400ms'")
        .await;
    server.ask("SELECT pg_reload_conf()").await;
    let mut run = Run::begin(stations(&server).await, plan);
    run.load().await;
    run.in_silence(sleep(Duration::from_secs(1))).await;
    run.mended();
    run.load().await;
    run.end(
        "PostgreSQL ends sessions that are idle",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// The pooler before the server is killed, and another one starts.
async fn pooler(plan: Plan) -> Row {
    let mut pooler = blocking(|| Pooler::start(8));
    let mut all = Vec::new();
    let table = "CREATE TABLE effects (id TEXT NOT NULL)";
    pooler.server.ask(table).await;
    for _ in 0..3 {
        let builder = || PostgresStore::builder().timeout(TIMEOUT);
        let store = patiently(|| {
            let builder = builder().behind_transaction_pooler();
            builder.connect(pooler.options())
        });
        let store = store.await;
        all.push(Station::applying(Arc::new(store)));
    }
    let mut run = Run::begin(all, plan);
    run.load().await;
    blocking(|| pooler.restart());
    run.mended();
    run.load().await;
    run.end(
        "PostgreSQL: the pooler is killed, another one starts",
        Terms::keeps(TIMEOUT),
    )
    .await
}

/// The disk is full, and then is not. The disk is one in memory, which only root can make.
async fn full(plan: Plan) -> Row {
    let disk = Disk::new(160);
    let mut server = blocking(|| Server::start_in(disk.path()));
    let mut run = Run::begin(stations(&server).await, plan);
    run.load().await;
    disk.fill();
    run.load().await;
    disk.clear();
    blocking(|| server.revive());
    run.mended();
    run.load().await;
    let terms = Terms {
        recovers_in: TIMEOUT * 4,
        ..Terms::keeps(TIMEOUT)
    };
    let row = run.end("PostgreSQL: the disk is full", terms).await;
    drop(server);
    row
}
