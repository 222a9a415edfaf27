//! What differs between the databases that a life is led over: here SQLite.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

use core::time::Duration;

use token_store_sqlx::{SqliteStore, sqlx};

pub(crate) type Store = SqliteStore;

/// The store in this file.
pub(crate) async fn open(file: &str) -> Store {
    let builder = SqliteStore::builder().timeout(Duration::from_secs(30));
    builder.open(file).await.expect("the file opens")
}

/// Fails if the database says that it is damaged.
pub(crate) async fn look(store: &Store) {
    let select = sqlx::query_scalar("PRAGMA integrity_check");
    let integrity: String = select.fetch_one(store.pool()).await.unwrap();
    assert_eq!(integrity, "ok");
}
