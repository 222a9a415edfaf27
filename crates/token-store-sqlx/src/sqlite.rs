//! The store over SQLite.

mod charged;
mod factors;
mod group;
mod insert;
mod ledger;
mod limits;
mod on_transaction;
mod outage;
mod purge;
mod queue;
mod redeem;
mod row;
mod start;
mod store;
mod tokens;
mod turn;
mod verb;
mod waiting;

use core::{fmt, time::Duration};
use std::sync::Arc;

use sqlx::{
    Connection, Sqlite, SqliteConnection, SqlitePool, Transaction, pool::PoolConnection,
    sqlite::SqliteRow,
};
use token_store::StoreError;

use outage::outage;
use queue::Queue;
use turn::{Turn, Turns, Writer};

pub use on_transaction::OnTransaction;
pub use start::SqliteStoreBuilder;

/// A query with its arguments.
type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

/// Tokens, factors and limits in one SQLite database. Cheap to clone.
///
/// Every verb is one statement or one `BEGIN IMMEDIATE` transaction, so it is atomic among tasks,
/// connections and processes on one machine. To remove a factor is two, one of which finds nothing; a purge
/// is many small ones. A network file system whose
/// locks do not hold breaks that.
///
/// Writes that wait at the same time share one durable commit; each is judged and answered as if it were alone.
/// A write that finds no other does not wait. A task runs the writes that wait, so a caller who is dropped stops no
/// other. The task starts when a write has to wait, and ends when none waits. If the store is
/// dropped, the task ends with its present step. The store starts no thread beside the pool's own.
///
/// The connection of the last write is kept for the next one, and goes back to the pool after at most 20 ms without a
/// write. It is not kept if no other connection is free or could be opened.
///
/// If a write transaction of your own is open on the same database, call no verb of the store: it
/// would wait for your transaction until the time-out. Use [`SqliteStore::on`] inside of the
/// transaction.
///
/// # Runtime
/// A tokio runtime of either flavour, with its time enabled. Use a store and its clones from one runtime:
/// while the runtime that runs the task stands still, writes that wait in another one stand still too.
#[derive(Clone)]
pub struct SqliteStore {
    pool: SqlitePool,
    timeout: Duration,
    turns: Turns,
    /// The writes that found the turn taken.
    queue: Arc<Queue>,
}

impl SqliteStore {
    /// The pool: for the application's own tables, and for closing it at the end.
    #[must_use]
    pub const fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// A connection to read with.
    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.pool.acquire().await.map_err(outage)
    }

    /// A connection to write with, when it is its turn.
    async fn writer(&self) -> Result<Writer<'_>, StoreError> {
        let mut turn = self.turns.next().await;
        let connection = self.turns.connection(&mut turn, &self.pool).await?;
        Ok(Writer {
            connection,
            _turn: turn,
        })
    }

    /// A transaction that holds SQLite's write lock from the start, so that nothing it read can
    /// change before it writes.
    async fn begin(&self) -> Result<(Transaction<'static, Sqlite>, Turn<'_>), StoreError> {
        let turn = self.turns.next().await;
        Ok((self.begin_at_once().await?, turn))
    }

    /// The same, for whoever has the turn.
    async fn begin_at_once(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        loop {
            match self.pool.begin_with("BEGIN IMMEDIATE").await {
                Err(sqlx::Error::InvalidSavePointStatement) => self.close_stuck().await?,
                begun => return begun.map_err(outage),
            }
        }
    }

    /// Closes the idle connections that the driver believes to be in a transaction.
    ///
    /// SQLite ends a transaction by itself when the disk is full or fails. The driver's rollback then
    /// fails, it counts the transaction as open for ever, and that connection begins no other.
    async fn close_stuck(&self) -> Result<(), StoreError> {
        let mut sound = Vec::new();
        while let Some(connection) = self.pool.try_acquire() {
            if connection.is_in_transaction() {
                connection.close().await.map_err(outage)?;
            } else {
                sound.push(connection);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The one row that a statement returned, after the statement has ended.
///
/// Never `fetch_optional` for a statement that writes: the driver resets it after the first row and
/// drops the error of the commit that this makes, so a redeem that a full disk undid would count as
/// done.
async fn returned(
    connection: &mut SqliteConnection,
    query: Query<'_>,
) -> Result<Option<SqliteRow>, StoreError> {
    let rows = query.fetch_all(connection).await.map_err(outage)?;
    Ok(rows.into_iter().next())
}

/// How many rows a statement changed, after it has ended.
async fn changed(connection: &mut SqliteConnection, query: Query<'_>) -> Result<u64, StoreError> {
    let result = query.execute(connection).await.map_err(outage)?;
    Ok(result.rows_affected())
}
