//! What a database's errors mean.

use core::time::Duration;

use sqlx::migrate::MigrateError;
use token_store::StoreError;

/// Why a store did not start. No text holds a path, a statement or a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database cannot keep every text: names would come back changed, or not at all.
    #[error("the database's encoding is {0}, not UTF8")]
    Encoding(String),
    /// The database file could not be made.
    #[error("the database file could not be made")]
    File(#[source] std::io::Error),
    /// A statement that waited for somebody else's would fail instead of looking again.
    #[error(
        "the default transaction isolation is {0}: let the pool's connections use read committed"
    )]
    Isolation(String),
    /// What a verb gave up, the server would not: it may be done long after the verb was told as
    /// [`StoreError::Timeout`], and a process of the server waits on for each.
    #[error(
        "statement_timeout is {0} ms, and not below the store's time-out: make the pool with the \
         builder's `pool_options`, set it for the role, or accept late statements by name"
    )]
    LateStatements(u128),
    /// Somebody else has held the lock under which the tables are made for longer than the time-out:
    /// another start that brings them up to date, or hangs. Start again.
    #[error("somebody else is making the tables of the token store, or hangs while doing so")]
    Migrating,
    /// The tables could not be made, or are a newer version's.
    #[error("the tables of the token store could not be brought up to date")]
    Migration(#[source] MigrateError),
    /// A schema or prefix that is not lower-case letters, digits and underscores.
    #[error("the schema or prefix of the tables is not a plain name")]
    Name,
    /// Between the pool and the server is a proxy that gives each transaction another connection.
    #[error("a transaction pooler, through which named statements fail: say what it can do")]
    Pooler,
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A commit might not survive a crash of the server, and a spent token could be spent again.
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
    /// A commit might not survive a power cut, and a spent token could be spent again.
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
/// What is dropped then may still happen, whole: a statement that the driver's thread already has
/// ends there, a transaction without its commit rolls back.
pub(crate) async fn within<T>(
    limit: Duration,
    step: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    tokio::time::timeout(limit, step)
        .await
        .unwrap_or(Err(StoreError::Timeout))
}
