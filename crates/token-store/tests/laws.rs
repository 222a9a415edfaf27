//! The laws over `MemoryStore`.
#![cfg(feature = "conformance")]

use std::sync::Arc;

use token_store::{MemoryStore, conformance::Harness};

struct Memory;

impl Harness for Memory {
    type Store = MemoryStore;

    async fn store(&self) -> Arc<MemoryStore> {
        Arc::new(MemoryStore::new())
    }

    async fn broken(&self) -> Arc<MemoryStore> {
        unimplemented!("memory has no back end to lose")
    }
}

token_store::laws!(Memory);
