//! What a database's errors mean.

use core::time::Duration;

use sqlx::migrate::MigrateError;
use token_store::StoreError;

/// Why a store did not start. No text holds a path, a statement or a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database does not keep every text: some names would be changed or refused.
    #[error("the database's encoding is {0}, not UTF8")]
    Encoding(String),
    /// The database file could not be made.
    #[error("the database file could not be made")]
    File(#[source] std::io::Error),
    /// At this level a statement that waited for another transaction fails, instead of reading again.
    #[error(
        "the default transaction isolation is {0}: let the pool's connections use read committed"
    )]
    Isolation(String),
    /// If a verb timed out, the server would go on with its statement. The statement may then be done long
    /// after the verb returned [`StoreError::Timeout`], and a process of the server waits for each.
    #[error(
        "statement_timeout is {0} ms, and not below the store's time-out: make the pool with the \
         builder's `pool_options`, set it for the role, or accept late statements by name"
    )]
    LateStatements(u128),
    /// The lock under which the tables are made was held for longer than the time-out, by another start
    /// that makes them or hangs. Start again.
    #[error("somebody else is making the tables of the token store, or hangs while doing so")]
    Migrating,
    /// The tables could not be made, or are a newer version's.
    #[error("the tables of the token store could not be brought up to date")]
    Migration(#[source] MigrateError),
    /// A schema or prefix that is not lower-case letters, digits and underscores.
    #[error("the schema or prefix of the tables is not a plain name")]
    Name,
    /// Between the pool and the server is a proxy that gives each transaction another connection: say on
    /// the builder what the proxy can do.
    #[error("a transaction pooler, through which named statements fail: say what it can do")]
    Pooler,
    /// Between the pool and the server is a proxy that allows no transaction of several statements (PgBouncer with
    /// `pool_mode = statement`). No store works through it.
    #[error("a statement pooler, which allows no transaction")]
    StatementPooler,
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A commit might not survive a crash of the server. Then a spent token could be spent again.
    #[error(
        "commits may be lost (synchronous_commit is {synchronous_commit}, fsync is {fsync}, \
         full_page_writes is {full_page_writes}): set all three, or accept it by name"
    )]
    WeakCommits {
        /// `synchronous_commit` of the pool's connections.
        synchronous_commit: String,
        /// `fsync` of the server.
        fsync: String,
        /// `full_page_writes` of the server.
        full_page_writes: String,
    },
    /// A commit might not survive a power cut. Then a spent token could be spent again.
    #[error(
        "commits may not survive a power cut (journal_mode is {journal_mode}, synchronous is \
         {synchronous}): set WAL and FULL, or accept it by name"
    )]
    WeakDurability {
        /// `PRAGMA journal_mode`.
        journal_mode: String,
        /// `PRAGMA synchronous`: 0 off, 1 normal, 2 full, 3 extra.
        synchronous: i64,
    },
}

/// How often a verb looks again because what it read changed before it wrote.
pub(crate) const TRIES: u32 = 8;

/// The answer, or [`StoreError::Timeout`] once `limit` has passed.
///
/// The dropped step may still be done, completely: the driver's thread ends a statement that it has
/// begun. A transaction without its commit rolls back.
pub(crate) async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    tokio::time::timeout(limit, step)
        .await
        .unwrap_or(Err(StoreError::Timeout))
}
