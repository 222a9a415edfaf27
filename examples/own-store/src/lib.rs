//! A store as somebody outside writes one: three tables behind one lock.
//!
//! It keeps nothing longer than its process. What it shows is the shape: each verb is one
//! [`OwnStore::step`], and the rules are those of [`Record`] and [`Limit`], called and not written
//! again. `docs/own-store.md` is the page that goes with it.
//!
//! [`Limit`]: token_store::ott_core::Limit

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use token_store::{
    Advanced, Charge, Decided, FactorChange, FactorId,
    FactorState::{self, Active, Disabled, Pending, Removed},
    FactorStore, HIGHEST_COUNTER, Inserted, LimitStore, Redeemed, Revoke, Spent, StoreError,
    StoredFactor, TokenStore,
    ott_core::{
        Decision, LimitKey, LimitState, Overspent, Presented, Purpose, Reason, Record, RecordId,
        Rejected, State, Stored, Subject, chrono,
    },
};

type Time = chrono::DateTime<chrono::Utc>;
type Answer<T> = Result<T, StoreError>;
type Ruled = Result<(), Rejected>;
type Told = Result<Stored, Reason>;
type Burnt = Answer<Advanced>;

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

/// A store in memory, or nothing, as after the loss of a back end.
#[derive(Debug)]
pub struct OwnStore(Mutex<Option<Tables>>);

impl OwnStore {
    /// An empty store; one that is not `up` answers every verb with an outage.
    #[must_use]
    pub fn new(up: bool) -> Self {
        Self(Mutex::new(up.then(Tables::default)))
    }

    /// One step: nobody comes between what it reads and what it writes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store is down.
    pub fn step<T>(&self, step: impl FnOnce(&mut Tables) -> T) -> Answer<T> {
        let mut tables = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let step = tables.as_mut().map(step);
        step.ok_or_else(|| StoreError::unavailable("the store is down"))
    }

    /// Applies a rule of [`Record`]: what the record is now, or why it refuses.
    fn rule(&self, id: &RecordId, rule: impl FnOnce(&mut Record) -> Ruled) -> Answer<Told> {
        self.step(|tables| {
            let record = tables.tokens.get_mut(id).ok_or(Reason::Unknown)?;
            let ruled = rule(record).map_err(|rejected| rejected.reason());
            ruled.map(|()| record.stored().clone())
        })
    }

    /// Changes a factor that is not removed; says whether it did.
    fn change<F: FnOnce(&mut StoredFactor) -> bool>(&self, id: &FactorId, f: F) -> Answer<bool> {
        self.step(|tables| match tables.factors.get_mut(id) {
            Some(factor) if factor.state != Removed => f(factor),
            _ => false,
        })
    }

    /// Burns a code of a factor that is in this state; then it is active.
    fn burn(&self, id: &FactorId, from: FactorState, to: Option<u64>, at: Time) -> Burnt {
        check(to)?;
        self.step(|tables| match tables.factors.get_mut(id) {
            Some(factor) if factor.state == from && (to.is_none() || factor.last < to) => {
                factor.state = Active;
                factor.last = to.or(factor.last);
                factor.used_at = whole_micros(at);
                Advanced::Accepted
            }
            Some(factor) if factor.state == from => Advanced::Replayed,
            _ => Advanced::Absent,
        })
    }
}

fn whole_micros(time: Time) -> Option<Time> {
    Time::from_timestamp_micros(time.timestamp_micros())
}

fn check(counter: Option<u64>) -> Answer<()> {
    let fits = (counter <= Some(HIGHEST_COUNTER)).then_some(());
    fits.ok_or(StoreError::Misuse("a counter above 2^63 - 1"))
}

fn belongs(one: &Stored, of: &Subject, purpose: Option<&Purpose>) -> bool {
    let owner = (one.tenant.as_str(), one.subject.as_deref());
    let purpose = purpose.is_none_or(|purpose| one.purpose == purpose.as_str());
    purpose && owner == (of.tenant(), Some(of.id()))
}

/// Removes so many of the dead, and counts them.
fn purge<K: Ord, V>(table: &mut BTreeMap<K, V>, limit: u32, dead: impl Fn(&V) -> bool) -> u64 {
    let dead = table.extract_if(.., |_, value| dead(value));
    let counted = (1..=u64::from(limit)).zip(dead);
    counted.fold(0, |_, (count, _)| count)
}

