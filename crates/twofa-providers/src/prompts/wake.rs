//! Waking the device of a prompt.

use async_trait::async_trait;
use token_delivery::{DeliveryError, Message, Undelivered};
use token_store::{
    FactorId, FactorState,
    ott_core::{Channel, Destination, Reason, RecordId, Rejected, Subject},
};

use super::Prompts;
use crate::{
    envelope::Envelope,
    error::TwoFactorError,
    events::PUSH_ENDED,
    open_factor::OpenFactor,
    provider_error::{ProviderError, Sent},
};

/// How often a change of an address is begun again that somebody else's was faster than.
const ROUNDS: usize = 5;

impl Prompts {
    /// Wakes the device that is asked, or every one. One that is not reached keeps no other from its message.
    pub(super) async fn wake_all(
        &self,
        subject: &Subject,
        device: Option<&OpenFactor>,
        id: &RecordId,
    ) -> Result<(), ProviderError> {
        if let Some(device) = device {
            return self.wake(subject, device, id).await;
        }
        let rows = &self.rows;
        let stored = rows.store.factors(subject).await;
        let stored = stored.map_err(|error| {
            rows.store_failed("factors");
            ProviderError::Tokens(error.into())
        })?;
        let own = stored
            .into_iter()
            .filter(|own| own.provider == *self.words.id && own.state == FactorState::Active);
        let (mut reached, mut failed) = (false, None::<ProviderError>);
        for device in own.filter_map(|own| rows.open(own).ok()) {
            match self.wake(subject, &device, id).await {
                Ok(()) => reached = true,
                // Of what went wrong, that counts which may have rung.
                Err(error)
                    if failed
                        .as_ref()
                        .is_none_or(|first| first.sent() == Sent::Nothing) =>
                {
                    failed = Some(error);
                }
                Err(_) => {}
            }
        }
        match failed {
            Some(error) if !reached => Err(error),
            _ => Ok(()),
        }
    }

    async fn wake(
        &self,
        subject: &Subject,
        device: &OpenFactor,
        id: &RecordId,
    ) -> Result<(), ProviderError> {
        let (Some(push), Some(destination)) = (&self.push, &device.destination) else {
            return Ok(());
        };
        let message = Message::prompt(self.policy.purpose(), destination, id).of(subject);
        match push.deliver(&message).await {
            Ok(()) => Ok(()),
            // From here on it is a device that nothing wakes: it lists what waits.
            Err(DeliveryError::Unregistered(_)) => {
                self.end_pushes(subject, device).await;
                Ok(())
            }
            Err(error) => Err(ProviderError::Delivery(error.into())),
        }
    }

    async fn end_pushes(&self, subject: &Subject, device: &OpenFactor) {
        let event = self.rows.event(PUSH_ENDED, subject).factor(device.id);
        self.rows.emit(event.provider(&self.words.id));
        // A store that failed is told; then the next push comes to the same.
        let _ = self.readdress(subject, device, None).await;
    }

    /// Whether the device was still as it was read.
    async fn readdress(
        &self,
        subject: &Subject,
        device: &OpenFactor,
        to: Option<&Destination>,
    ) -> Result<bool, TwoFactorError> {
        let envelope = Envelope {
            enrolled: device.enrolled.clone(),
            destination: to.cloned(),
            secret: device.secret.clone(),
        };
        let (provider, old) = (&*self.words.id, device.sealed.clone());
        let replaced = self
            .rows
            .replace(subject, provider, &device.id, old, &envelope);
        replaced.await
    }

    /// Sends further pushes of this device to another address, or none to any: its app or browser got another
    /// registration at its push service. Its key stays, and so it takes no proof: what comes of a push is decided with
    /// that key, or in a session, as before.
    ///
    /// # Security
    /// Let the device itself say so, in its session: whoever else can ends its pushes.
    ///
    /// # Errors
    /// [`TwoFactorError`]: refused with `Reason::Unknown` where the subject has no such active device;
    /// [`TwoFactorError::Misuse`] for a destination that is no device.
    pub async fn push_to(
        &self,
        subject: &Subject,
        device: &FactorId,
        to: Option<&Destination>,
    ) -> Result<(), TwoFactorError> {
        if to.is_some_and(|to| to.channel() != Channel::Device) {
            return Err(TwoFactorError::Misuse("a prompt goes to a device"));
        }
        for _ in 0..ROUNDS {
            let stored = self.rows.of(subject).await?.into_iter().find(|own| {
                own.id == *device
                    && own.provider == *self.words.id
                    && own.state == FactorState::Active
            });
            let stored = stored.ok_or_else(|| Rejected::new(Reason::Unknown))?;
            let open = self.rows.open(stored)?;
            if self.readdress(subject, &open, to).await? {
                return Ok(());
            }
        }
        Err(TwoFactorError::Unavailable(
            "the device is changed again and again".into(),
        ))
    }
}

/// For a queue in front of the push services: it hands a push over after the request was answered. A device that is gone
/// then ends its pushes as it does without a queue, unless it has another address by now.
/// `DeliveryQueue`'s builder takes a clone of these prompts (`undelivered`), from before they were given the queue.
#[async_trait]
impl Undelivered for Prompts {
    async fn undelivered(&self, message: &Message<'_>, error: &DeliveryError) {
        let (DeliveryError::Unregistered(_), Some(_), Some(subject)) =
            (error, message.waiting(), message.subject())
        else {
            return;
        };
        if message.purpose() != self.policy.purpose() {
            return;
        }
        // A store that failed is told; then the next push comes to the same.
        let Ok(stored) = self.rows.of(subject).await else {
            return;
        };
        let own = stored
            .into_iter()
            .filter(|own| own.provider == *self.words.id && own.state != FactorState::Removed);
        for device in own.filter_map(|own| self.rows.open(own).ok()) {
            if device.destination.as_ref() == Some(message.destination()) {
                self.end_pushes(subject, &device).await;
            }
        }
    }
}
