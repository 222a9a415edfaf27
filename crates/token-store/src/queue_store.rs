//! The contract for messages that wait.

use async_trait::async_trait;
use ott_core::chrono::{DateTime, Utc};

use crate::StoreError;

/// Keeps what waits to be sent: in a line for each tenant. Each method is one linearisable step.
///
/// It knows nothing of what waits: an entry is sealed, and what it says beside that is public.
///
/// # Errors
/// Every method answers [`StoreError`] if the back end does not answer.
#[async_trait]
pub trait QueueStore: Send + Sync {
    /// Puts an entry at the end of its tenant's line, unless `most` wait there.
    ///
    /// What waits with the same [slot](Waiting::slot) goes, whether or not somebody has taken it: a person gets the newest. That
    /// makes no line longer, so it is never refused. A slot belongs to one tenant.
    /// Of any number of concurrent calls, no more than `most` are let in.
    async fn enqueue(&self, entry: &Waiting, most: u32) -> Result<Enqueued, StoreError>;

    /// Takes up to `most` entries that are due, and makes them due again at `until`: whoever takes them and dies leaves
    /// them to the next. No two calls take one entry before then.
    ///
    /// The tenants share: each gets `most` divided by the number of tenants for whom something is due, at least one; the oldest
    /// first in each. Where there are more tenants than `most`, chance chooses among them.
    async fn take(
        &self,
        most: u32,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Taken>, StoreError>;

    /// Says what became of entries that were taken, and returns for how many it held: one that a newer one replaced, or
    /// that somebody else took since, is left alone.
    async fn settle(&self, settled: &[Settled], now: DateTime<Utc>) -> Result<u64, StoreError>;

    /// The lines of all tenants, by name.
    async fn lines(&self) -> Result<Vec<Line>, StoreError>;

    /// Up to `most` dead letters, those first that died first: of one tenant, or of all.
    async fn dead(&self, tenant: Option<&str>, most: u32) -> Result<Vec<DeadLetter>, StoreError>;

    /// Lets a dead letter wait again, at no matter how many wait. Its tries are counted on: whoever took it before it died
    /// settles nothing.
    ///
    /// Where something newer waits with its slot, it goes instead.
    async fn requeue(&self, id: &[u8; 16], now: DateTime<Utc>) -> Result<Requeued, StoreError>;

    /// Drops a dead letter, and says whether there was one.
    async fn discard(&self, id: &[u8; 16]) -> Result<bool, StoreError>;
}

/// An entry of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its own, drawn at random. Public.
    pub id: [u8; 16],
    /// Whose line.
    pub tenant: String,
    /// What a newer entry takes the place of: one waits in a slot.
    pub slot: [u8; 16],
    /// Since when it waits.
    pub queued_at: DateTime<Utc>,
    /// What is to be sent, sealed.
    pub sealed: Vec<u8>,
}

/// Whether an entry was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// As many wait as may: nothing was changed.
    Full,
    /// It waits.
    Queued,
    /// It waits in the place of an older one.
    Replaced,
}

/// An entry that somebody has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The entry.
    pub entry: Waiting,
    /// How often it was taken, this time included.
    pub tries: u32,
}

/// What became of an entry that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Which.
    pub id: [u8; 16],
    /// As it was taken: whoever took it later has another number.
    pub tries: u32,
    /// What became of it.
    pub how: Settlement,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It waits for an operator, for this reason.
    Dead(&'static str),
    /// It is due again then.
    Later(DateTime<Utc>),
    /// It was handed over: it goes.
    Sent,
}

/// A tenant's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose.
    pub tenant: String,
    /// How many wait now, those included that somebody has taken.
    pub waiting: u64,
    /// Since when the oldest of them waits.
    pub oldest: Option<DateTime<Utc>>,
    /// How many dead letters there are now.
    pub dead: u64,
    /// How many were let in since the store began.
    pub queued: u64,
    /// How many were sent.
    pub sent: u64,
    /// How many a newer one replaced.
    pub replaced: u64,
}

/// An entry that could not be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its public id.
    pub id: [u8; 16],
    /// Whose line.
    pub tenant: String,
    /// Since when it waited.
    pub queued_at: DateTime<Utc>,
    /// When it died.
    pub died_at: DateTime<Utc>,
    /// How often it was tried.
    pub tries: u32,
    /// Why it died. It names no person.
    pub reason: String,
}

/// What became of a dead letter that an operator sent back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requeued {
    /// There is none.
    Absent,
    /// It waits again.
    Queued,
    /// Something newer waits in its slot: the dead letter is gone.
    Superseded,
}

/// How many entries one tenant may have of those that are taken at once.
#[must_use]
pub fn share(most: u32, tenants: usize) -> u32 {
    let tenants = u32::try_from(tenants).unwrap_or(u32::MAX).max(1);
    most.div_ceil(tenants).max(1)
}
