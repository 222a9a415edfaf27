//! A connection, for a verb or a transaction, and what is read from it.

use core::{future::poll_fn, time::Duration};
use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, Either, Executor, PgConnection, Postgres, Row, SqlSafeStr, Transaction,
    pool::PoolConnection, postgres::PgRow,
};
use token_store::StoreError;
use tokio::time::{Instant, timeout_at};

use super::{
    PostgresStore,
    outage::{Again, outage, outage_before_the_end, uncommitted},
    statements::Query,
};
use crate::error::TRIES;

/// A time-out that is longer is none.
const A_YEAR: Duration = Duration::from_secs(86_400 * 365);

impl PostgresStore {
    pub(super) fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.timeout.min(A_YEAR)).unwrap_or(now)
    }

    pub(super) async fn connection(
        &self,
        deadline: Instant,
    ) -> Result<PoolConnection<Postgres>, StoreError> {
        match timeout_at(deadline, self.pool.acquire()).await {
            // Nothing was asked of it yet.
            Ok(acquired) => acquired.map_err(|error| uncommitted(outage_before_the_end(error))),
            Err(_) => Err(StoreError::Timeout),
        }
    }
}

/// How often a verb may still be run again.
pub(super) struct Retries {
    deadline: Instant,
    circles: u32,
    /// Nothing yet, or how many connections may still turn out to be of no use.
    connections: Option<u32>,
}

impl Retries {
    pub(super) const fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            circles: TRIES,
            connections: None,
        }
    }

    /// Whether a connection turned out to be of no use.
    pub(super) const fn are_begun(&self) -> bool {
        self.connections.is_some()
    }

    /// Whether the verb is run again after this error, since nothing of it was done.
    pub(super) fn allow(&mut self, error: &StoreError, store: &PostgresStore) -> bool {
        let left = match Again::after(error) {
            None => return false,
            Some(Again::Anywhere) => &mut self.circles,
            // What ended one connection may have ended all that nobody used. Those that come then are new.
            Some(Again::Elsewhere) => self.connections.get_or_insert_with(|| {
                let idle = u32::try_from(store.pool.num_idle()).unwrap_or(u32::MAX);
                // sqlx counts one that comes back after it can be taken again: in between the number is below nothing, which
                // is the largest there is.
                let idle = idle.min(store.pool.options().get_max_connections());
                idle.saturating_add(TRIES)
            }),
        };
        *left = left.saturating_sub(1);
        *left > 0 && Instant::now() < self.deadline
    }
}

/// Runs a step on a connection of the pool, in a transaction where the store needs one; all of it by one deadline.
///
/// A step of which nothing was done is run again: one that the server ended since it waited in a circle with
/// somebody's transaction, and one whose connection was of no use, which is let go. A step that takes too
/// long takes its connection with it: the pool would wait for the rest of the answer before it gives it to
/// anybody else, and a server that hangs would hold every one of them. A future that is dropped leaves it
/// to the pool.
macro_rules! on_connection {
    ($store:expr, $connection:ident => $step:expr) => {
        $crate::postgres::connection::on_connection!(
            @ $store.begins, $store, $store.deadline(), $connection => $step
        )
    };
    ($store:expr, by $deadline:expr, $connection:ident => $step:expr) => {
        $crate::postgres::connection::on_connection!(
            @ $store.begins, $store, $deadline, $connection => $step
        )
    };
    (@ $begins:expr, $store:expr, $deadline:expr, $connection:ident => $step:expr) => {{
        let (store, deadline) = ($store, $deadline);
        let mut retries = $crate::postgres::connection::Retries::until(deadline);
        loop {
            let mut held = match store.connection(deadline).await {
                Ok(held) => held,
                Err(error) if retries.allow(&error, store) => continue,
                Err(error) => break Err(error),
            };
            let told = if $begins {
                let step = async {
                    let mut transaction =
                        $crate::postgres::connection::begin(held, &store.begin).await?;
                    let told = {
                        let $connection: &mut sqlx::PgConnection = &mut transaction;
                        $step.await
                    };
                    let told = told.map_err($crate::postgres::outage::uncommitted)?;
                    let done = transaction.commit().await;
                    done.map_err($crate::postgres::outage::outage)?;
                    Ok(told)
                };
                tokio::time::timeout_at(deadline, step)
                    .await
                    .unwrap_or(Err(StoreError::Timeout))
            } else {
                let step = async {
                    let $connection: &mut sqlx::PgConnection = &mut held;
                    $step.await
                };
                let told = tokio::time::timeout_at(deadline, step).await;
                let told = told.unwrap_or(Err(StoreError::Timeout));
                if $crate::postgres::connection::is_over(&told) {
                    drop(held.detach());
                }
                told
            };
            match told {
                Err(error) if retries.allow(&error, store) => {}
                told => break told,
            }
        }
    }};
}
pub(super) use on_connection;

