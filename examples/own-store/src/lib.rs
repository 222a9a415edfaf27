//! A store as somebody outside writes one: three tables behind one lock.
//!
//! It keeps nothing longer than its process. What it shows is the shape: each verb is one
//! [`OwnStore::step`], and the rules are those of [`Record`], [`StoredFactor`] and [`Limit`], called
//! and not written again. `docs/own-store.md` is the page that goes with it.
//!
//! [`Limit`]: token_store::ott_core::Limit

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use async_trait::async_trait;
use token_store::{
    Advanced, Charge, Decided, FactorChange, FactorId, FactorStore, Inserted, LimitStore, Redeemed,
    Revoke, Spent, StoreError, StoredFactor, TokenStore, check_charges, check_counter,
    ott_core::{
        Decision, LimitKey, LimitState, Overspent, Presented, Purpose, Reason, Record, RecordId,
        Rejected, State, Stored, Subject, chrono,
    },
};

type Time = chrono::DateTime<chrono::Utc>;
type Answer<T> = Result<T, StoreError>;
type Ruled = Result<(), Rejected>;
type Told = Result<Stored, Reason>;

/// Everything that is kept.
#[derive(Debug, Default)]
pub struct Tables {
    /// Records as they are now.
    pub tokens: BTreeMap<RecordId, Record>,
    /// Factors, removed ones included.
    pub factors: BTreeMap<FactorId, StoredFactor>,
    /// What was spent.
    pub limits: BTreeMap<LimitKey, LimitState>,
}

/// A store in memory. A step that panicked is the loss of its back end.
#[derive(Debug, Default)]
pub struct OwnStore(Mutex<Tables>);

impl OwnStore {
    /// One step: nobody comes between what it reads and what it writes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store is down.
    pub fn step<T>(&self, step: impl FnOnce(&mut Tables) -> T) -> Answer<T> {
        let down = |_| StoreError::unavailable("the store is down");
        Ok(step(&mut *self.0.lock().map_err(down)?))
    }

    /// Applies a rule of [`Record`]: what the record is now, or why it refuses.
    fn rule(&self, id: &RecordId, rule: impl FnOnce(&mut Record) -> Ruled) -> Answer<Told> {
        self.step(|Tables { tokens, .. }| {
            let record = tokens.get_mut(id).ok_or(Reason::Unknown)?;
            rule(record).map_err(|rejected| rejected.reason())?;
            Ok(record.stored().clone())
        })
    }

    /// Applies a rule of [`StoredFactor`], or answers what it is to answer where there is none.
    fn factor<T>(&self, id: &FactorId, no: T, f: impl FnOnce(&mut StoredFactor) -> T) -> Answer<T> {
        self.step(|Tables { factors, .. }| factors.get_mut(id).map_or(no, f))
    }
}

/// Removes so many of the dead, and counts them.
fn purge<K: Ord, V>(table: &mut BTreeMap<K, V>, limit: u32, dead: impl Fn(&V) -> bool) -> u64 {
    let dead = table.extract_if(.., |_, value| dead(value));
    (0..limit).zip(dead).map(|_| 1).sum()
}

