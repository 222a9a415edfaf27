//! Whose limits a store charges in the step that burns a code.

use token_store::FactorStore;
use token_store_sqlx::SqliteStore;

/// A clone of a handle is the same store. Another handle on the file is not: it waits in a queue of its own.
#[tokio::test]
async fn clone_charges_and_another_handle_does_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("tokens.db");
    let store = SqliteStore::open(&file).await.expect("a new file opens");
    let another = SqliteStore::open(&file).await.expect("it opens again");
    assert!(store.charged_factors(&store.clone()).is_some());
    assert!(store.charged_factors(&another).is_none());
    assert!(
        store
            .charged_factors(&token_store::MemoryStore::new())
            .is_none()
    );
}
