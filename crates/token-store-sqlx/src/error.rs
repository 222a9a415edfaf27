//! What a database's errors mean.

use core::time::Duration;

use sqlx::{error::DatabaseError, migrate::MigrateError};
use token_store::StoreError;

/// Why a store did not start. No text holds a path, a statement or a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The database file could not be made.
    #[error("the database file could not be made")]
    File(#[source] std::io::Error),
    /// The tables could not be made, or are a newer version's.
    #[error("the tables of the token store could not be brought up to date")]
    Migration(#[source] MigrateError),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
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

/// What an error of the driver says about the store. None says anything about a token.
pub(crate) fn outage(error: sqlx::Error) -> StoreError {
    use sqlx::Error;
    match error {
        Error::PoolTimedOut => StoreError::Timeout,
        Error::ColumnDecode { .. } | Error::ColumnNotFound(_) | Error::Decode(_) => {
            StoreError::Corrupt("a column of another type")
        }
        Error::Database(database) => match sqlite_code(database.as_ref()) {
            // The snapshot of the caller's own transaction is old: waiting would not have helped.
            Some(SQLITE_BUSY_SNAPSHOT) => StoreError::unavailable(Error::Database(database)),
            Some(code) if matches!(code & 0xff, SQLITE_BUSY | SQLITE_LOCKED) => StoreError::Timeout,
            Some(code) if matches!(code & 0xff, SQLITE_CORRUPT | SQLITE_NOTADB) => {
                StoreError::Corrupt("the database file")
            }
            _ => StoreError::unavailable(Error::Database(database)),
        },
        other => StoreError::unavailable(other),
    }
}

/// Result codes: <https://www.sqlite.org/rescode.html>.
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;
const SQLITE_BUSY_SNAPSHOT: u32 = 517;

fn sqlite_code(error: &dyn DatabaseError) -> Option<u32> {
    error.code()?.parse().ok()
}

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
