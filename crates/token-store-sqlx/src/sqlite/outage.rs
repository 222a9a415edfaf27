//! What SQLite's errors mean.

use sqlx::error::DatabaseError;
use token_store::StoreError;

/// What an error of the driver says about the store. None says anything about a token.
pub(super) fn outage(error: sqlx::Error) -> StoreError {
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
