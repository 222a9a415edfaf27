//! The store over PostgreSQL.

mod factors;
mod id;
mod insert;
mod limits;
mod names;
mod on_transaction;
mod outage;
mod purge;
mod row;
mod start;
mod statements;
mod store;
mod tokens;

use core::{fmt, time::Duration};
use std::sync::Arc;

use sqlx::{PgConnection, PgPool, Postgres, Transaction, pool::PoolConnection, postgres::PgRow};
use token_store::StoreError;
use tokio::time::{Instant, timeout_at};

use outage::outage;
use statements::{Query, Statements};

pub use on_transaction::OnPgTransaction;
pub use start::PostgresStoreBuilder;

/// A time-out that is longer is none.
const A_YEAR: Duration = Duration::from_secs(86_400 * 365);

/// Tokens, factors and limits in one PostgreSQL database. Cheap to clone.
///
/// Every verb is one statement, prepared once a connection, in one round trip: it is atomic among
/// tasks, connections, processes and machines. A refusal's reason takes a second one; a purge is many
/// small ones. Rows are only ever changed where they are as the statement saw or locked them
/// (READ COMMITTED, which is checked at the start).
///
/// A newer batch retires an older one from the moment at which its insert is committed. A redeem of the
/// older one that was being carried out at that moment, or stands in an open transaction, may still
/// succeed, once: it counts as having come before.
///
/// # Runtime
/// A tokio runtime of either flavour, with its time enabled.
#[derive(Clone)]
pub struct PostgresStore {
    pool: PgPool,
    statements: Arc<Statements>,
    timeout: Duration,
    /// Behind a transaction pooler, which gives every transaction another connection of the server:
    /// only inside of one do preparing a statement and running it meet.
    begins: bool,
}

impl PostgresStore {
    /// The verbs on the caller's open transaction: done when it commits, undone when it rolls back.
    ///
    /// The rows that it changed stay locked until then: another verb on one of them waits.
    #[must_use]
    pub fn on<'c>(&self, transaction: &'c mut Transaction<'_, Postgres>) -> OnPgTransaction<'c> {
        OnPgTransaction::new(transaction, Arc::clone(&self.statements), self.timeout)
    }

    /// The pool: for the application's own tables, and for closing it at the end.
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    fn deadline(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.timeout.min(A_YEAR)).unwrap_or(now)
    }

    async fn connection(&self, deadline: Instant) -> Result<PoolConnection<Postgres>, StoreError> {
        match timeout_at(deadline, self.pool.acquire()).await {
            Ok(acquired) => acquired.map_err(outage),
            Err(_) => Err(StoreError::Timeout),
        }
    }
}

/// Runs a step on a connection of the pool, in a transaction where the store needs one.
///
/// A step that takes too long takes its connection with it: the pool would wait for the rest of the
/// answer before it gives it to anybody else, and a server that hangs would hold every one of them. A
/// future that is dropped leaves it to the pool.
macro_rules! on_connection {
    ($store:expr, $connection:ident => $step:expr) => {{
        let store = $store;
        let deadline = store.deadline();
        let mut held = store.connection(deadline).await?;
        let step = async {
            if store.begins {
                let begun = sqlx::Connection::begin(&mut *held).await;
                let mut transaction = begun.map_err($crate::postgres::outage::outage)?;
                let $connection: &mut sqlx::PgConnection = &mut transaction;
                let told = $step.await?;
                let done = transaction.commit().await;
                done.map_err($crate::postgres::outage::outage)?;
                Ok(told)
            } else {
                let $connection: &mut sqlx::PgConnection = &mut held;
                $step.await
            }
        };
        match tokio::time::timeout_at(deadline, step).await {
            Ok(told) => told,
            Err(_) => {
                drop(held.detach());
                Err(StoreError::Timeout)
            }
        }
    }};
}
use on_connection;

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The one row that a statement returned, after the statement has ended.
///
/// A commit that fails is told after the row: every message is read before one is believed.
async fn returned(
    connection: &mut PgConnection,
    query: Query<'_>,
) -> Result<Option<PgRow>, StoreError> {
    let rows = query.fetch_all(connection).await.map_err(outage)?;
    Ok(rows.into_iter().next())
}

/// How many rows a statement changed, after it has ended.
async fn changed(connection: &mut PgConnection, query: Query<'_>) -> Result<u64, StoreError> {
    let result = query.execute(connection).await.map_err(outage)?;
    Ok(result.rows_affected())
}
