//! A connection, for a verb or a transaction, and what is read from it.

use core::time::Duration;
use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, PgConnection, Postgres, SqlSafeStr, Transaction, pool::PoolConnection,
    postgres::PgRow,
};
use token_store::StoreError;
use tokio::time::{Instant, timeout_at};

use super::{PostgresStore, outage::outage, statements::Query};

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
            Ok(acquired) => acquired.map_err(outage),
            Err(_) => Err(StoreError::Timeout),
        }
    }
}

/// Runs a step on a connection of the pool, in a transaction where the store needs one.
///
/// A step that the server ended since it waited in a circle with somebody's transaction is run again:
/// it was rolled back whole. A step that takes too long takes its connection with it: the pool would
/// wait for the rest of the answer before it gives it to anybody else, and a server that hangs would
/// hold every one of them. A future that is dropped leaves it to the pool.
macro_rules! on_connection {
    ($store:expr, $connection:ident => $step:expr) => {{
        let store = $store;
        let deadline = store.deadline();
        let mut tries = $crate::error::TRIES;
        loop {
            let mut held = store.connection(deadline).await?;
            let told = if store.begins {
                let step = async {
                    let mut transaction =
                        $crate::postgres::connection::begin(held, &store.begin).await?;
                    let $connection: &mut sqlx::PgConnection = &mut transaction;
                    let told = $step.await?;
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
                match tokio::time::timeout_at(deadline, step).await {
                    Ok(told) => told,
                    Err(_) => {
                        drop(held.detach());
                        Err(StoreError::Timeout)
                    }
                }
            };
            tries = tries.saturating_sub(1);
            match told {
                Err(error) if tries > 0 && $crate::postgres::outage::is_deadlock(&error) => {}
                told => break told,
            }
        }
    }};
}
pub(super) use on_connection;

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
    begun.map_err(outage)
}

/// The one row that a statement returned, after the statement has ended.
///
/// A commit that fails is told after the row: every message is read before one is believed.
pub(super) async fn returned(
    connection: &mut PgConnection,
    query: Query<'_>,
) -> Result<Option<PgRow>, StoreError> {
    let rows = query.fetch_all(connection).await.map_err(outage)?;
    Ok(rows.into_iter().next())
}

/// How many rows a statement changed, after it has ended.
pub(super) async fn changed(
    connection: &mut PgConnection,
    query: Query<'_>,
) -> Result<u64, StoreError> {
    let result = query.execute(connection).await.map_err(outage)?;
    Ok(result.rows_affected())
}

/// One row, without a statement that anybody prepares.
pub(super) async fn ask(connection: &mut PgConnection, text: String) -> Result<PgRow, sqlx::Error> {
    let query = sqlx::raw_sql(AssertSqlSafe(text));
    let mut rows = query.fetch_all(connection).await?;
    rows.pop().ok_or(sqlx::Error::RowNotFound)
}

pub(super) async fn run(connection: &mut PgConnection, text: String) -> Result<(), sqlx::Error> {
    let query = sqlx::raw_sql(AssertSqlSafe(text));
    query.execute(connection).await.map(drop)
}
