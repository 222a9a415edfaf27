//! What waits, in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use ott_core::chrono::{DateTime, Utc};

use super::{MemoryStore, lock};
use crate::{
    DeadLetter, Enqueued, Line, QueueStore, Requeued, Settled, Settlement, StoreError, Taken,
    Waiting, queue_store::share,
};

/// All lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    entries: BTreeMap<[u8; 16], Kept>,
    /// Queued, sent, replaced.
    counts: BTreeMap<String, [u64; 3]>,
}

#[derive(Debug)]
struct Kept {
    entry: Waiting,
    tries: u32,
    /// When it is due; of a dead letter, when it died.
    at: DateTime<Utc>,
    dead: Option<String>,
}

impl Lines {
    fn waiting(&self) -> impl Iterator<Item = &Kept> {
        self.entries.values().filter(|kept| kept.dead.is_none())
    }

    fn in_slot(&self, slot: &[u8; 16]) -> Option<[u8; 16]> {
        let mut found = self.waiting().filter(|kept| kept.entry.slot == *slot);
        found.next().map(|kept| kept.entry.id)
    }

    fn count(&mut self, tenant: &str, [queued, sent, replaced]: [u64; 3]) {
        let counts = self.counts.entry(tenant.to_owned()).or_default();
        for (count, more) in counts.iter_mut().zip([queued, sent, replaced]) {
            *count = count.saturating_add(more);
        }
    }
}

#[async_trait]
impl QueueStore for MemoryStore {
    async fn enqueue(&self, entry: &Waiting, most: u32) -> Result<Enqueued, StoreError> {
        let mut lines = lock(&self.queue);
        let older = lines.in_slot(&entry.slot);
        let own = lines.waiting();
        let waiting = own.filter(|kept| kept.entry.tenant == entry.tenant).count();
        if older.is_none() && waiting >= usize::try_from(most).unwrap_or(usize::MAX) {
            return Ok(Enqueued::Full);
        }
        let replaced = older.is_some_and(|older| lines.entries.remove(&older).is_some());
        lines.count(&entry.tenant, [1, 0, replaced.into()]);
        let kept = Kept {
            entry: entry.clone(),
            tries: 0,
            at: entry.queued_at,
            dead: None,
        };
        lines.entries.insert(entry.id, kept);
        Ok(if replaced {
            Enqueued::Replaced
        } else {
            Enqueued::Queued
        })
    }

    async fn take(
        &self,
        most: u32,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Taken>, StoreError> {
        let mut lines = lock(&self.queue);
        let mut due: Vec<_> = lines.waiting().filter(|kept| kept.at <= now).collect();
        let tenants: BTreeSet<_> = due.iter().map(|kept| &kept.entry.tenant).collect();
        let share = share(most, tenants.len());
        due.sort_by_key(|kept| (kept.at, kept.entry.id));
        let mut taken = BTreeMap::<_, u32>::new();
        due.retain(|kept| {
            let own = taken.entry(&kept.entry.tenant).or_default();
            *own = own.saturating_add(1);
            *own <= share
        });
        due.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        let ids: Vec<_> = due.iter().map(|kept| kept.entry.id).collect();
        let mut all = Vec::new();
        for id in ids {
            if let Some(kept) = lines.entries.get_mut(&id) {
                kept.tries = kept.tries.saturating_add(1);
                kept.at = until;
                all.push(Taken {
                    entry: kept.entry.clone(),
                    tries: kept.tries,
                });
            }
        }
        Ok(all)
    }

    async fn settle(&self, settled: &[Settled], now: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut lines = lock(&self.queue);
        let mut held = 0_u64;
        for Settled { id, tries, how } in settled {
            let kept = lines.entries.get_mut(id);
            let Some(kept) = kept.filter(|kept| kept.dead.is_none() && kept.tries == *tries) else {
                continue;
            };
            held = held.saturating_add(1);
            match how {
                Settlement::Later(at) => kept.at = *at,
                Settlement::Dead(reason) => {
                    kept.at = now;
                    kept.dead = Some((*reason).to_owned());
                }
                Settlement::Sent => {
                    if let Some(sent) = lines.entries.remove(id) {
                        lines.count(&sent.entry.tenant, [0, 1, 0]);
                    }
                }
            }
        }
        Ok(held)
    }

    async fn lines(&self) -> Result<Vec<Line>, StoreError> {
        let lines = lock(&self.queue);
        let all = lines
            .counts
            .iter()
            .map(|(tenant, [queued, sent, replaced])| {
                let own = |kept: &&Kept| kept.entry.tenant == *tenant;
                let dead = lines.entries.values().filter(|kept| kept.dead.is_some());
                let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
                Line {
                    tenant: tenant.clone(),
                    waiting: number(lines.waiting().filter(own).count()),
                    oldest: lines
                        .waiting()
                        .filter(own)
                        .map(|kept| kept.entry.queued_at)
                        .min(),
                    dead: number(dead.filter(own).count()),
                    queued: *queued,
                    sent: *sent,
                    replaced: *replaced,
                }
            });
        Ok(all.collect())
    }

    async fn dead(&self, tenant: Option<&str>, most: u32) -> Result<Vec<DeadLetter>, StoreError> {
        let lines = lock(&self.queue);
        let own = lines.entries.values();
        let own = own.filter(|kept| tenant.is_none_or(|tenant| kept.entry.tenant == tenant));
        let mut letters: Vec<_> = own
            .filter_map(|kept| {
                Some(DeadLetter {
                    id: kept.entry.id,
                    tenant: kept.entry.tenant.clone(),
                    queued_at: kept.entry.queued_at,
                    died_at: kept.at,
                    tries: kept.tries,
                    reason: kept.dead.clone()?,
                })
            })
            .collect();
        letters.sort_by_key(|letter| (letter.died_at, letter.id));
        letters.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(letters)
    }

    async fn requeue(&self, id: &[u8; 16], now: DateTime<Utc>) -> Result<Requeued, StoreError> {
        let mut lines = lock(&self.queue);
        let kept = lines.entries.get(id);
        let Some(dead) = kept.filter(|kept| kept.dead.is_some()) else {
            return Ok(Requeued::Absent);
        };
        if lines.in_slot(&dead.entry.slot).is_some() {
            lines.entries.remove(id);
            return Ok(Requeued::Superseded);
        }
        if let Some(kept) = lines.entries.get_mut(id) {
            (kept.at, kept.dead) = (now, None);
        }
        Ok(Requeued::Queued)
    }

    async fn discard(&self, id: &[u8; 16]) -> Result<bool, StoreError> {
        let mut lines = lock(&self.queue);
        let is_dead = lines
            .entries
            .get(id)
            .is_some_and(|kept| kept.dead.is_some());
        Ok(is_dead && lines.entries.remove(id).is_some())
    }
}
