//! Tokens.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use token_store::{
    Decided, Inserted, Redeemed, Revoke, TokenStore,
    ott_core::{
        Decision, Presented, Purpose, Reason, Record, RecordId, Rejected, State, Stored, Subject,
    },
};

use crate::{
    Answer, OwnStore, Time, Write,
    store::{TRIES, contended, token_key},
};

/// Where the ids of a slot's latest batch stand: two that insert into it meet there.
fn slot_key(slot: &[u8; 16]) -> Vec<u8> {
    [&b"slot/"[..], slot].concat()
}

impl OwnStore {
    /// Applies a rule of [`Stored`]: what the record is now, or why it refuses. A refusal may have
    /// counted, so what became of the record is written in both cases.
    fn rule(
        &self,
        id: &RecordId,
        rule: impl Fn(&mut Stored) -> Result<(), Rejected>,
    ) -> Answer<Result<Stored, Reason>> {
        self.step(&token_key(id), |row: &mut Option<Stored>| {
            let record = row.as_mut().ok_or(Reason::Unknown)?;
            rule(record).map_err(|rejected| rejected.reason())?;
            Ok(record.clone())
        })
    }

    /// All that an insert writes; none if an id is taken.
    fn inserts(&self, batch: &[Record]) -> Answer<Option<Vec<Write>>> {
        let mut writes = Vec::new();
        let mut slots: BTreeMap<_, Vec<RecordId>> = BTreeMap::new();
        for record in batch {
            let key = token_key(record.id());
            if self.cells().get(&key)?.is_some() {
                return Ok(None);
            }
            writes.push(Write::new(&key, None, Some(record.stored())));
            if let Some(slot) = record.stored().slot {
                slots.entry(slot).or_default().push(*record.id());
            }
        }
        for (slot, ids) in slots {
            let key = slot_key(&slot);
            let there = self.cells().get(&key)?;
            let older: Option<Vec<RecordId>> = there.as_ref().map(|cell| cell.row()).transpose()?;
            for id in older.into_iter().flatten() {
                let key = token_key(&id);
                let Some(cell) = self.cells().get(&key)? else {
                    continue;
                };
                let mut record: Stored = cell.row()?;
                if record.end(State::Superseded) {
                    writes.push(Write::new(&key, Some(&cell), Some(&record)));
                }
            }
            writes.push(Write::new(&key, there.as_ref(), Some(&ids)));
        }
        Ok(Some(writes))
    }

    /// All that the removal of a record writes; none if it is not dead any more.
    fn removes(&self, id: &RecordId, before: Time) -> Answer<Option<Vec<Write>>> {
        let key = token_key(id);
        let Some(cell) = self.cells().get(&key)? else {
            return Ok(None);
        };
        let record: Stored = cell.row()?;
        if !record.is_dead_before(before) {
            return Ok(None);
        }
        let mut writes = vec![Write::new::<Stored>(&key, Some(&cell), None)];
        if let Some(key) = record.slot.as_ref().map(slot_key)
            && let Some(cell) = self.cells().get(&key)?
        {
            let mut ids: Vec<RecordId> = cell.row()?;
            ids.retain(|other| other != id);
            let left = (!ids.is_empty()).then_some(&ids);
            writes.push(Write::new(&key, Some(&cell), left));
        }
        Ok(Some(writes))
    }

    /// Writes what is to be written, worked out anew each time; whether there was something.
    fn write(&self, work_out: impl Fn() -> Answer<Option<Vec<Write>>>) -> Answer<bool> {
        for _ in 0..TRIES {
            let Some(writes) = work_out()? else {
                return Ok(false);
            };
            if self.cells().write(writes)? {
                return Ok(true);
            }
        }
        Err(contended())
    }
}

#[async_trait]
impl TokenStore for OwnStore {
    async fn insert(&self, batch: &[Record]) -> Answer<Inserted> {
        let ids: BTreeSet<_> = batch.iter().map(Record::id).collect();
        let new = ids.len() == batch.len() && self.write(|| self.inserts(batch))?;
        Ok(if new {
            Inserted::Done
        } else {
            Inserted::Collision
        })
    }

    async fn redeem(&self, presented: &Presented, now: Time) -> Answer<Redeemed> {
        let told = self.rule(presented.id(), |record| record.redeem(presented, now))?;
        Ok(told.map_or_else(Redeemed::Refused, Redeemed::Redeemed))
    }

    async fn decide(&self, id: &RecordId, decision: &Decision, now: Time) -> Answer<Decided> {
        let told = self.rule(id, |record| record.decide(decision, now))?;
        Ok(told.map_or_else(Decided::Refused, Decided::Decided))
    }

    async fn find(&self, id: &RecordId) -> Answer<Option<Stored>> {
        let cell = self.cells().get(&token_key(id))?;
        cell.map(|cell| cell.row()).transpose()
    }

    async fn touch(&self, id: &RecordId, now: Time) -> Answer<()> {
        self.step(&token_key(id), |row: &mut Option<Stored>| {
            row.as_mut().map_or((), |record| record.touch(now))
        })
    }

    async fn list(&self, of: &Subject, what: Option<&Purpose>, now: Time) -> Answer<Vec<Stored>> {
        let theirs = what.map_or_else(|| Revoke::subject(of), |what| Revoke::purpose(of, what));
        let mut found: Vec<Stored> = self.all(b"token/")?;
        found.retain(|one| theirs.covers(one) && one.state.refusal().is_none() && one.is_live(now));
        found.sort_by_key(|one| one.issued_at);
        Ok(found)
    }

    async fn revoke(&self, what: &Revoke) -> Answer<u64> {
        let mut revoked = 0_u64;
        for record in self.all::<Stored>(b"token/")? {
            if what.covers(&record) {
                let ended = self.step(&token_key(&record.id), |row: &mut Option<Stored>| {
                    row.as_mut().is_some_and(|one| one.end(State::Revoked))
                })?;
                revoked = revoked.saturating_add(u64::from(ended));
            }
        }
        Ok(revoked)
    }

    async fn purge(&self, before: Time, limit: u32) -> Answer<u64> {
        let mut removed = 0_u64;
        for record in self.all::<Stored>(b"token/")? {
            if removed < u64::from(limit) && self.write(|| self.removes(&record.id, before))? {
                removed = removed.saturating_add(1);
            }
        }
        Ok(removed)
    }
}
