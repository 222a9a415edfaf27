// The store under `Watched` where the tests of other crates run over SQLite: a file that goes away.

use core::time::Duration;

use tempfile::TempDir;
use token_store_sqlx::SqliteStore;
use tokio::sync::OnceCell;

/// Whether what it does lasts, and so takes its time: long attacks are shorter then.
pub(crate) const DURABLE: bool = true;

pub(crate) struct Inner {
    folder: TempDir,
    store: OnceCell<SqliteStore>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            store: OnceCell::new(),
        }
    }
}

impl Inner {
    /// InTransaction in the runtime of whoever asks first.
    pub(crate) async fn get(&self) -> &SqliteStore {
        self.store
            .get_or_init(async || {
                let builder = SqliteStore::builder().timeout(Duration::from_secs(30));
                let opened = builder.open(self.folder.path().join("tokens.db")).await;
                opened.expect("a new file opens")
            })
            .await
    }
}
