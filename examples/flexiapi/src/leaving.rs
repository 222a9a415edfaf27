//! Messages that leave behind the answer to who asked for them.

use core::{future::Future, time::Duration};
use std::sync::{Mutex, PoisonError};

use tokio::{task::JoinSet, time::timeout};

/// For what is still leaving when the server stops.
const LAST: Duration = Duration::from_millis(300);

/// What is leaving.
#[derive(Default)]
pub(crate) struct Leaving(Mutex<JoinSet<()>>);

impl Leaving {
    /// Lets it leave, beside whatever the caller does next.
    pub(crate) fn begin(&self, sending: impl Future<Output = ()> + Send + 'static) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while all.try_join_next().is_some() {}
        all.spawn(sending);
    }

    /// Waits for what was begun, for 300 ms at most.
    pub(crate) async fn end(&self) {
        let mut all = core::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let rest = async { while all.join_next().await.is_some() {} };
        // What is late is lost, and whoever waits for it asks again.
        let _ = timeout(LAST, rest).await;
    }
}
