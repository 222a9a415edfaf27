//! SQLite: one machine, one file.

use token_store_sqlx::{SqliteStore, sqlx};

use crate::app::Fault;

pub(crate) type Store = SqliteStore;
pub(crate) type Database = sqlx::Sqlite;

const TABLES: &str = "CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY DEFAULT (lower(hex(randomblob(16)))),
    email TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    needs_factor BIGINT NOT NULL DEFAULT 0,
    mail_spent BIGINT NOT NULL DEFAULT 0
)";

/// The file, with the application's table and those of the tokens.
pub(crate) async fn open(path: &str) -> Result<Store, Fault> {
    let store = SqliteStore::open(path).await?;
    sqlx::raw_sql(TABLES).execute(store.pool()).await?;
    Ok(store)
}
