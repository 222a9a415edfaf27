//! The writes that wait.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::verb::Step;

/// So many writes are looked at for one commit: whoever wants the turn for longer waits for no more.
const MOST: usize = 256;

/// The writes that wait, in their order, and whether a task serves them.
#[derive(Default)]
pub(super) struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Box<dyn Step>>,
    served: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // No code that holds it can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Whether nobody serves it yet: who is told so has to.
    pub(super) fn push(&self, job: Box<dyn Step>) -> bool {
        let mut waiting = self.lock();
        waiting.jobs.push_back(job);
        !core::mem::replace(&mut waiting.served, true)
    }

    /// If nobody waits, nobody serves any more, in the same step.
    pub(super) fn is_waiting(&self) -> bool {
        let mut waiting = self.lock();
        waiting.served = !waiting.jobs.is_empty();
        waiting.served
    }

    pub(super) fn take_first(&self, count: usize) -> Vec<Box<dyn Step>> {
        let mut waiting = self.lock();
        let count = count.min(waiting.jobs.len());
        waiting.jobs.drain(..count).collect()
    }

    /// The next ones, without those that are gone.
    pub(super) fn take_group(&self) -> Vec<Box<dyn Step>> {
        let mut group = self.take_first(MOST);
        group.retain(|job| !job.is_gone());
        group
    }
}

/// Dropped before nobody waits, its task was ended with its runtime: nobody would answer.
pub(super) struct Served {
    pub(super) queue: Arc<Queue>,
    pub(super) ended: bool,
}

impl Drop for Served {
    fn drop(&mut self) {
        if !self.ended {
            let mut waiting = self.queue.lock();
            waiting.served = false;
            waiting.jobs.clear();
        }
    }
}
