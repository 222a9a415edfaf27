//! What PostgreSQL's errors mean.

use core::error::Error as Cause;
use std::io::ErrorKind;

use sqlx::{
    Error,
    error::DatabaseError,
    postgres::{PgDatabaseError, PgSeverity},
};
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

/// An outage before anything of a verb was done, and because of its connection.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Undone(Box<dyn Cause + Send + Sync>);

/// Where a verb that failed may be run again, since nothing of it was done.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Again {
    /// Anywhere: the server ended the statement, since it waited in a circle with somebody's transaction.
    Anywhere,
    /// On another connection: this one has to go.
    Elsewhere,
}

impl Again {
    pub(super) fn after(error: &StoreError) -> Option<Self> {
        match error {
            StoreError::Misuse(NAMED) => Some(Self::Elsewhere),
            StoreError::Unavailable(source) if source.is::<Undone>() => Some(Self::Elsewhere),
            StoreError::Unavailable(source) => {
                let told: Option<&ServerError> = source.downcast_ref();
                told.is_some_and(|told| told.code == "40P01")
                    .then_some(Self::Anywhere)
            }
            _ => None,
        }
    }
}

const NAMED: &str =
    "named statements through a transaction pooler: set `behind_transaction_pooler`";

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
            // invalid_sql_statement_name, duplicate_prepared_statement: refused before it began. Somebody
            // discarded what the connection had prepared, or a pooler mixes connections up.
            "26000" | "42P05" => StoreError::Misuse(NAMED),
            // read_only_sql_transaction: a standby, or a session that was made to read only.
            // feature_not_supported: a prepared statement whose table was changed since.
            "25006" | "0A000" => undone(ServerError::of(database.as_ref())),
            _ => StoreError::unavailable(ServerError::of(database.as_ref())),
        },
        // This came of sending: the end of what was sent, without which nothing is committed, did not leave.
        Error::Io(error) if error.kind() == ErrorKind::BrokenPipe => undone(error),
        other => StoreError::unavailable(other),
    }
}

/// The same of a statement that did not come to its end, and was a transaction of its own. The server commits
/// after it has told of the end, so whatever ended the connection before undid the statement.
pub(super) fn outage_before_the_end(error: Error) -> StoreError {
    match &error {
        Error::Database(database) if is_farewell(database.as_ref()) => {
            undone(ServerError::of(database.as_ref()))
        }
        _ => outage(error),
    }
}

/// The same of anything in a transaction whose `COMMIT` was not sent: without its connection it is undone.
pub(super) fn uncommitted(error: StoreError) -> StoreError {
    let StoreError::Unavailable(source) = error else {
        return error;
    };
    match source.downcast::<Error>() {
        Ok(error) if matches!(*error, Error::Io(_) | Error::Protocol(_) | Error::Tls(_)) => {
            undone(error)
        }
        Ok(error) => StoreError::Unavailable(error),
        Err(source) => StoreError::Unavailable(source),
    }
}

/// The server is a standby.
pub(super) fn reads_only() -> StoreError {
    undone("the server is a standby, and only reads")
}

fn undone(error: impl Into<Box<dyn Cause + Send + Sync>>) -> StoreError {
    StoreError::unavailable(Undone(error.into()))
}

/// The server says good-bye to a connection: admin_shutdown, idle_session_timeout. A pooler's own words
/// (protocol_violation) do not say how far the server came.
fn is_farewell(error: &dyn DatabaseError) -> bool {
    let told: Option<&PgDatabaseError> = error.try_downcast_ref();
    told.is_some_and(|told| {
        told.severity() == PgSeverity::Fatal && matches!(told.code(), "57P01" | "57P05")
    })
}

pub(super) fn is_unique_violation(error: &Error) -> bool {
    error
        .as_database_error()
        .is_some_and(DatabaseError::is_unique_violation)
}

/// Whether it is about a limit's row.
pub(super) fn is_of_limits(error: &Error) -> bool {
    let table = error.as_database_error().and_then(DatabaseError::table);
    table.is_some_and(|table| table.ends_with("limits"))
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
