//! How often a device is sent a token: one request for it at a time, and both of the contract's rules.

use core::sync::atomic::{AtomicU64, Ordering};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use twofa_providers::token_store::ott_core::{
    Policy, RecordId, Stored,
    chrono::{DateTime, Utc},
};

use crate::{
    answer::ApiError,
    app::App,
    push::Device,
    settings::{ResendPolicy, minutes},
    tokens::Standing,
};

/// The most tokens of one device.
const MOST: usize = 4;
const SENT: &str = "sent";

/// What a token that is pushed is for: each kind is counted apart.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Creation,
    Recovery,
}

/// What was sent to one device.
#[derive(Default, Deserialize, Serialize)]
struct Sent {
    /// The records of the newest four, oldest first.
    newest: Vec<String>,
    /// When the newest of those that were used was made, in microseconds since 1970.
    used: Option<i64>,
}

impl App {
    pub(crate) const fn policy_of(&self, kind: Kind) -> &Policy {
        match kind {
            Kind::Creation => &self.policies.creation,
            Kind::Recovery => &self.policies.recovery,
        }
    }

    /// The name under which a device's tokens are counted.
    pub(crate) fn device_name(&self, kind: Kind, device: &Device) -> String {
        let purpose = self.policy_of(kind).purpose().as_str();
        let name = self.given.name(&format!("{purpose} {}", device.name()));
        name.to_string()
    }

    /// Whether this device may be sent another one.
    pub(crate) async fn may_send(&self, kind: Kind, name: &str) -> Result<(), ApiError> {
        let sent = self.documents.get::<Sent>(SENT, name).await?;
        let sent = sent.map(|sent| sent.value).unwrap_or_default();
        match self.settings.resend_policy {
            ResendPolicy::Current => {
                let retry = match kind {
                    Kind::Creation => self.settings.account_creation_token_retry_minutes,
                    Kind::Recovery => self.settings.account_recovery_token_retry_minutes,
                };
                let made = sent.used.and_then(DateTime::from_timestamp_micros);
                // One that lies further ahead was made under a clock that was set back since.
                let made = made.filter(|made| *made <= self.soon());
                let until = made
                    .zip(minutes(retry))
                    .and_then(|(made, retry)| made.checked_add_signed(retry));
                if until.is_some_and(|until| self.now() < until) {
                    return Err(ApiError::new(429, "Last token requested too recently"));
                }
            }
            ResendPolicy::Documented => {
                let newest = sent.newest.iter();
                for id in newest.filter_map(|id| RecordId::parse(id).ok()) {
                    // One whose time is over stands against nothing: it cannot be used any more.
                    let standing = self.standing_of(self.policy_of(kind), &id).await?;
                    if matches!(standing, Standing::Ready) {
                        return Err(ApiError::new(403, "A similar token was already used"));
                    }
                }
                if sent.newest.len() >= MOST {
                    return Err(ApiError::new(
                        403,
                        "The limit of tokens generated for this device has been reached",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Writes down that a token was sent.
    pub(crate) async fn note_sent(&self, name: &str, record: &RecordId) -> Result<(), ApiError> {
        self.documents.add(SENT, name, &Sent::default()).await?;
        let noted = self.documents.change(SENT, name, |sent: &mut Sent| {
            if sent.newest.len() == MOST {
                sent.newest.remove(0);
            }
            sent.newest.push(record.to_string());
            Ok(())
        });
        noted.await?;
        Ok(())
    }

    /// Writes down that a token was used.
    pub(crate) async fn note_used(
        &self,
        kind: Kind,
        device: Option<&Device>,
        stored: &Stored,
    ) -> Result<(), ApiError> {
        let Some(device) = device else { return Ok(()) };
        let made: DateTime<Utc> = stored.issued_at;
        let name = self.device_name(kind, device);
        let noted = self.documents.change(SENT, &name, |sent: &mut Sent| {
            sent.used = sent.used.max(Some(made.timestamp_micros()));
            Ok(())
        });
        noted.await?;
        Ok(())
    }
}

/// One at a time, by name.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Arc<Line>>>);

#[derive(Default)]
struct Line {
    turn: Arc<AsyncMutex<()>>,
    failures: AtomicU64,
}

/// A turn. It ends when it is dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    name: String,
    line: Arc<Line>,
    /// Whether what was done in the meantime failed.
    pub(crate) failed: bool,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits until nobody else works under this name.
    pub(crate) async fn wait(&self, name: &str) -> Turn<'_> {
        let line = {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(lines.entry(name.into()).or_default())
        };
        let before = line.failures.load(Ordering::SeqCst);
        // Made first: a request that is dropped while it waits leaves the line too.
        let mut turn = Turn {
            turns: self,
            name: name.into(),
            line,
            failed: false,
            guard: None,
        };
        turn.guard = Some(Arc::clone(&turn.line.turn).lock_owned().await);
        turn.failed = turn.line.failures.load(Ordering::SeqCst) != before;
        turn
    }
}

impl Turn<'_> {
    /// Whoever waits meanwhile is told that it failed, and does not try the same again.
    pub(crate) fn fail(&self) {
        self.line.failures.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut lines = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.guard = None;
        // The map's, and this one's: nobody else waits.
        if Arc::strong_count(&self.line) == 2 {
            lines.remove(&self.name);
        }
    }
}
