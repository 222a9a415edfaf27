//! Room for so many connections. A newcomer takes the place of the connection that has waited longest without
//! a whole request: nobody keeps others out by holding sockets.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// The room.
pub(super) struct Slots {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: usize,
    /// Those without a whole request, longest first.
    waiting: BTreeMap<u64, Arc<Notify>>,
    next: u64,
}

/// One connection's place. A request that is served keeps it beyond the connection's end.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    taken: Arc<Notify>,
    now: Mutex<Now>,
}

/// What a connection does.
#[derive(Clone, Copy)]
enum Now {
    Served,
    /// Under this number, unless its place was taken.
    Waits(u64),
}

impl Slots {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            state: Mutex::default(),
        }
    }

    /// A place, if need be that of whoever has waited longest. `None` where every place is one of a request
    /// that is being served.
    pub(super) fn take(this: &Arc<Self>) -> Option<Arc<Slot>> {
        let mut state = this.state();
        if state.open < this.most {
            state.open = state.open.saturating_add(1);
        } else {
            // Its place goes over as it is.
            let (_, longest) = state.waiting.pop_first()?;
            longest.notify_one();
        }
        let taken = Arc::new(Notify::new());
        let now = state.wait(&taken);
        drop(state);
        Some(Arc::new(Slot {
            slots: Arc::clone(this),
            taken,
            now: Mutex::new(now),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, taken: &Arc<Notify>) -> Now {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.waiting.insert(number, Arc::clone(taken));
        Now::Waits(number)
    }
}

impl Slot {
    /// Until another connection has taken the place.
    pub(super) async fn taken(&self) {
        self.taken.notified().await;
    }

    /// A whole request is there: nobody takes the place before it is answered.
    pub(crate) fn serve(&self) {
        let mut state = self.slots.state();
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Now::Waits(number) = *now
            && state.waiting.remove(&number).is_some()
        {
            *now = Now::Served;
        }
    }

    /// The request was answered.
    pub(crate) fn wait(&self) {
        let mut state = self.slots.state();
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Now::Served = *now {
            *now = state.wait(&self.taken);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.state();
        let now = *self.now.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ours = match now {
            Now::Served => true,
            Now::Waits(number) => state.waiting.remove(&number).is_some(),
        };
        if ours {
            state.open = state.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::Arc;

    use tokio::time::timeout;

    use super::{Slot, Slots};

    async fn is_taken(slot: &Slot) -> bool {
        timeout(Duration::ZERO, slot.taken()).await.is_ok()
    }

    /// Whoever has waited longest makes room, and nobody does who is served.
    #[tokio::test]
    async fn longest_wait_makes_room() {
        let slots = Arc::new(Slots::new(3));
        let take = || Slots::take(&slots);
        let (first, second, third) = (take().unwrap(), take().unwrap(), take().unwrap());
        first.serve();
        let fourth = take().expect("the second one's place");
        assert!(is_taken(&second).await);
        assert!(!is_taken(&first).await && !is_taken(&third).await);
        // A connection that lost its place is not served over the number that there may be.
        second.serve();
        third.serve();
        fourth.serve();
        assert!(take().is_none(), "all three are served");
        drop(second);
        assert!(take().is_none(), "it had no place any more");

        // Who was answered waits anew, behind those who wait already.
        third.wait();
        first.wait();
        let fifth = take().expect("the third one's place");
        assert!(is_taken(&third).await && !is_taken(&first).await);
        for slot in [first, third, fourth, fifth] {
            drop(slot);
        }
        let state = slots.state();
        assert_eq!((state.open, state.waiting.len()), (0, 0));
    }
}
