//! How a queue is set up.

use std::{collections::BTreeMap, sync::Arc};

use ott_core::{KeyRing, Policy, Purpose, chrono::TimeDelta};
use token_store::{Clock, QueueStore, SystemClock};

use super::DeliveryQueue;
use crate::{Delivery, Undelivered};

/// Builds a [`DeliveryQueue`].
#[derive(Debug)]
pub struct QueueBuilder {
    queue: DeliveryQueue,
}

impl QueueBuilder {
    pub(super) fn new(store: Arc<dyn QueueStore>, keys: KeyRing, inner: Arc<dyn Delivery>) -> Self {
        let queue = DeliveryQueue {
            inner,
            store,
            keys,
            clock: Arc::new(SystemClock),
            purposes: BTreeMap::new(),
            late: None,
            undelivered: Vec::new(),
            most: 100_000,
            at_once: 64,
            lease: TimeDelta::minutes(2),
            pause: TimeDelta::seconds(1),
            patience: TimeDelta::hours(24),
        };
        Self { queue }
    }

    /// Tokens of this policy, or prompts: none leaves after its lifetime.
    #[must_use]
    pub fn policy(mut self, policy: &Policy) -> Self {
        let purposes = &mut self.queue.purposes;
        purposes.insert(*policy.purpose(), policy.token_lifetime());
        self
    }

    /// Notices of this purpose.
    #[must_use]
    pub fn notice(mut self, purpose: &Purpose) -> Self {
        self.queue.purposes.entry(*purpose).or_insert(None);
        self
    }

    /// A notice of this purpose goes to whoever's token was not sent within its lifetime. [`Text::news`](crate::Text::news)
    /// has the words for it. Without it, such a token becomes a dead letter.
    #[must_use]
    pub fn late(mut self, purpose: &Purpose) -> Self {
        self.queue.late = Some(*purpose);
        self
    }

    /// Is told which messages are refused for good, and why: each that is named here. Where prompts go through the queue, name
    /// `Prompts` of `twofa-providers`, which then ends the pushes of a device that is gone.
    #[must_use]
    pub fn undelivered(mut self, told: impl Undelivered + 'static) -> Self {
        self.queue.undelivered.push(Arc::new(told));
        self
    }

    /// So many wait in a tenant's line at most: 100,000.
    #[must_use]
    pub const fn most(mut self, most: u32) -> Self {
        self.queue.most = most;
        self
    }

    /// So many are handed over at the same time in one pass, by all tenants together: 64.
    #[must_use]
    pub const fn at_once(mut self, at_once: u32) -> Self {
        self.queue.at_once = at_once;
        self
    }

    /// For how long nobody else takes what a pass took: 2 minutes. Longer than a delivery takes; what a process held that died
    /// waits as long.
    #[must_use]
    pub const fn lease(mut self, lease: TimeDelta) -> Self {
        self.queue.lease = lease;
        self
    }

    /// How long a message waits after its first failure: a second. Each failure doubles it, up to 5 minutes.
    #[must_use]
    pub const fn pause(mut self, pause: TimeDelta) -> Self {
        self.queue.pause = pause;
        self
    }

    /// For how long a message is tried again before it becomes a dead letter: 24 hours.
    #[must_use]
    pub const fn patience(mut self, patience: TimeDelta) -> Self {
        self.queue.patience = patience;
        self
    }

    /// Another clock than the machine's.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.queue.clock = Arc::new(clock);
        self
    }

    /// Builds.
    ///
    /// # Errors
    /// [`QueueConfigError`].
    pub fn build(self) -> Result<DeliveryQueue, QueueConfigError> {
        let queue = self.queue;
        let inner = &queue.inner;
        let prompts_too = |purpose: &Purpose| inner.sends(purpose) || inner.sends_prompts(purpose);
        let mut wordless = queue.purposes.keys().filter(|one| !prompts_too(one));
        let late = queue.late.iter().find(|late| !inner.sends(late));
        if let Some(purpose) = wordless.next().or(late) {
            return Err(QueueConfigError::NoTemplate(*purpose));
        }
        if queue.most == 0 || queue.at_once == 0 || queue.lease <= TimeDelta::zero() {
            return Err(QueueConfigError::Nothing);
        }
        Ok(queue)
    }
}

/// A queue that cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueueConfigError {
    /// What the messages are handed to has no words for them.
    #[error("the delivery has no words for `{}`", .0.as_str())]
    NoTemplate(Purpose),
    /// Nothing may wait, or be taken.
    #[error("a queue of nothing: most, at once or lease is 0")]
    Nothing,
}
