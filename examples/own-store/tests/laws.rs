//! The laws of `token-store`, all of them, over the store of this crate.

#[path = "support/closed.rs"]
mod closed;

/// Named for the report of `scripts/test`.
mod own_store {
    use std::sync::Arc;

    use crate::closed::closed;
    use own_store::OwnStore;
    use token_store::conformance::Harness;

    struct Own;

    impl Harness for Own {
        type Store = OwnStore;

        async fn store(&self) -> Arc<OwnStore> {
            Arc::new(OwnStore::default())
        }

        async fn another(&self, store: &Arc<OwnStore>) -> Arc<OwnStore> {
            Arc::new(OwnStore::clone(store))
        }

        async fn broken(&self) -> Arc<OwnStore> {
            Arc::new(closed())
        }
    }

    token_store::laws!(Own);
}
