//! All records at once, and one of them.

use std::collections::{HashMap, HashSet};

use ott_core::{
    Presented, Reason, Record, RecordId, State,
    chrono::{DateTime, Utc},
};

use super::{MemoryStore, MutexGuard, Records, lock, shard_of};
use crate::Redeemed;

impl MemoryStore {
    pub(super) fn whole(&self) -> Whole<'_> {
        Whole {
            slots: lock(&self.slots),
            shards: self.all(),
        }
    }
}

/// All records, and the latest batch of each slot, locked.
pub(super) struct Whole<'s> {
    slots: MutexGuard<'s, HashMap<[u8; 16], Vec<RecordId>>>,
    shards: Vec<MutexGuard<'s, Records>>,
}

impl Whole<'_> {
    pub(super) fn shard(&mut self, id: &RecordId) -> Option<&mut Records> {
        let shard = self.shards.get_mut(shard_of(id.as_bytes()))?;
        Some(&mut **shard)
    }

    /// Whether an id of the batch exists already, or stands in it twice.
    pub(super) fn collides(&mut self, batch: &[Record]) -> bool {
        let ids: HashSet<_> = batch.iter().map(Record::id).collect();
        let is_there = |id: &&RecordId| self.shard(id).is_some_and(|shard| shard.contains_key(*id));
        ids.len() < batch.len() || ids.iter().any(is_there)
    }

    /// Inserts, and supersedes. Nothing [collides](Whole::collides).
    pub(super) fn insert(&mut self, batch: &[Record]) {
        let renewed = batch.iter().filter_map(|record| record.stored().slot);
        for slot in renewed.collect::<HashSet<_>>() {
            for older in self.slots.remove(&slot).unwrap_or_default() {
                let record = self.shard(&older).and_then(|shard| shard.get_mut(&older));
                record.map(|record| record.end(State::Superseded));
            }
        }
        for record in batch {
            let id = *record.id();
            if let Some(slot) = record.stored().slot {
                self.slots.entry(slot).or_default().push(id);
            }
            if let Some(shard) = self.shard(&id) {
                shard.insert(id, record.stored().clone());
            }
        }
    }
}

pub(super) fn redeem_in(
    shard: &mut Records,
    presented: &Presented,
    now: DateTime<Utc>,
) -> Redeemed {
    let Some(record) = shard.get_mut(presented.id()) else {
        return Redeemed::Refused(Reason::Unknown);
    };
    match record.redeem(presented, now) {
        Ok(()) => Redeemed::Redeemed(record.clone()),
        Err(rejected) => Redeemed::Refused(rejected.reason()),
    }
}
