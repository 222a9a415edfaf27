//! Messages that wait in the application's database.

mod builder;
mod packed;
mod work;

use core::fmt;
use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use ott_core::{
    KeyRing, Purpose,
    chrono::TimeDelta,
    rand::{TryRng as _, rngs::SysRng},
};
use token_store::{Clock, DeadLetter, Enqueued, Line, QueueStore, Requeued, StoreError, Waiting};

use crate::{Delivery, DeliveryError, Message, Undelivered};
use packed::{seal, slot_of};

pub use builder::{QueueBuilder, QueueConfigError};
pub use work::Worked;

/// A delivery that keeps messages in the application's database until another one has taken them over.
///
/// `Ok` says that the message is on the disk. It then leaves in [`DeliveryQueue::work`], which tasks of the application call:
/// the caller waits for no gateway, and a message survives whatever happens to the process.
///
/// ```no_run
/// # use std::{sync::Arc, time::Duration};
/// # use token_delivery::{DeliveryQueue, SmtpDelivery, ott_core::{KeyRing, Policy, Purpose}};
/// # async fn queued(store: Arc<dyn token_store::QueueStore>, keys: KeyRing, smtp: SmtpDelivery)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// # const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
/// # const NEWS: Purpose = Purpose::new("news");
/// let queue = DeliveryQueue::builder(store, keys, smtp);
/// let queue = queue.policy(&SECOND_STEP).notice(&NEWS).late(&NEWS);
/// let queue = Arc::new(queue.build()?); // give this to the providers and flows
/// tokio::spawn(async move {
///     loop {
///         match queue.work().await {
///             Ok(worked) if worked.taken > 0 => {} // there may be more
///             _ => tokio::time::sleep(Duration::from_secs(1)).await, // an outage goes to the log
///         }
///     }
/// });
/// # Ok(()) }
/// ```
///
/// # What it guarantees
///
/// * What was queued is handed over at least once, or becomes a dead letter, which an operator lists, sends back or drops.
///   After a crash between the handing over and its note, a message goes twice: with the same token.
/// * A person gets the newest: a token that is queued for the [subject](Message::of), purpose and address of one that
///   waits takes its place.
/// * A token is never handed over after its policy's lifetime. Where it waited for longer, the person gets a notice instead
///   ([`QueueBuilder::late`]), or it becomes a dead letter.
/// * Each tenant has a line of its own, which holds [so many](QueueBuilder::most). The lines have the same share of each
///   pass: a tenant with 100,000 waiting holds up nobody else.
/// * Messages rest sealed, each bound to its row and tenant.
///
/// # What it does not
///
/// * Nothing keeps two messages in their order.
/// * Whoever can write to the table drops messages, and changes when they leave; they make and read none.
pub struct DeliveryQueue {
    inner: Arc<dyn Delivery>,
    store: Arc<dyn QueueStore>,
    keys: KeyRing,
    clock: Arc<dyn Clock>,
    /// With the lifetime of their tokens.
    purposes: BTreeMap<Purpose, Option<TimeDelta>>,
    late: Option<Purpose>,
    undelivered: Vec<Arc<dyn Undelivered>>,
    most: u32,
    at_once: u32,
    lease: TimeDelta,
    pause: TimeDelta,
    patience: TimeDelta,
}

impl DeliveryQueue {
    /// Starts with where messages wait, the keys that seal them, and what they are handed to.
    pub fn builder(
        store: Arc<dyn QueueStore>,
        keys: KeyRing,
        inner: impl Delivery + 'static,
    ) -> QueueBuilder {
        QueueBuilder::new(store, keys, Arc::new(inner))
    }

    /// Each tenant's line in numbers: what waits and since when, what was sent, what died. For metrics.
    ///
    /// # Errors
    /// [`StoreError`]: an outage.
    pub async fn lines(&self) -> Result<Vec<Line>, StoreError> {
        self.store.lines().await
    }

    /// Up to `most` dead letters, of one tenant or of all; those first that died first.
    ///
    /// # Errors
    /// [`StoreError`]: an outage.
    pub async fn dead(
        &self,
        tenant: Option<&str>,
        most: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.store.dead(tenant, most).await
    }

    /// Lets a dead letter wait again.
    ///
    /// # Errors
    /// [`StoreError`]: an outage.
    pub async fn requeue(&self, id: &[u8; 16]) -> Result<Requeued, StoreError> {
        self.store.requeue(id, self.clock.now()).await
    }

    /// Drops a dead letter, and says whether there was one.
    ///
    /// # Errors
    /// [`StoreError`]: an outage.
    pub async fn discard(&self, id: &[u8; 16]) -> Result<bool, StoreError> {
        self.store.discard(id).await
    }

    async fn enqueue(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        if !self.purposes.contains_key(message.purpose()) {
            return Err(DeliveryError::Misconfigured {
                which: "a purpose that the queue was not given",
                source: None,
            });
        }
        let mut id = [0; 16];
        let drawn = SysRng.try_fill_bytes(&mut id);
        drawn.map_err(|error| DeliveryError::Unavailable(error.into()))?;
        let tenant = message.subject().map_or("", |subject| subject.tenant());
        let entry = Waiting {
            id,
            tenant: tenant.to_owned(),
            slot: slot_of(&self.keys, message).unwrap_or(id),
            queued_at: self.clock.now(),
            sealed: seal(&self.keys, message, tenant, id)?,
        };
        match self.store.enqueue(&entry, self.most).await {
            Ok(Enqueued::Full) => Err(DeliveryError::QueueFull),
            Ok(Enqueued::Queued | Enqueued::Replaced) => Ok(()),
            Err(error) => Err(DeliveryError::Unavailable(error.into())),
        }
    }
}

#[async_trait]
impl Delivery for DeliveryQueue {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        self.enqueue(message).await
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.purposes.contains_key(purpose) && self.inner.sends(purpose)
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        self.purposes.contains_key(purpose) && self.inner.sends_prompts(purpose)
    }
}

impl fmt::Debug for DeliveryQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeliveryQueue")
            .field("purposes", &self.purposes)
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}