#[async_trait]
impl TokenStore for OwnStore {
    async fn insert(&self, batch: &[Record]) -> Answer<Inserted> {
        let ids: BTreeSet<_> = batch.iter().map(Record::id).collect();
        let slots: BTreeSet<_> = batch.iter().filter_map(|new| new.stored().slot).collect();
        let retired = |one: &Record| one.stored().slot.is_some_and(|slot| slots.contains(&slot));
        self.step(|Tables { tokens, .. }| {
            if ids.len() < batch.len() || ids.iter().any(|id| tokens.contains_key(id)) {
                return Inserted::Collision;
            }
            for older in tokens.values_mut().filter(|older| retired(older)) {
                older.end(State::Superseded);
            }
            tokens.extend(batch.iter().map(|new| (*new.id(), new.clone())));
            Inserted::Done
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
        Ok(self.rule(id, |_| Ok(()))?.ok())
    }

    async fn touch(&self, id: &RecordId, now: Time) -> Answer<()> {
        self.step(|Tables { tokens, .. }| tokens.get_mut(id).map_or((), |one| one.touch(now)))
    }

    async fn list(&self, of: &Subject, what: Option<&Purpose>, now: Time) -> Answer<Vec<Stored>> {
        let theirs = what.map_or_else(|| Revoke::subject(of), |what| Revoke::purpose(of, what));
        let live = |one: &&Stored| one.state.refusal().is_none() && one.is_live(now);
        self.step(|Tables { tokens, .. }| {
            let shown = tokens.values().map(Record::stored).filter(live);
            let mut found: Vec<_> = shown.filter(|one| theirs.covers(one)).cloned().collect();
            found.sort_by_key(|one| one.issued_at);
            found
        })
    }

    async fn revoke(&self, what: &Revoke) -> Answer<u64> {
        self.step(|Tables { tokens, .. }| {
            let meant = tokens.values_mut().filter(|one| what.covers(one.stored()));
            meant.map(|one| u64::from(one.end(State::Revoked))).sum()
        })
    }

    async fn purge(&self, before: Time, limit: u32) -> Answer<u64> {
        let dead = |record: &Record| record.stored().is_dead_before(before);
        self.step(|tables| purge(&mut tables.tokens, limit, dead))
    }
}

#[async_trait]
impl FactorStore for OwnStore {
    async fn insert_factor(&self, new: &StoredFactor) -> Answer<bool> {
        check_counter(new.last)?;
        self.step(|Tables { factors, .. }| {
            !factors.contains_key(&new.id) && factors.insert(new.id, new.clone()).is_none()
        })
    }

    async fn factors(&self, of: &Subject) -> Answer<Vec<StoredFactor>> {
        self.step(|Tables { factors, .. }| {
            let theirs = factors.values().filter(|factor| factor.subject == *of);
            let mut found: Vec<_> = theirs.cloned().collect();
            found.sort_by_key(|factor| factor.created_at);
            found
        })
    }

    async fn confirm(&self, id: &FactorId, to: Option<u64>, now: Time) -> Answer<Advanced> {
        check_counter(to)?;
        self.factor(id, Advanced::Absent, |factor| factor.confirm(to, now))
    }

    async fn advance(&self, id: &FactorId, to: u64, now: Time) -> Answer<Advanced> {
        check_counter(Some(to))?;
        self.factor(id, Advanced::Absent, |factor| factor.advance(to, now))
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Answer<bool> {
        self.factor(id, false, |factor| factor.update(change))
    }

    async fn remove(&self, id: &FactorId, beside: Option<&FactorId>, now: Time) -> Answer<bool> {
        self.step(|Tables { factors, .. }| {
            let stays = |other| StoredFactor::stays_beside(factors.get(other), id);
            beside.is_none_or(stays) && factors.get_mut(id).is_some_and(|one| one.remove(now))
        })
    }
}

#[async_trait]
impl LimitStore for OwnStore {
    async fn spend(&self, charges: &[Charge], now: Time) -> Answer<Spent> {
        check_charges(charges)?;
        self.step(|Tables { limits, .. }| {
            for Charge { key, limit } in charges {
                match limit.spend(limits.entry(*key).or_default(), now) {
                    Ok(()) => {}
                    Err(Overspent::Locked) => return Spent::Locked(*key),
                    Err(Overspent::RetryAt(at)) => return Spent::RetryAt(*key, at),
                }
            }
            Spent::Allowed
        })
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Answer<()> {
        self.step(|Tables { limits, .. }| {
            for Charge { key, limit } in charges {
                limits.entry(*key).and_modify(|it| limit.refund(it, times));
            }
        })
    }

    async fn clear(&self, key: &LimitKey) -> Answer<()> {
        self.step(|Tables { limits, .. }| limits.retain(|other, _| other != key))
    }

    async fn purge_limits(&self, before: Time, limit: u32) -> Answer<u64> {
        let new = |one: &LimitState| one.count == 0 && one.full_at <= before.timestamp_micros();
        self.step(|tables| purge(&mut tables.limits, limit, new))
    }
}
