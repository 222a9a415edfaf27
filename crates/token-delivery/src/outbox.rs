//! A delivery that delivers nothing: for development and tests.

use core::fmt;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use ott_core::{Destination, Purpose};
use zeroize::Zeroizing;

use crate::{Delivery, DeliveryError, Message, Rendered, Templates};

/// Keeps the last messages in memory and shows them, **tokens in clear**. Clones share them.
///
/// # Security
/// Whoever sees an outbox signs in as anybody. It exists for development and tests, which is why it
/// stands behind a feature that is off by default: an application has it only where it asks for it.
#[derive(Clone)]
pub struct Outbox {
    most: usize,
    templates: Option<Templates>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    failing: bool,
    sent: VecDeque<Arc<Sent>>,
}

impl Outbox {
    /// Keeps the last `most` messages, for every purpose and channel.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            templates: None,
            state: Arc::default(),
        }
    }

    /// Renders each message as a real delivery would, and refuses one without a template.
    #[must_use]
    pub fn templates(self, templates: Templates) -> Self {
        Self {
            templates: Some(templates),
            ..self
        }
    }

    /// What was delivered, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Arc<Sent>> {
        self.state().sent.iter().cloned().collect()
    }

    /// What was delivered last.
    #[must_use]
    pub fn last(&self) -> Option<Arc<Sent>> {
        self.state().sent.back().cloned()
    }

    /// Plays an outage: each delivery is [`DeliveryError::Unavailable`] until [`Outbox::recover`].
    pub fn fail(&self) {
        self.state().failing = true;
    }

    /// Ends the outage.
    pub fn recover(&self) {
        self.state().failing = false;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Delivery for Outbox {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let rendered = self
            .templates
            .as_ref()
            .map(|templates| templates.render(message));
        let rendered = rendered.transpose()?;
        let token = message
            .token()
            .map(|token| token.expose_secret().to_owned());
        let mut state = self.state();
        if state.failing {
            return Err(DeliveryError::Unavailable(
                "the outbox was told to fail".into(),
            ));
        }
        state.sent.push_back(Arc::new(Sent {
            purpose: *message.purpose(),
            destination: message.destination().clone(),
            token: token.map(Zeroizing::new),
            rendered,
        }));
        while state.sent.len() > self.most {
            state.sent.pop_front();
        }
        Ok(())
    }

    /// Without templates it keeps every message.
    fn sends(&self, purpose: &Purpose) -> bool {
        let templates = self.templates.as_ref();
        templates.is_none_or(|templates| templates.has(purpose))
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Outbox")
            .field("messages", &state.sent.len())
            .field("failing", &state.failing)
            .finish_non_exhaustive()
    }
}

/// A message that an [`Outbox`] kept. `Debug` prints purpose and channel alone.
pub struct Sent {
    purpose: Purpose,
    destination: Destination,
    token: Option<Zeroizing<String>>,
    rendered: Option<Rendered>,
}

impl Sent {
    /// What the token is good for.
    #[must_use]
    pub const fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// Where it would have gone.
    #[must_use]
    pub const fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The subject line, if the outbox has templates.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.rendered.as_ref().map(Rendered::subject)
    }

    /// The text with the token in clear, if the outbox has templates.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        self.rendered.as_ref().map(Rendered::expose_text)
    }

    /// The token in clear, `""` where the message carried none.
    #[must_use]
    pub fn expose_token(&self) -> &str {
        self.token.as_deref().map_or("", String::as_str)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent")
            .field("purpose", &self.purpose)
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}
