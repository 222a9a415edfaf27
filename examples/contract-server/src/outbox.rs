//! For development: the outbox, a file that holds every code in clear.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use serde_json::json;
use twofa_providers::{
    token_delivery::{Delivery, DeliveryError, Message, Templates},
    token_store::{
        Clock,
        ott_core::{Channel, Purpose, chrono::SecondsFormat},
    },
};

use crate::{Fault, Options, warn};

/// What a server says that was told no way.
pub(crate) const NO_WAY: &str =
    "nothing says how messages leave: --smtp names a server, --outbox a file for development";

/// Writes what would be sent into a file, one JSON object a line. Clones share the file.
#[derive(Clone)]
pub struct Outbox {
    file: Arc<Mutex<File>>,
    clock: Arc<dyn Clock>,
    templates: Templates,
}

impl Outbox {
    /// That of the options; one in the data folder for who only looks.
    pub(crate) fn of(
        options: &Options,
        data: &Path,
        clock: &Arc<dyn Clock>,
        words: &Templates,
    ) -> Result<Option<Self>, Fault> {
        let trial = options.is_trial().then(|| data.join("outbox.jsonl"));
        let Some(file) = options.outbox.clone().or(trial) else {
            return Ok(None);
        };
        warn(&format!(
            "codes are written in clear into {}: for development",
            file.display()
        ));
        Ok(Some(Self::open(&file, Arc::clone(clock), words.clone())?))
    }

    /// Opens the file, or makes one that its owner alone can read.
    fn open(path: &Path, clock: Arc<dyn Clock>, templates: Templates) -> Result<Self, Fault> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).mode(0o600).open(path);
        let file = file.map_err(|error| format!("outbox {}: {error}", path.display()))?;
        Ok(Self {
            file: Arc::new(Mutex::new(file)),
            clock,
            templates,
        })
    }

    /// A message to a device: `token` is what the device gets.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push(
        &self,
        to: &str,
        purpose: &Purpose,
        text: &str,
        token: Option<&str>,
    ) -> Result<(), DeliveryError> {
        self.write("push", to, purpose.as_str(), text, token)
    }

    /// A message that carries no token.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn notice(&self, to: &str, purpose: &str, text: &str) -> Result<(), DeliveryError> {
        self.write("notice", to, purpose, text, None)
    }

    fn write(
        &self,
        channel: &str,
        to: &str,
        purpose: &str,
        text: &str,
        token: Option<&str>,
    ) -> Result<(), DeliveryError> {
        let at = self
            .clock
            .now()
            .to_rfc3339_opts(SecondsFormat::Millis, true);
        let line = json!({
            "at": at, "channel": channel, "to": to, "purpose": purpose, "text": text, "token": token,
        });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Whole lines alone, whoever reads meanwhile.
        let written = file.write_all(format!("{line}\n").as_bytes());
        written.map_err(|error| DeliveryError::Unavailable(error.into()))
    }
}

#[async_trait]
impl Delivery for Outbox {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let rendered = self.templates.render(message)?;
        let (to, purpose) = (message.destination(), message.purpose().as_str());
        let channel = match (message.news(), to.channel()) {
            (Some(_), _) => "notice",
            (None, Channel::Email) => "email",
            (None, Channel::Phone) => "phone",
            (None, _) => "push",
        };
        let token = message.token().map(|token| token.expose_secret());
        let token = token.filter(|_| message.news().is_none());
        self.write(
            channel,
            to.address(),
            purpose,
            rendered.expose_text(),
            token,
        )
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.templates.has(purpose)
    }
}

impl core::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}
