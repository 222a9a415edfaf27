//! Who waits in this process, so that a decision made here wakes them at once.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::{Poll, Waker},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use token_store::ott_core::RecordId;

/// So many pages of one prompt are woken. Whoever holds one handle and opens more requests makes nobody slower: those
/// look after their pause.
const WOKEN: usize = 8;

/// The waiting pages of this process, by prompt. They share it.
#[derive(Clone, Default)]
pub(super) struct Waiters(Arc<Mutex<HashMap<RecordId, Vec<Arc<Slot>>>>>);

#[derive(Default)]
struct Slot(Mutex<Wait>);

#[derive(Default)]
struct Wait {
    woken: bool,
    waker: Option<Waker>,
}

/// One who waits; who goes away leaves nothing behind.
pub(super) struct Waiter<'w> {
    all: &'w Waiters,
    id: RecordId,
    slot: Arc<Slot>,
}

/// What is locked here is a few words, and no panic leaves them half written.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Waiters {
    /// Begins to wait: a wake from now on is not missed.
    pub(super) fn begin(&self, id: RecordId) -> Waiter<'_> {
        let slot = Arc::new(Slot::default());
        let mut all = locked(&self.0);
        let slots = all.entry(id).or_default();
        if slots.len() < WOKEN {
            slots.push(Arc::clone(&slot));
        }
        drop(all);
        Waiter {
            all: self,
            id,
            slot,
        }
    }

    /// Wakes everybody who waits for this prompt.
    pub(super) fn wake(&self, id: &RecordId) {
        let slots = locked(&self.0).remove(id);
        for slot in slots.iter().flatten() {
            let mut wait = locked(&slot.0);
            wait.woken = true;
            if let Some(waker) = wait.waker.take() {
                waker.wake();
            }
        }
    }
}

impl Waiter<'_> {
    /// Waits for a wake or for `pause`, whichever comes first. `None` for the wake.
    pub(super) async fn or<T>(&self, pause: impl Future<Output = T>) -> Option<T> {
        let mut pause = pin!(pause);
        poll_fn(|context| {
            let mut wait = locked(&self.slot.0);
            if wait.woken {
                return Poll::Ready(None);
            }
            wait.waker = Some(context.waker().clone());
            drop(wait);
            pause.as_mut().poll(context).map(Some)
        })
        .await
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut all = locked(&self.all.0);
        if let Some(slots) = all.get_mut(&self.id) {
            slots.retain(|slot| !Arc::ptr_eq(slot, &self.slot));
            if slots.is_empty() {
                all.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use core::{future, task::Context};

    use super::*;

    fn polled<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    /// A wake between the look at the row and the wait is not missed, and one for another prompt wakes nobody.
    #[test]
    fn wake_is_not_missed() {
        let all = Waiters::default();
        let (one, other) = (RecordId::from_bytes([1; 16]), RecordId::from_bytes([2; 16]));
        let waiter = all.begin(one);
        all.wake(&other);
        assert_eq!(polled(waiter.or(future::pending::<()>())), None);
        assert_eq!(polled(waiter.or(future::ready(7))), Some(Some(7)));
        all.wake(&one);
        assert_eq!(polled(waiter.or(future::pending::<()>())), Some(None));
    }

    /// Of ten thousand open requests for one prompt eight are woken at once, and none is kept.
    #[test]
    fn waiters_of_one_prompt_are_few() {
        let all = Waiters::default();
        let one = RecordId::from_bytes([1; 16]);
        let mut waiters: Vec<_> = (0..10_000).map(|_| all.begin(one)).collect();
        assert_eq!(locked(&all.0)[&one].len(), WOKEN);
        let late = waiters.pop().expect("many");
        assert_eq!(polled(late.or(future::ready(7))), Some(Some(7)));
        drop((late, waiters));
        assert!(locked(&all.0).is_empty());
    }

    /// Who goes away leaves nothing behind, woken or not.
    #[test]
    fn waiters_leave_nothing_behind() {
        let all = Waiters::default();
        let one = RecordId::from_bytes([1; 16]);
        let waiters = [all.begin(one), all.begin(one), all.begin(one)];
        assert_eq!(locked(&all.0)[&one].len(), 3);
        let [first, rest @ ..] = waiters;
        drop(first);
        assert_eq!(locked(&all.0)[&one].len(), 2);
        drop(rest);
        assert!(locked(&all.0).is_empty());
        let woken = all.begin(one);
        all.wake(&one);
        drop(woken);
        assert!(locked(&all.0).is_empty());
    }
}
