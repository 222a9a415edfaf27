//! Passwords: hashed and compared a few at a time, for each takes memory and time on purpose.

mod memory;

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::available_parallelism,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::memory::Memory;
use crate::error::AppError;

/// How many wait for their turn at most; one more is told to come back. At some 30 ms each, whoever waits
/// does so for about a second.
const WAITING: usize = 64;

/// Who waits with whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Everybody.
    Anyone,
    /// Devices that somebody was remembered on, and sessions behind both steps: no stranger without either is in
    /// their way.
    KnownDevices,
}

/// Where passwords are hashed and compared.
#[derive(Clone)]
pub(crate) struct Passwords {
    anyone: Queue,
    known_devices: Queue,
    /// Compared with where nobody has the address, so that the answer takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    pub(crate) async fn new() -> Result<Self, AppError> {
        let turns = available_parallelism().map_or(1, usize::from).min(4);
        let new = Self {
            anyone: Queue::new(turns),
            known_devices: Queue::new(1),
            decoy: "".into(),
        };
        let place = new.enter(Lane::Anyone)?;
        let decoy = place.hash("no account has this password".into());
        let decoy = decoy.await?.into();
        Ok(Self { decoy, ..new })
    }

    /// A place in the queue. It comes first: whoever is told to come back has cost nothing yet.
    ///
    /// # Errors
    /// [`AppError::Busy`] where too many wait.
    pub(crate) fn enter(&self, lane: Lane) -> Result<Place, AppError> {
        let queue = match lane {
            Lane::Anyone => &self.anyone,
            Lane::KnownDevices => &self.known_devices,
        };
        Ok(Place {
            _place: queue.enter()?,
            turns: Arc::clone(&queue.turns),
            memories: Arc::clone(&queue.memories),
            decoy: Arc::clone(&self.decoy),
        })
    }
}

/// A place in the queue, for one password.
pub(crate) struct Place {
    _place: OwnedSemaphorePermit,
    turns: Arc<Semaphore>,
    memories: Arc<Mutex<Vec<Memory>>>,
    decoy: Arc<str>,
}

impl Place {
    /// The hash to store.
    pub(crate) async fn hash(self, password: String) -> Result<String, AppError> {
        let hash = self.work(move |memory| memory.hash(&password));
        hash.await?.map_err(AppError::unavailable)
    }

    /// Whether it is the password of which somebody stored this hash. Without a hash it is not, and that
    /// takes as long.
    pub(crate) async fn verify(
        self,
        password: String,
        stored: Option<String>,
    ) -> Result<bool, AppError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.as_ref().into());
        let right = self.work(move |memory| memory.verify(&password, &stored));
        Ok(right.await? && known)
    }

    async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, AppError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let turn = turn.map_err(AppError::unavailable)?;
        let memories = Arc::clone(&self.memories);
        // The turn ends with the work, also where nobody waits for that any more.
        let working = tokio::task::spawn_blocking(move || {
            let lock = || memories.lock().unwrap_or_else(PoisonError::into_inner);
            let free = lock().pop();
            let mut memory = free.unwrap_or_default();
            let done = work(&mut memory);
            lock().push(memory);
            drop(turn);
            done
        });
        working.await.map_err(AppError::unavailable)
    }
}

/// Who works, and who waits for that.
#[derive(Clone)]
struct Queue {
    turns: Arc<Semaphore>,
    /// What no turn uses now: as many as there ever were turns at once.
    memories: Arc<Mutex<Vec<Memory>>>,
    places: Arc<Semaphore>,
}

impl Queue {
    fn new(turns: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(turns)),
            memories: Arc::default(),
            places: Arc::new(Semaphore::new(turns.saturating_add(WAITING))),
        }
    }

    fn enter(&self) -> Result<OwnedSemaphorePermit, AppError> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| AppError::Busy)
    }
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};

    use super::{Lane, Passwords, Place, WAITING};
    use crate::error::AppError;

    /// So many work at once and so many wait; one more is told to come back, and nobody is kept out after that.
    #[tokio::test(flavor = "multi_thread")]
    async fn queue_has_turns_places_and_an_end() {
        let passwords = Passwords::new().await.expect("passwords");
        let turns = passwords.anyone.turns.available_permits();
        let gate = Arc::new(Barrier::new(turns + 1));
        let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let start = |place: Place, held: bool| {
            let (gate, at_once, most) = (gate.clone(), at_once.clone(), most.clone());
            tokio::spawn(place.work(move |_| {
                let now = at_once.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                if held {
                    gate.wait();
                }
                at_once.fetch_sub(1, Ordering::SeqCst);
            }))
        };
        let enter = || passwords.enter(Lane::Anyone);
        let mut tasks = Vec::new();
        for _ in 0..turns {
            tasks.push(start(enter().expect("a place"), true));
        }
        while at_once.load(Ordering::SeqCst) < turns {
            tokio::task::yield_now().await;
        }
        for _ in 0..WAITING {
            tasks.push(start(enter().expect("a place"), false));
        }
        assert!(matches!(enter(), Err(AppError::Busy)));
        // A known device has a queue of its own.
        let known = passwords.enter(Lane::KnownDevices).expect("a place");
        let hash = known.hash("password".into()).await.expect("a hash");
        let known = passwords.enter(Lane::KnownDevices).expect("a place");
        assert!(
            known
                .verify("password".into(), Some(hash))
                .await
                .expect("an answer")
        );
        // Whoever gives up waiting frees the place, and whoever works on does not free the turn.
        tasks.pop().expect("a task").abort();
        tasks.remove(0).abort();
        while enter().is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.anyone.turns.available_permits(), 0);
        gate.wait();
        for task in tasks {
            let _ = task.await;
        }
        assert_eq!(most.load(Ordering::SeqCst), turns);
        let last = start(enter().expect("a place"), false);
        assert!(last.await.expect("no panic").is_ok());
    }
}
