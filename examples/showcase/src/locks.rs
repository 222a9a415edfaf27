//! One at a time, for each name by itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

/// Locks by name, each as long as somebody holds it or waits for it.
#[derive(Default)]
pub(crate) struct Locks(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl Locks {
    /// Waits for whoever has the same name, and for nobody else.
    pub(crate) async fn lock(&self, name: impl Into<String>) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(name.into()).or_default())
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_name_waits_for_itself_alone_and_is_forgotten_after() {
        let locks = Locks::default();
        let held = locks.lock("a").await;
        let other = locks.lock("b").await;
        let waits = core::time::Duration::from_millis(20);
        assert!(tokio::time::timeout(waits, locks.lock("a")).await.is_err());
        drop(held);
        let again = tokio::time::timeout(waits, locks.lock("a")).await;
        assert!(again.is_ok());
        drop((other, again));
        drop(locks.lock("c").await);
        let left = locks.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!(left.len(), 1);
    }
}