/// The same, always in a transaction: for a step of several statements.
macro_rules! in_transaction {
    ($store:expr, $connection:ident => $step:expr) => {
        $crate::postgres::connection::on_connection!(
            @ true, $store, $store.deadline(), $connection => $step
        )
    };
    ($store:expr, by $deadline:expr, $connection:ident => $step:expr) => {
        $crate::postgres::connection::on_connection!(
            @ true, $store, $deadline, $connection => $step
        )
    };
}
pub(super) use in_transaction;

/// Whether nobody else should get the connection that told this.
pub(super) fn is_over<T>(told: &Result<T, StoreError>) -> bool {
    match told {
        Err(StoreError::Timeout) => true,
        Err(error) => Again::after(error) == Some(Again::Elsewhere),
        Ok(_) => false,
    }
}

/// The level that every statement here is written for, whatever the application's default is.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Begins a transaction, where nobody can drop it half-way.
///
/// sqlx 0.9.0 forgets a `BEGIN` whose future is dropped before the server answers, and gives the
/// connection back to the pool inside of the transaction (its issue 4385): what the next verb on it
/// answers would be committed by nobody. Here a task ends what was begun, and a transaction that nobody
/// waits for any more is rolled back.
pub(super) async fn begin(
    connection: PoolConnection<Postgres>,
    text: &Arc<str>,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    let text = AssertSqlSafe(Arc::clone(text)).into_sql_str();
    let begun = tokio::spawn(Transaction::begin(connection, Some(text)));
    let begun = begun.await.map_err(StoreError::unavailable)?;
    begun.map_err(|error| uncommitted(outage_before_the_end(error)))
}

/// What a statement did, after it has ended.
pub(super) struct Done {
    pub(super) rows: Vec<PgRow>,
    pub(super) changed: u64,
}

/// Why a statement failed.
pub(super) struct Failed {
    pub(super) error: sqlx::Error,
    ended: bool,
}

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        if failed.ended {
            outage(failed.error)
        } else {
            outage_before_the_end(failed.error)
        }
    }
}

/// Runs a statement.
///
/// A commit that fails is told after the rows: every message is read before one is believed.
pub(super) async fn done(connection: &mut PgConnection, query: Query<'_>) -> Result<Done, Failed> {
    let (mut rows, mut changed, mut ended) = (Vec::new(), 0_u64, false);
    let mut messages = connection.fetch_many(query);
    while let Some(message) = poll_fn(|context| messages.as_mut().poll_next(context)).await {
        match message {
            Ok(Either::Left(end)) => {
                changed = changed.saturating_add(end.rows_affected());
                ended = true;
            }
            Ok(Either::Right(row)) => rows.push(row),
            Err(error) => return Err(Failed { error, ended }),
        }
    }
    Ok(Done { rows, changed })
}

/// The one row that a statement returned, after the statement has ended.
pub(super) async fn returned(
    connection: &mut PgConnection,
    query: Query<'_>,
) -> Result<Option<PgRow>, StoreError> {
    Ok(done(connection, query).await?.rows.into_iter().next())
}

/// How many rows a statement changed, after it has ended.
pub(super) async fn changed(
    connection: &mut PgConnection,
    query: Query<'_>,
) -> Result<u64, StoreError> {
    Ok(done(connection, query).await?.changed)
}

/// One row, without a statement that anybody prepares.
pub(super) async fn ask(connection: &mut PgConnection, text: String) -> Result<PgRow, sqlx::Error> {
    let query = sqlx::raw_sql(AssertSqlSafe(text));
    let mut rows = query.fetch_all(connection).await?;
    rows.pop().ok_or(sqlx::Error::RowNotFound)
}

/// Whether the server follows another one, and only reads. A server that does not will not begin to while a
/// connection lasts, so each connection is asked once.
pub(super) async fn is_standby(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let row = ask(connection, "SELECT pg_is_in_recovery()".into()).await?;
    row.try_get(0)
}

pub(super) async fn run(connection: &mut PgConnection, text: String) -> Result<(), sqlx::Error> {
    let query = sqlx::raw_sql(AssertSqlSafe(text));
    query.execute(connection).await.map(drop)
}
