//! A store in memory: for tests, and for tokens that may die with the process.

#[cfg(not(test))]
use std::sync::{Mutex, MutexGuard};
use std::{
    collections::{HashMap, hash_map::Entry},
    sync::PoisonError,
};

use async_trait::async_trait;
use ott_core::{
    Decision, LimitKey, LimitKind, LimitState, Overspent, Presented, Purpose, Reason, Record,
    RecordId, State, Stored, Subject,
    chrono::{DateTime, Utc},
};

use crate::{
    Advanced, Charge, ChargedFactors, ChargedStore, ConfirmIf, Decided, FactorChange, FactorId,
    FactorStore, Inserted, LimitStore, Redeemed, RemoveIf, Removed, Revoke, Spent, StoreError,
    StoreId, StoredFactor, TokenStore, check_charges, check_counter,
};

#[cfg(test)]
use loom::sync::{Mutex, MutexGuard};

mod charged;
#[cfg(test)]
mod permutations;
mod queue;
mod whole;

use whole::redeem_in;

/// Two are as good as many where every order of their locks is tried.
const SHARDS: usize = if cfg!(test) { 2 } else { 64 };

type Records = HashMap<RecordId, Stored>;

/// Keeps everything in memory, in 64 shards behind a mutex each.
///
/// A verb that names a record locks one shard; one that ranges over records locks the slots and all
/// shards, in this order. No lock is held across an await.
#[derive(Debug)]
pub struct MemoryStore {
    tokens: [Mutex<Records>; SHARDS],
    /// The latest batch of each slot.
    slots: Mutex<HashMap<[u8; 16], Vec<RecordId>>>,
    factors: Mutex<HashMap<FactorId, StoredFactor>>,
    limits: [Mutex<HashMap<LimitKey, LimitState>>; SHARDS],
    queue: Mutex<queue::Lines>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tokens: core::array::from_fn(|_| Mutex::default()),
            slots: Mutex::default(),
            factors: Mutex::default(),
            limits: core::array::from_fn(|_| Mutex::default()),
            queue: Mutex::default(),
        }
    }

    fn shard(&self, id: &RecordId) -> MutexGuard<'_, Records> {
        lock(pick(&self.tokens, id.as_bytes()))
    }

    fn all(&self) -> Vec<MutexGuard<'_, Records>> {
        self.tokens.iter().map(lock).collect()
    }

    fn insert_at_once(&self, batch: &[Record]) -> Inserted {
        let mut whole = self.whole();
        if whole.collides(batch) {
            return Inserted::Collision;
        }
        whole.insert(batch);
        Inserted::Done
    }

    fn redeem_at_once(&self, presented: &Presented, now: DateTime<Utc>) -> Redeemed {
        redeem_in(&mut self.shard(presented.id()), presented, now)
    }

    fn factors_of(&self, subject: &Subject) -> Vec<StoredFactor> {
        let factors = lock(&self.factors);
        let theirs = factors.values().filter(|factor| factor.subject == *subject);
        StoredFactor::listed(theirs.cloned().collect())
    }

    /// Applies `rule` to this factor, or returns `none` if there is no such factor.
    fn factor<T>(&self, id: &FactorId, none: T, rule: impl FnOnce(&mut StoredFactor) -> T) -> T {
        lock(&self.factors).get_mut(id).map_or(none, rule)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

/// A poisoned lock still guards whole states: no verb panics between two writes.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shard_of([first, ..]: &[u8; 16]) -> usize {
    usize::from(*first) % SHARDS
}

#[expect(
    clippy::indexing_slicing,
    reason = "the index is below the number of shards"
)]
fn pick<'s, T>(shards: &'s [Mutex<T>; SHARDS], id: &[u8; 16]) -> &'s Mutex<T> {
    &shards[shard_of(id)]
}

