//! How often a device is sent a token: one request for it at a time, and both of the contract's rules.

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::sleep,
};
use twofa_providers::token_store::ott_core::{
    Policy, RecordId, Stored,
    chrono::{DateTime, TimeDelta, Utc},
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
/// Between two looks at what another process pushes.
const LOOK: Duration = Duration::from_millis(50);
/// Beside the push itself, a request that sends has so many seconds. One that has not ended by then died.
const MARGIN: TimeDelta = TimeDelta::seconds(10);

/// What a token that is pushed is for: each kind is counted apart.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Creation,
    Recovery,
}

/// What was sent to one device.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Sent {
    /// The records of the newest four, oldest first.
    newest: Vec<String>,
    /// When the newest of those that were used was made, in microseconds since 1970.
    used: Option<i64>,
    /// Since when one is being pushed, in microseconds since 1970.
    sending: Option<i64>,
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

    /// Takes the device's turn, of all processes, where it may be sent another one. `false` after a push of another process
    /// that was waited for and failed: this request is told the same.
    ///
    /// Whoever takes it ends it with [`App::note_sent`] or [`App::forget_sending`].
    pub(crate) async fn begin_sending(&self, kind: Kind, name: &str) -> Result<bool, ApiError> {
        let mut waited = None;
        loop {
            let read = self.documents.get::<Sent>(SENT, name).await?;
            let sent = read.as_ref().map(|read| read.value.clone());
            let mut sent = sent.unwrap_or_default();
            if self.is_sending(&sent) {
                waited = Some(sent.newest);
                sleep(LOOK).await;
                continue;
            }
            if waited.is_some_and(|newest| newest == sent.newest) {
                return Ok(false);
            }
            waited = None;
            self.may_send(kind, &sent).await?;
            sent.sending = Some(self.now().timestamp_micros());
            // By comparing: what was judged is what stands there.
            let taken = match &read {
                Some(read) => self.documents.replace(SENT, name, read, &sent).await?,
                None => self.documents.add(SENT, name, &sent).await?,
            };
            if taken {
                return Ok(true);
            }
        }
    }

    fn is_sending(&self, sent: &Sent) -> bool {
        let push = TimeDelta::seconds(self.settings.push_timeout_seconds.get().into());
        let since = sent.sending.and_then(DateTime::from_timestamp_micros);
        let most = push.checked_add(&MARGIN).unwrap_or(push);
        since.is_some_and(|since| {
            since <= self.soon() && self.now().signed_duration_since(since) < most
        })
    }

    /// Ends the device's turn: nothing was sent. A device that nothing was sent to leaves nothing.
    pub(crate) async fn forget_sending(&self, name: &str) -> Result<(), ApiError> {
        while let Some(read) = self.documents.get::<Sent>(SENT, name).await? {
            let mut sent = read.value.clone();
            sent.sending = None;
            let is_new = sent.newest.is_empty() && sent.used.is_none();
            let ended = match is_new {
                true => self.documents.remove_read(SENT, name, &read).await?,
                false => self.documents.replace(SENT, name, &read, &sent).await?,
            };
            if ended {
                break;
            }
        }
        Ok(())
    }

    /// Whether a device to which this was sent may be sent another one.
    async fn may_send(&self, kind: Kind, sent: &Sent) -> Result<(), ApiError> {
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

    /// Writes down that a token was sent, and ends the device's turn.
    pub(crate) async fn note_sent(&self, name: &str, record: &RecordId) -> Result<(), ApiError> {
        let noted = self.documents.change(SENT, name, |sent: &mut Sent| {
            if sent.newest.len() == MOST {
                sent.newest.remove(0);
            }
            sent.newest.push(record.to_string());
            sent.sending = None;
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

/// One at a time, by name, in this process. A turn lasts as long as its request: nothing is kept between two, and the
/// database needs none of them (docs/adr/0118).
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
