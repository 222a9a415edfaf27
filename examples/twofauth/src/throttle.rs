//! So many a minute, as the contract counts: a minute begins with its first one.

use core::pin::pin;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// In seconds.
const WINDOW: u64 = 60;

/// Counts by name, within a window. What it knows is this process's and goes with it: a limit of this contract stands against
/// haste, not against guesses of short codes (docs/adr/0088, 0118).
pub(crate) struct Throttle {
    /// In seconds.
    window: u64,
    counts: Mutex<HashMap<String, (u64, u32)>>,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::within(WINDOW)
    }
}

/// Where a name stands.
pub(crate) struct Count {
    pub(crate) limit: u32,
    pub(crate) left: u32,
    /// Seconds until the window is over, once it is full.
    pub(crate) refused: Option<u64>,
}

impl Throttle {
    pub(crate) fn within(window: u64) -> Self {
        Self {
            window,
            counts: Mutex::default(),
        }
    }

    /// Counts so many more, or says that the window has no room for them.
    pub(crate) fn count(&self, name: &str, more: u32, limit: u32, now: u64) -> Count {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, count) = counts.entry(name.to_owned()).or_insert((now, 0));
        let over = now < *began || now.saturating_sub(*began) >= self.window;
        if over {
            (*began, *count) = (now, 0);
        }
        if count.saturating_add(more) > limit {
            let wait = began.saturating_add(self.window).saturating_sub(now);
            return Count {
                limit,
                left: 0,
                refused: Some(wait.max(1)),
            };
        }
        *count = count.saturating_add(more);
        Count {
            limit,
            left: limit.saturating_sub(*count),
            refused: None,
        }
    }

    /// Forgets windows that are over.
    pub(crate) fn tidy(&self, now: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.retain(|_, (began, _)| now >= *began && now.saturating_sub(*began) < self.window);
    }
}

/// Wrong passwords by name. A try is counted before anything is compared, and given back if it was right.
#[derive(Default)]
pub(crate) struct Tries {
    names: Mutex<HashMap<String, Tried>>,
    ended: Notify,
}

#[derive(Clone, Copy, Default)]
struct Tried {
    began: u64,
    /// Wrong ones of this minute, and those that are being compared.
    count: u32,
    /// Those that are being compared.
    open: u32,
}

impl Tried {
    const fn is_over(self, now: u64) -> bool {
        now < self.began || now.saturating_sub(self.began) >= WINDOW
    }
}

/// One that is being compared. Dropped, it was wrong.
pub(crate) struct Try<'t> {
    tries: &'t Tries,
    name: String,
}

impl Tries {
    fn names(&self) -> MutexGuard<'_, HashMap<String, Tried>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a try. Where those that are being compared may be right still, it waits for what comes of them: any number
    /// of right passwords at once are right.
    ///
    /// # Errors
    /// So many were wrong within a minute; in so many seconds it is over.
    pub(crate) async fn begin(
        &self,
        name: &str,
        limit: u32,
        clock: impl Fn() -> u64,
    ) -> Result<Try<'_>, u64> {
        loop {
            let mut ended = pin!(self.ended.notified());
            // What ends from here on wakes this one.
            ended.as_mut().enable();
            {
                // Anew after each wait: an earlier time would begin another minute.
                let now = clock();
                let mut names = self.names();
                let tried = names.entry(name.to_owned()).or_default();
                if tried.is_over(now) {
                    (tried.began, tried.count) = (now, tried.open);
                }
                if tried.count < limit {
                    tried.count = tried.count.saturating_add(1);
                    tried.open = tried.open.saturating_add(1);
                    return Ok(Try {
                        tries: self,
                        name: name.to_owned(),
                    });
                }
                if tried.open == 0 {
                    let over = tried.began.saturating_add(WINDOW);
                    return Err(over.saturating_sub(now).max(1));
                }
            }
            ended.await;
        }
    }

    /// Forgets minutes that are over.
    pub(crate) fn tidy(&self, now: u64) {
        self.names()
            .retain(|_, tried| tried.open > 0 || !tried.is_over(now));
    }
}

impl Try<'_> {
    /// It was right: the wrong ones before it are forgotten.
    pub(crate) fn was_right(self) {
        if let Some(tried) = self.tries.names().get_mut(&self.name) {
            // This one is closed when it is dropped.
            tried.count = tried.open.saturating_sub(1);
        }
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        if let Some(tried) = self.tries.names().get_mut(&self.name) {
            tried.open = tried.open.saturating_sub(1);
        }
        self.tries.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::Tries;

    /// Who waits over the end of a minute counts in the one that began meanwhile.
    #[tokio::test]
    async fn tries_that_wait_begin_no_minute_again() {
        let (tries, now) = (Tries::default(), Cell::new(100));
        let first = tries.begin("alice", 1, || now.get()).await.unwrap();
        let waits = tries.begin("alice", 1, || now.get());
        let next = async {
            now.set(170);
            let told = tries.begin("alice", 1, || now.get());
            let ends = async { drop(first) };
            tokio::join!(told, ends).0.is_err()
        };
        let (waited, next) = tokio::join!(waits, next);
        assert!(waited.is_err() && next);
    }
}
