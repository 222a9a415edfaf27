//! Each message in the language that its reader chose.

use async_trait::async_trait;
use ott_core::{Purpose, Subject};

use crate::{Delivery, DeliveryError, Language, Message};

/// In which language a person reads: the application's accounts know.
#[async_trait]
pub trait Languages: Send + Sync {
    /// The language that this account chose. `None` where it chose none, or none is known now: a message in the
    /// language of [`Templates`](crate::Templates) is better than none.
    async fn language(&self, subject: &Subject) -> Option<Language>;
}

/// A delivery that asks in which language a message's [subject](Message::of) reads, as it leaves.
#[derive(Clone, Debug)]
pub struct Localized<D, L> {
    inner: D,
    languages: L,
}

impl<D: Delivery, L: Languages> Localized<D, L> {
    /// In front of a delivery: around what renders, and inside of what queues.
    pub const fn new(inner: D, languages: L) -> Self {
        Self { inner, languages }
    }
}

#[async_trait]
impl<D: Delivery, L: Languages> Delivery for Localized<D, L> {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        match (message.language(), message.subject()) {
            (None, Some(subject)) => {
                let language = self.languages.language(subject).await;
                let message = message.in_language(language);
                self.inner.deliver(&message).await
            }
            _ => self.inner.deliver(message).await,
        }
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.inner.sends(purpose)
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        self.inner.sends_prompts(purpose)
    }
}
