// The store under `Watched` in the tests of this crate.

use twofa_providers::token_store::MemoryStore;

/// Whether what it does lasts, and so takes its time: long attacks are shorter then.
pub(crate) const DURABLE: bool = false;

#[derive(Default)]
pub(crate) struct Inner(MemoryStore);

impl Inner {
    #[allow(clippy::unused_async, reason = "a store in a file is opened here")]
    pub(crate) async fn get(&self) -> &MemoryStore {
        &self.0
    }
}
