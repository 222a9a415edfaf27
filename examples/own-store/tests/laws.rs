//! The laws of `token-store`, all of them, over the store of this crate.

/// Named for the report of `scripts/test`.
mod own_store {
    use std::sync::Arc;

    use own_store::OwnStore;
    use token_store::conformance::Harness;

    struct Own;

    impl Harness for Own {
        type Store = OwnStore;

        async fn store(&self) -> Arc<OwnStore> {
            Arc::new(OwnStore::new(true))
        }

        async fn broken(&self) -> Arc<OwnStore> {
            Arc::new(OwnStore::new(false))
        }
    }

    token_store::laws!(Own);
}
