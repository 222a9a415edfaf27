//! The contract of everything that carries a message to a person.

use std::sync::Arc;

use async_trait::async_trait;

use ott_core::Purpose;

use crate::{DeliveryError, Message};

/// Carries a message to the destination that it names, and to nowhere else.
///
/// `Ok` says that the next hop took the message over, not that a person has read it.
///
/// # Security
/// If a form accepts unknown addresses, answer first and deliver from a background task. Else the time and
/// the errors of the delivery show who has an account. Limit how often one account, address and network may ask before calling this;
/// a delivery limits nothing.
///
/// An implementation never logs the token, the text or the address, and neither do its errors.
#[async_trait]
pub trait Delivery: Send + Sync {
    /// Delivers a message once.
    ///
    /// Dropping the future, like [`DeliveryError::Unavailable`], leaves it open whether the message
    /// went out. Sending the same token again is harmless.
    ///
    /// # Errors
    /// [`DeliveryError`], which says nothing about the token: it is still good.
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError>;

    /// Whether this delivery has words for messages of a purpose: `deliver` never returns
    /// [`DeliveryError::NoTemplate`] for the kind of message that those words are for.
    ///
    /// An application asks when it starts, so that a missing template is not found by the first
    /// person who waits for a code.
    fn sends(&self, purpose: &Purpose) -> bool;

    /// Whether its words for this purpose wake a device ([`Message::prompt`]). A delivery whose words are for one kind of
    /// message says so here; one that has the same for each leaves it.
    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        self.sends(purpose)
    }
}

#[async_trait]
impl<D: Delivery + ?Sized> Delivery for Arc<D> {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        (**self).deliver(message).await
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        (**self).sends(purpose)
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        (**self).sends_prompts(purpose)
    }
}
