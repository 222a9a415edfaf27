//! What this process has seen of its primaries. Nothing here asks a server.

use core::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use std::{
    sync::{PoisonError, RwLock},
    time::Instant,
};

/// From when to when one primary's data is the whole: a failover epoch. A process that has seen one refuses a
/// server that stands at an earlier one.
#[derive(Clone)]
pub(crate) struct Era {
    pub(crate) name: String,
    pub(crate) number: u64,
}

/// How an era that a server names compares with the latest that this process has seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Learnt {
    /// The server stands at an earlier era.
    Behind,
    /// It is the known one, or the first that this process sees, with nothing lost by it.
    Known,
    /// The primary changed.
    New,
}

/// What this process knows of the primary, beyond what the server says.
pub(crate) struct Watch {
    era: RwLock<Option<Era>>,
    /// Whether the server was looked at, so that what comes now is new.
    began: AtomicBool,
    started: Instant,
    recheck_every: Duration,
    /// Milliseconds after `started` at which the server is looked at again.
    recheck_at: AtomicU64,
    /// Whether the server evicted when it was last looked at.
    evicts: AtomicBool,
}

impl Watch {
    /// Nothing seen yet; a look is due every `recheck_every`.
    pub(crate) fn new(recheck_every: Duration) -> Self {
        Self {
            era: RwLock::default(),
            began: AtomicBool::default(),
            started: Instant::now(),
            recheck_every,
            recheck_at: AtomicU64::default(),
            evicts: AtomicBool::default(),
        }
    }

    /// From here on an era is new, and not the one that the process started with.
    pub(crate) fn begin(&self) {
        self.began.store(true, Ordering::Relaxed);
    }

    /// The latest era that was seen.
    pub(crate) fn era(&self) -> Option<Era> {
        let era = self.era.read();
        era.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers an era, unless it is behind the known one.
    pub(crate) fn learn(&self, name: String, number: u64) -> Learnt {
        let mut known = self.era.write().unwrap_or_else(PoisonError::into_inner);
        let learnt = match &*known {
            // Found at the start, or initialized since: nothing of this process's is lost.
            None if number > 1 && self.began.load(Ordering::Relaxed) => Learnt::New,
            None => Learnt::Known,
            Some(era) if era.name == name => Learnt::Known,
            Some(era) if number > era.number => Learnt::New,
            Some(_) => Learnt::Behind,
        };
        if learnt != Learnt::Behind {
            *known = Some(Era { name, number });
        }
        learnt
    }

    /// Whether the caller must look at the server before its verb: one caller whenever it is time, and every
    /// caller for as long as the server evicts.
    pub(crate) fn is_due(&self) -> bool {
        let passed = millis(self.started.elapsed());
        let due = self.recheck_at.load(Ordering::Relaxed);
        let next = passed.saturating_add(millis(self.recheck_every));
        // One of those who find it due looks.
        let claim = || {
            let order = Ordering::Relaxed;
            self.recheck_at.compare_exchange(due, next, order, order)
        };
        self.evicts.load(Ordering::Relaxed) || (passed >= due && claim().is_ok())
    }

    /// A look is due at once.
    pub(crate) fn look_soon(&self) {
        self.recheck_at.store(0, Ordering::Relaxed);
    }

    /// Remembers whether the server evicts.
    pub(crate) fn looked(&self, evicts: bool) {
        self.evicts.store(evicts, Ordering::Relaxed);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
