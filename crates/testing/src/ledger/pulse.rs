//! How late the machine itself is: whoever sleeps here for a moment should wake after it.

use core::time::Duration;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio::{task::JoinHandle, time::sleep};

const MOMENT: Duration = Duration::from_millis(20);

/// It beats as long as it is kept, among the tasks that use the stores: what holds them up holds it up too.
#[derive(Debug)]
pub(super) struct Pulse {
    /// When somebody woke, and how late that was.
    late: Arc<Mutex<Vec<(Duration, Duration)>>>,
    beats: JoinHandle<()>,
}

impl Pulse {
    /// Its times are since `began`.
    pub(super) fn start(began: Instant) -> Self {
        let late = Arc::<Mutex<Vec<_>>>::default();
        let all = Arc::clone(&late);
        let beats = tokio::spawn(async move {
            loop {
                let asleep = Instant::now();
                sleep(MOMENT).await;
                let by = asleep.elapsed().saturating_sub(MOMENT);
                if by > MOMENT / 4 {
                    all.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((began.elapsed(), by));
                }
            }
        });
        Self { late, beats }
    }

    /// By how much the machine was late between two moments.
    pub(super) fn late(&self, from: Duration, to: Duration) -> Duration {
        let all = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .filter(|(woke, by)| *woke >= from && woke.saturating_sub(*by) <= to)
            .map(|(_, by)| *by)
            .sum()
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.beats.abort();
    }
}
