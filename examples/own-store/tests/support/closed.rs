//! A store whose database is closed.

use own_store::OwnStore;

pub(crate) fn closed() -> OwnStore {
    let store = OwnStore::default();
    store.cells().close();
    store
}
