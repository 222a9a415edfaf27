//! What waits is handed over.

use futures_util::future::join_all;
use ott_core::chrono::{DateTime, TimeDelta, Utc};
use token_store::{Settled, Settlement, StoreError, Taken};

use super::{
    DeliveryQueue,
    packed::{Content, Packed, Unreadable, open},
};
use crate::{DeliveryError, Message, Notice, Text};

/// The longest wait after a failure.
const LONGEST: TimeDelta = TimeDelta::minutes(5);

/// What one pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Worked {
    /// How many entries it took.
    pub taken: u64,
    /// How many were handed over, notices in the place of late tokens among them.
    pub sent: u64,
    /// How many of those are such notices.
    pub late: u64,
    /// How many wait for another try.
    pub later: u64,
    /// How many became dead letters.
    pub dead: u64,
}

/// What became of one.
struct Tried {
    how: Settlement,
    late: bool,
}

impl DeliveryQueue {
    /// Takes what is due, a share of each tenant, hands all of it over at the same time, and notes what became of it.
    ///
    /// Any number of tasks and processes may call it. Whoever drops it, or dies, leaves what it took to the next, once the lease
    /// ended.
    ///
    /// # Errors
    /// [`StoreError`]: an outage. What was handed over and not noted goes again.
    pub async fn work(&self) -> Result<Worked, StoreError> {
        let now = self.clock.now();
        let until = later(now, self.lease);
        let taken = self.store.take(self.at_once, now, until).await?;
        let tried = join_all(taken.iter().map(|taken| self.tried(taken))).await;
        let mut worked = Worked::default();
        let add = |count: &mut u64| *count = count.saturating_add(1);
        let mut settled = Vec::new();
        for (Taken { entry, tries }, Tried { how, late }) in taken.into_iter().zip(tried) {
            add(&mut worked.taken);
            match how {
                Settlement::Dead(_) => add(&mut worked.dead),
                Settlement::Later(_) => add(&mut worked.later),
                Settlement::Sent => {
                    add(&mut worked.sent);
                    worked.late = worked.late.saturating_add(late.into());
                }
            }
            let id = entry.id;
            settled.push(Settled { id, tries, how });
        }
        if !settled.is_empty() {
            self.store.settle(&settled, self.clock.now()).await?;
        }
        Ok(worked)
    }

    async fn tried(&self, taken: &Taken) -> Tried {
        let entry = &taken.entry;
        let known = self.purposes.keys();
        let packed = open(&self.keys, known, &entry.tenant, entry.id, &entry.sealed);
        let (late, sent) = match &packed {
            Ok(packed) => self.hand_over(packed, entry.queued_at).await,
            Err(Unreadable::KeyMissing) => (false, Err(Failed::Again("key missing", None))),
            Err(Unreadable::Other) => (false, Err(Failed::ForGood("unreadable"))),
        };
        let now = self.clock.now();
        let how = match sent {
            Ok(()) => Settlement::Sent,
            Err(Failed::ForGood(reason)) => Settlement::Dead(reason),
            Err(Failed::Again(reason, _)) if now >= later(entry.queued_at, self.patience) => {
                Settlement::Dead(reason)
            }
            Err(Failed::Again(_, at)) => {
                let next = later(now, pause(self.pause, taken.tries));
                Settlement::Later(at.unwrap_or(next).max(next))
            }
        };
        Tried { how, late }
    }

    /// Says whether a notice went in the place of a token, and what became of the message.
    async fn hand_over(&self, packed: &Packed, since: DateTime<Utc>) -> (bool, Result<(), Failed>) {
        let now = self.clock.now();
        let life = self.purposes.get(&packed.purpose).copied().flatten();
        let is_over = life.is_some_and(|life| now >= later(since, life));
        if !is_over || matches!(packed.content, Content::Notice(..)) {
            return (false, self.offer(&packed.message()).await);
        }
        // Nobody waits any more for a device that was to wake.
        let (Some(purpose), Content::Token(_)) = (&self.late, &packed.content) else {
            return (false, Err(Failed::ForGood("expired")));
        };
        let notice = Notice {
            what: Text::LATE.into(),
            at: since,
            from: None,
        };
        let message = Message::notice(purpose, &packed.destination, &notice, None);
        (true, self.offer(&packed.addressed(message)).await)
    }

    async fn offer(&self, message: &Message<'_>) -> Result<(), Failed> {
        let Err(error) = self.inner.deliver(message).await else {
            return Ok(());
        };
        let failed = match &error {
            DeliveryError::Unavailable(_) => Failed::Again("unavailable", None),
            DeliveryError::QueueFull => Failed::Again("queue full", None),
            // An operator mends it, and then it goes.
            DeliveryError::Misconfigured { .. } => Failed::Again("misconfigured", None),
            DeliveryError::KeptBack { retry_at, .. } => match retry_at {
                Some(at) => Failed::Again("kept back", Some(*at)),
                None => Failed::ForGood("kept back"),
            },
            DeliveryError::NoTemplate { .. } => Failed::ForGood("no template"),
            DeliveryError::Unregistered(_) => Failed::ForGood("unregistered"),
            DeliveryError::Unsendable { .. } => Failed::ForGood("unsendable"),
            DeliveryError::WrongChannel { .. } => Failed::ForGood("wrong channel"),
            _ => Failed::ForGood("refused"),
        };
        if let Failed::ForGood(_) = &failed {
            for told in &self.undelivered {
                told.undelivered(message, &error).await;
            }
        }
        Err(failed)
    }
}

/// Why a message was not handed over.
enum Failed {
    /// Not before then, where that is known.
    Again(&'static str, Option<DateTime<Utc>>),
    ForGood(&'static str),
}

fn later(time: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    time.checked_add_signed(by)
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// How long a message waits after so many tries.
fn pause(first: TimeDelta, tries: u32) -> TimeDelta {
    let doubled = 1_i32.checked_shl(tries.saturating_sub(1).min(16));
    let pause = first.checked_mul(doubled.unwrap_or(i32::MAX));
    pause.unwrap_or(LONGEST).min(LONGEST)
}
