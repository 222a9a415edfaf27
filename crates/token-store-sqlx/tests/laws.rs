//! The laws of `token-store`, all of them, over SQLite files.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use token_store::conformance::{Harness, OpenHarness};
use token_store_sqlx::{
    SqliteStore,
    sqlx::{Sqlite, Transaction},
};

/// Files in a folder that goes away with the test.
#[derive(Default)]
struct Files(Mutex<Vec<TempDir>>);

impl Harness for Files {
    type Store = SqliteStore;

    async fn store(&self) -> Arc<SqliteStore> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let builder = SqliteStore::builder().timeout(Duration::from_secs(120));
        let store = builder.open(folder.path().join("tokens.db")).await;
        self.0.lock().expect("no test panicked").push(folder);
        Arc::new(store.expect("a new file opens"))
    }

    async fn another(&self, store: &Arc<SqliteStore>) -> Arc<SqliteStore> {
        let options = store.pool().connect_options();
        let builder = SqliteStore::builder().timeout(Duration::from_secs(120));
        let another = builder.open(options.get_filename()).await;
        Arc::new(another.expect("a file that is there opens"))
    }

    async fn broken(&self) -> Arc<SqliteStore> {
        let store = self.store().await;
        store.pool().close().await;
        store
    }
}

impl OpenHarness for Files {
    async fn commit(transaction: Transaction<'static, Sqlite>) {
        transaction
            .commit()
            .await
            .expect("a file that can be written");
    }
}

/// Named for the report of `scripts/test`.
mod sqlite {
    use super::Files;

    token_store::laws!(Files::default());
    token_store::laws!(charged: Files::default());
    token_store::laws!(charged_factors: Files::default());
    token_store::laws!(open: Files::default());
}
