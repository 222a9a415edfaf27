//! What PostgreSQL's errors mean.

use sqlx::{Error, error::DatabaseError};
use token_store::StoreError;

/// What the server said, without what it adds: the row, the arguments, the statement.
#[derive(Debug, thiserror::Error)]
#[error("{message} (SQLSTATE {code})")]
struct ServerError {
    code: String,
    message: String,
}

impl ServerError {
    fn of(error: &dyn DatabaseError) -> Self {
        Self {
            code: code(error),
            message: error.message().to_owned(),
        }
    }
}

/// The server ended this statement and its transaction, since they waited in a circle with another's.
pub(super) fn is_deadlock(error: &StoreError) -> bool {
    let StoreError::Unavailable(source) = error else {
        return false;
    };
    let told: Option<&ServerError> = source.downcast_ref();
    told.is_some_and(|told| told.code == "40P01")
}

/// What an error of the driver says about the store. None says anything about a token.
pub(super) fn outage(error: Error) -> StoreError {
    match error {
        Error::PoolTimedOut => StoreError::Timeout,
        Error::ColumnDecode { .. } | Error::ColumnNotFound(_) | Error::Decode(_) => {
            StoreError::Corrupt("a column of another type")
        }
        Error::Database(database) => match code(database.as_ref()).as_str() {
            // query_canceled: statement_timeout, or somebody's hand; lock_not_available.
            "57014" | "55P03" => StoreError::Timeout,
            // numeric_value_out_of_range: no time or count that this crate wrote.
            "22003" => StoreError::Corrupt("a number out of range"),
            // data_corrupted, index_corrupted.
            "XX001" | "XX002" => StoreError::Corrupt("the database"),
            // character_not_in_repertoire: NUL, which a label may have.
            "22021" => StoreError::Misuse("a text with a character that PostgreSQL does not keep"),
            // invalid_sql_statement_name, duplicate_prepared_statement.
            "26000" | "42P05" => StoreError::Misuse(
                "named statements through a transaction pooler: set `behind_transaction_pooler`",
            ),
            _ => StoreError::unavailable(ServerError::of(database.as_ref())),
        },
        other => StoreError::unavailable(other),
    }
}

pub(super) fn is_unique_violation(error: &Error) -> bool {
    error
        .as_database_error()
        .is_some_and(DatabaseError::is_unique_violation)
}

/// Somebody held a lock for longer than `lock_timeout`.
pub(super) fn is_lock_timeout(error: &Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| code(error) == "55P03")
}

/// SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn code(error: &dyn DatabaseError) -> String {
    error.code().unwrap_or_default().into_owned()
}
