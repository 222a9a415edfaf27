//! A delivery that delivers nothing: for development and tests.

use core::{
    fmt,
    future::poll_fn,
    task::{Poll, Waker},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use ott_core::{Destination, Purpose, RecordId};
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
    failing: Option<fn() -> DeliveryError>,
    /// Who waits, where nobody is answered.
    held: Option<Vec<Waker>>,
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
        self.state().failing =
            Some(|| DeliveryError::Unavailable("the outbox was told to fail".into()));
    }

    /// Plays a full queue: each delivery is [`DeliveryError::QueueFull`] until [`Outbox::recover`].
    pub fn fill(&self) {
        self.state().failing = Some(|| DeliveryError::QueueFull);
    }

    /// Plays a server that hangs: each delivery waits until [`Outbox::recover`], and is made then.
    pub fn hold(&self) {
        self.state().held.get_or_insert_default();
    }

    /// Ends what was played.
    pub fn recover(&self) {
        let mut state = self.state();
        state.failing = None;
        let held = state.held.take();
        drop(state);
        held.into_iter().flatten().for_each(Waker::wake);
    }

    async fn released(&self) {
        let released = poll_fn(|context| match &mut self.state().held {
            Some(waiting) => {
                waiting.push(context.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        });
        released.await;
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
        self.released().await;
        let mut state = self.state();
        if let Some(error) = state.failing {
            return Err(error());
        }
        state.sent.push_back(Arc::new(Sent {
            purpose: *message.purpose(),
            destination: message.destination().clone(),
            token: token.map(Zeroizing::new),
            waiting: message.waiting().copied(),
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

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        let templates = self.templates.as_ref();
        templates.is_none_or(|templates| templates.has_prompt(purpose))
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Outbox")
            .field("messages", &state.sent.len())
            .field("failing", &state.failing.is_some())
            .finish_non_exhaustive()
    }
}

/// A message that an [`Outbox`] kept. `Debug` prints purpose and channel alone.
pub struct Sent {
    purpose: Purpose,
    destination: Destination,
    token: Option<Zeroizing<String>>,
    waiting: Option<RecordId>,
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

    /// The page of HTML with the token in clear, if the outbox has templates that render it.
    #[must_use]
    pub fn expose_html(&self) -> Option<&str> {
        self.rendered.as_ref().and_then(Rendered::expose_html)
    }

    /// The token in clear, `""` where the message carried none.
    #[must_use]
    pub fn expose_token(&self) -> &str {
        self.token.as_deref().map_or("", String::as_str)
    }

    /// Which prompt waits, where the message woke a device.
    #[must_use]
    pub const fn waiting(&self) -> Option<&RecordId> {
        self.waiting.as_ref()
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
