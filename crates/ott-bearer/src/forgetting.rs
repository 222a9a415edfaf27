//! What leaves the cache before the store has answered, and after.

use token_store::ott_core::Subject;

use crate::{Bearers, Facts, Scope, cache::Cache};

/// Forgets these now, and again when it is dropped: whether the store has answered, failed, or nobody waits any more.
pub(crate) struct Forgetting<'c, S: Scope, W: Fn(&Facts<S>) -> bool> {
    cache: Option<&'c Cache<S>>,
    which: W,
}

impl<S: Scope, W: Fn(&Facts<S>) -> bool> Forgetting<'_, S, W> {
    fn forget(&self) {
        if let Some(cache) = self.cache {
            cache.forget(&self.which);
        }
    }
}

impl<S: Scope, W: Fn(&Facts<S>) -> bool> Drop for Forgetting<'_, S, W> {
    fn drop(&mut self) {
        self.forget();
    }
}

impl<S: Scope> Bearers<S> {
    /// Before what ends these is asked for.
    pub(crate) fn forgetting<W>(&self, which: W) -> Forgetting<'_, S, W>
    where
        W: Fn(&Facts<S>) -> bool,
    {
        let cache = self.cache.as_deref();
        let forgetting = Forgetting { cache, which };
        forgetting.forget();
        forgetting
    }

    /// Forgets what was cached of this owner's tokens: the next use of each asks the store, and what the account says. Call
    /// it after the account's epoch was raised, after the account was disabled, and after tokens were revoked past this
    /// [`Bearers`]. Elsewhere such a change counts after the staleness.
    pub fn forget_account(&self, owner: &Subject) {
        drop(self.forgetting(|facts| facts.subject() == owner));
    }

    /// The same for all tokens of a tenant, after its number was raised: see [`Standing`](crate::Standing).
    pub fn forget_tenant(&self, tenant: &str) {
        drop(self.forgetting(|facts| facts.subject().tenant() == tenant));
    }
}
