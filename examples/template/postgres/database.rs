//! PostgreSQL: several machines.

use token_store_sqlx::{PostgresStore, sqlx};

use crate::app::Fault;

pub(crate) type Store = PostgresStore;
pub(crate) type Database = sqlx::Postgres;

// One statement list is one transaction; several instances that start at once take turns.
const TABLES: &str = "SELECT pg_advisory_xact_lock(hashtext('users'));
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY DEFAULT gen_random_uuid()::text,
    email TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    needs_factor BIGINT NOT NULL DEFAULT 0,
    mail_spent BIGINT NOT NULL DEFAULT 0
)";

/// The database of this URL, with the application's table and those of the tokens.
pub(crate) async fn open(url: &str) -> Result<Store, Fault> {
    let builder = PostgresStore::builder();
    let pool = builder.pool_options().connect(url).await?;
    let store = builder.pool(pool).await?;
    sqlx::raw_sql(TABLES).execute(store.pool()).await?;
    Ok(store)
}
