//! Tasks that use a server until it fails, and how much it answered.

#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

use core::{
    future::Future,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};
use std::sync::Arc;

use token_store::StoreError;
use tokio::task::JoinSet;

/// So many tasks at once.
pub(crate) const TASKS: usize = 8;

/// Tasks that do one thing after another, and how much of it was answered.
pub(crate) struct Running {
    tasks: JoinSet<()>,
    pub(crate) ends: Arc<AtomicBool>,
    told: Arc<AtomicUsize>,
}

impl Running {
    /// Each task does `one` until it fails, which counts what was answered.
    pub(crate) fn start<F>(one: impl Fn(Arc<AtomicUsize>) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = Result<(), StoreError>> + Send,
    {
        let (ends, told) = <(Arc<AtomicBool>, Arc<AtomicUsize>)>::default();
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let (one, ends, told) = (one.clone(), Arc::clone(&ends), Arc::clone(&told));
            tasks.spawn(async move {
                while !ends.load(Ordering::SeqCst) && one(Arc::clone(&told)).await.is_ok() {}
            });
        }
        Self { tasks, ends, told }
    }

    /// Until so much was answered.
    pub(crate) async fn answered(&self, guesses: usize) {
        while self.told.load(Ordering::SeqCst) < guesses {
            assert!(!self.tasks.is_empty());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// How much was answered.
    pub(crate) async fn end(mut self) -> usize {
        self.ends.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        self.told.load(Ordering::SeqCst)
    }
}