#[async_trait]
impl TokenStore for OwnStore {
    async fn insert(&self, batch: &[Record]) -> Answer<Inserted> {
        let ids: BTreeSet<_> = batch.iter().map(Record::id).collect();
        let slots: BTreeSet<_> = batch.iter().filter_map(|new| new.stored().slot).collect();
        self.step(|Tables { tokens, .. }| {
            if ids.len() < batch.len() || ids.iter().any(|id| tokens.contains_key(id)) {
                return Inserted::Collision;
            }
            for older in tokens.values_mut() {
                let slot = older.stored().slot;
                if slot.is_some_and(|slot| slots.contains(&slot)) {
                    older.end(State::Superseded);
                }
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
        let shown = |one: &Stored| one.state.refusal().is_none() && one.is_live(now);
        self.step(|tables| {
            let all = tables.tokens.values().map(Record::stored).cloned();
            let mine = all.filter(|one| shown(one) && belongs(one, of, what));
            let mut found: Vec<_> = mine.collect();
            found.sort_by_key(|one| one.issued_at);
            found
        })
    }

    async fn revoke(&self, what: &Revoke) -> Answer<u64> {
        let meant = |one: &Stored| match what {
            Revoke::Record(id) => one.id == *id,
            Revoke::Subject {
                subject,
                purpose,
                except,
            } => *except != Some(one.id) && belongs(one, subject, purpose.as_ref()),
        };
        self.step(|Tables { tokens, .. }| {
            let meant = tokens.values_mut().filter(|one| meant(one.stored()));
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
        check(new.last)?;
        self.step(|Tables { factors, .. }| {
            let free = !factors.contains_key(&new.id);
            factors.entry(new.id).or_insert_with(|| new.clone());
            free
        })
    }

    async fn factors(&self, of: &Subject) -> Answer<Vec<StoredFactor>> {
        self.step(|tables| {
            let all = tables.factors.values().cloned();
            let mut found: Vec<_> = all.filter(|factor| factor.subject == *of).collect();
            found.sort_by_key(|factor| factor.created_at);
            found
        })
    }

    async fn confirm(&self, id: &FactorId, to: Option<u64>, now: Time) -> Burnt {
        self.burn(id, Pending, to, now)
    }

    async fn advance(&self, id: &FactorId, to: u64, now: Time) -> Burnt {
        self.burn(id, Active, Some(to), now)
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Answer<bool> {
        self.change(id, |one| {
            match change {
                FactorChange::Disable if one.state == Active => one.state = Disabled,
                FactorChange::Label(label) => one.label.clone_from(label),
                FactorChange::Seal { old, new } if one.sealed == *old => one.sealed.clone_from(new),
                _ => return false,
            }
            true
        })
    }

    async fn remove(&self, id: &FactorId, now: Time) -> Answer<bool> {
        self.change(id, |factor| {
            factor.state = Removed;
            factor.sealed.clear();
            factor.used_at = whole_micros(now);
            true
        })
    }
}

#[async_trait]
impl LimitStore for OwnStore {
    async fn spend(&self, charges: &[Charge], now: Time) -> Answer<Spent> {
        let keys: BTreeSet<_> = charges.iter().map(|charge| charge.key).collect();
        if keys.len() < charges.len() {
            return Err(StoreError::Misuse("a limit is charged twice in one call"));
        }
        self.step(|tables| {
            for Charge { key, limit } in charges {
                match limit.spend(tables.limits.entry(*key).or_default(), now) {
                    Ok(()) => {}
                    Err(Overspent::Locked) => return Spent::Locked(*key),
                    Err(Overspent::RetryAt(at)) => return Spent::RetryAt(*key, at),
                }
            }
            Spent::Allowed
        })
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Answer<()> {
        self.step(|tables| {
            for Charge { key, limit } in charges {
                if let Some(state) = tables.limits.get_mut(key) {
                    limit.refund(state, times);
                }
            }
        })
    }

    async fn clear(&self, key: &LimitKey) -> Answer<()> {
        self.step(|tables| tables.limits.retain(|other, _| other != key))
    }

    async fn purge_limits(&self, before: Time, limit: u32) -> Answer<u64> {
        let before = before.timestamp_micros();
        let new = |state: &LimitState| state.count == 0 && state.full_at <= before;
        self.step(|tables| purge(&mut tables.limits, limit, new))
    }
}
