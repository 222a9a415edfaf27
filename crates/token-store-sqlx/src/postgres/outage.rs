//! What PostgreSQL's errors mean.

use sqlx::{Error, error::DatabaseError};
use token_store::StoreError;

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
            _ => StoreError::unavailable(Error::Database(database)),
        },
        other => StoreError::unavailable(other),
    }
}

pub(super) fn is_unique_violation(error: &Error) -> bool {
    error
        .as_database_error()
        .is_some_and(DatabaseError::is_unique_violation)
}

/// SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn code(error: &dyn DatabaseError) -> String {
    error.code().unwrap_or_default().into_owned()
}