#[async_trait]
impl TokenStore for MemoryStore {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        Ok(self.insert_at_once(batch))
    }

    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        Ok(self.redeem_at_once(presented, now))
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        let mut shard = self.shard(id);
        let Some(record) = shard.get_mut(id) else {
            return Ok(Decided::Refused(Reason::Unknown));
        };
        Ok(match record.decide(decision, now) {
            Ok(()) => Decided::Decided(record.clone()),
            Err(rejected) => Decided::Refused(rejected.reason()),
        })
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        Ok(self.shard(id).get(id).cloned())
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        if let Some(record) = self.shard(id).get_mut(id) {
            record.touch(now);
        }
        Ok(())
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Stored>, StoreError> {
        let shards = self.all();
        let records = shards.iter().flat_map(|shard| shard.values());
        let theirs = match purpose {
            None => Revoke::subject(subject),
            Some(purpose) => Revoke::purpose(subject, purpose),
        };
        let live = records.filter(|stored| stored.state.refusal().is_none() && stored.is_live(now));
        let mut found: Vec<_> = live
            .filter(|stored| theirs.covers(stored))
            .cloned()
            .collect();
        found.sort_by_key(|stored| (stored.issued_at, stored.id));
        Ok(found)
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        let end = |record: &mut Stored| what.covers(record) && record.end(State::Revoked);
        let revoked = match what {
            Revoke::Own { record: id, .. } | Revoke::Record(id) => self
                .shard(id)
                .get_mut(id)
                .map_or(0, |record| u64::from(end(record))),
            Revoke::Subject { .. } => {
                let mut shards = self.all();
                let records = shards.iter_mut().flat_map(|shard| shard.values_mut());
                records.map(|record| u64::from(end(record))).sum()
            }
        };
        Ok(revoked)
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        let mut left = limit;
        let mut slots = lock(&self.slots);
        for shard in &self.tokens {
            lock(shard).retain(|id, record| {
                let keeps = keep(&mut left, record.is_dead_before(before));
                if let Some(slot) = record.slot.filter(|_| !keeps)
                    && let Entry::Occupied(mut batch) = slots.entry(slot)
                {
                    batch.get_mut().retain(|other| other != id);
                    if batch.get().is_empty() {
                        batch.remove();
                    }
                }
                keeps
            });
        }
        Ok(u64::from(limit.saturating_sub(left)))
    }

    fn charged(&self) -> Option<&dyn ChargedStore> {
        Some(self)
    }
}

/// Whether to keep an entry, given whether it is dead and how many may still go.
fn keep(left: &mut u32, dead: bool) -> bool {
    let goes = dead && *left > 0;
    *left = left.saturating_sub(u32::from(goes));
    !goes
}

#[async_trait]
impl FactorStore for MemoryStore {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        check_counter(factor.last)?;
        let mut factors = lock(&self.factors);
        let new = !factors.contains_key(&factor.id);
        if new {
            factors.insert(factor.id, factor.clone());
        }
        Ok(new)
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        Ok(self.factors_of(subject))
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        only: ConfirmIf,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        check_counter(counter)?;
        let mut factors = lock(&self.factors);
        let own = factors.get(id);
        let holds = own.is_some_and(|own| only.holds(own, factors.values()));
        let own = factors.get_mut(id);
        Ok(own.map_or(Advanced::Absent, |own| own.confirm(counter, holds, now)))
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        check_counter(Some(counter))?;
        Ok(self.factor(id, Advanced::Absent, |factor| factor.advance(counter, now)))
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        Ok(self.factor(id, false, |factor| factor.update(change)))
    }

    async fn remove(
        &self,
        id: &FactorId,
        only: RemoveIf,
        by: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let mut factors = lock(&self.factors);
        let own = factors.get(id);
        if !own.is_some_and(|own| only.holds(own, factors.values())) {
            return Ok(false);
        }
        let removed = factors.get_mut(id).map(|own| own.remove(by, now));
        if removed == Some(Removed::Deleted) {
            factors.remove(id);
        }
        Ok(matches!(removed, Some(Removed::Deleted | Removed::Marked)))
    }

    async fn restore(&self, id: &FactorId) -> Result<bool, StoreError> {
        Ok(self.factor(id, false, StoredFactor::restore))
    }

    async fn purge_factors(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        let mut left = limit;
        lock(&self.factors).retain(|_, factor| keep(&mut left, factor.is_dead_before(before)));
        Ok(u64::from(limit.saturating_sub(left)))
    }

    fn charged_factors(&self, limits: &dyn LimitStore) -> Option<&dyn ChargedFactors> {
        (limits.store_id() == self.store_id()).then_some(self as &dyn ChargedFactors)
    }
}

#[async_trait]
impl LimitStore for MemoryStore {
    fn keeps(&self, _: LimitKind) -> bool {
        true
    }

    fn store_id(&self) -> Option<StoreId> {
        Some(StoreId::of(self))
    }

    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        check_charges(charges)?;
        for Charge { key, limit } in charges {
            let mut shard = lock(pick(&self.limits, key.as_bytes()));
            match limit.spend(shard.entry(*key).or_default(), now) {
                Ok(()) => {}
                Err(Overspent::Ahead) => return Ok(Spent::Ahead(*key)),
                Err(Overspent::Locked) => return Ok(Spent::Locked(*key)),
                Err(Overspent::RetryAt(at)) => return Ok(Spent::RetryAt(*key, at)),
            }
        }
        Ok(Spent::Allowed)
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        for Charge { key, limit } in charges {
            if let Some(state) = lock(pick(&self.limits, key.as_bytes())).get_mut(key) {
                limit.refund(state, times);
            }
        }
        Ok(())
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        lock(pick(&self.limits, key.as_bytes())).remove(key);
        Ok(())
    }

    async fn purge_limits(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        let before = before.timestamp_micros();
        let mut left = limit;
        for shard in &self.limits {
            lock(shard)
                .retain(|_, state| keep(&mut left, state.count == 0 && state.full_at <= before));
        }
        Ok(u64::from(limit.saturating_sub(left)))
    }
}
