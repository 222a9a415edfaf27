//! Tokens, factors and limits in the SQL database that the application already runs.

mod error;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use error::StartError;
#[cfg(feature = "sqlite")]
pub use sqlite::{OnTransaction, SqliteStore, SqliteStoreBuilder};

pub use sqlx;
pub use token_store;
