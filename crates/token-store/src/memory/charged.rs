//! Verbs with their charges: the limits' locks are held while the record's or factor's is taken.

use std::collections::HashMap;

use async_trait::async_trait;
use ott_core::{
    LimitKey, LimitState, Overspent, Presented, Reason, Record, Subject,
    chrono::{DateTime, Utc},
};

use super::{MemoryStore, MutexGuard, lock, pick, shard_of, whole::redeem_in};
use crate::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, Cost, Guess, Inserted, Looked,
    Redeemed, Spent, StoreError, check_charges,
};

/// The shards of some limits, each locked once, in the order of all who lock several.
struct Locked<'s>(Vec<(usize, MutexGuard<'s, HashMap<LimitKey, LimitState>>)>);

impl<'s> Locked<'s> {
    fn of(store: &'s MemoryStore, charges: &[Charge], beside: &[LimitKey]) -> Self {
        let charged = charges.iter().map(|charge| &charge.key);
        let mut numbers: Vec<_> = charged
            .chain(beside)
            .map(|key| shard_of(key.as_bytes()))
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        let shards = numbers.into_iter();
        Self(
            shards
                .filter_map(|number| Some((number, lock(store.limits.get(number)?))))
                .collect(),
        )
    }

    fn shard(&mut self, key: &LimitKey) -> Option<&mut HashMap<LimitKey, LimitState>> {
        let number = shard_of(key.as_bytes());
        let mut locked = self.0.iter_mut();
        let found = locked.find(|(locked, _)| *locked == number);
        found.map(|(_, shard)| &mut **shard)
    }

    /// What each would be after one more, or why not. Changes nothing.
    fn spent(&mut self, charges: &[Charge], now: DateTime<Utc>) -> Result<Vec<LimitState>, Spent> {
        let mut states = Vec::with_capacity(charges.len());
        for Charge { key, limit } in charges {
            let found = self.shard(key).and_then(|shard| shard.get(key).copied());
            let mut state = found.unwrap_or_default();
            limit.spend(&mut state, now).map_err(|why| match why {
                Overspent::Ahead => Spent::Ahead(*key),
                Overspent::Locked => Spent::Locked(*key),
                Overspent::RetryAt(at) => Spent::RetryAt(*key, at),
            })?;
            states.push(state);
        }
        Ok(states)
    }

    /// Charges, less what is given back.
    fn settle(&mut self, charges: &[Charge], spent: Vec<LimitState>, times: u32) {
        // What comes back whole was never there.
        if times == 1 {
            return;
        }
        for (Charge { key, limit }, mut state) in charges.iter().zip(spent) {
            limit.refund(&mut state, times);
            if let Some(shard) = self.shard(key) {
                shard.insert(*key, state);
            }
        }
    }
}

#[async_trait]
impl ChargedStore for MemoryStore {
    async fn redeem_charged(
        &self,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: DateTime<Utc>,
    ) -> Result<Charged<Redeemed>, StoreError> {
        check_charges(cost.charges)?;
        let mut locked = Locked::of(self, cost.charges, &[]);
        let spent = match locked.spent(cost.charges, now) {
            Ok(spent) => spent,
            Err(refused) => return Ok(Charged::Refused(refused)),
        };
        let redeemed = match earned {
            [] => self.redeem_at_once(presented, now),
            _ => self.redeem_earning(presented, earned, now)?,
        };
        locked.settle(cost.charges, spent, cost.given_back(&redeemed));
        Ok(Charged::Answered(redeemed))
    }

    async fn insert_charged(
        &self,
        batch: &[Record],
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Charged<Inserted>, StoreError> {
        check_charges(charges)?;
        let mut locked = Locked::of(self, charges, &[]);
        let spent = match locked.spent(charges, now) {
            Ok(spent) => spent,
            Err(refused) => return Ok(Charged::Refused(refused)),
        };
        let inserted = self.insert_at_once(batch);
        let times = u32::from(inserted == Inserted::Collision);
        locked.settle(charges, spent, times);
        Ok(Charged::Answered(inserted))
    }
}

impl MemoryStore {
    fn redeem_earning(
        &self,
        presented: &Presented,
        earned: &[Record],
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        let mut whole = self.whole();
        let Some(shard) = whole.shard(presented.id()) else {
            return Ok(Redeemed::Refused(Reason::Unknown));
        };
        let before = shard.get(presented.id()).cloned();
        let redeemed = redeem_in(shard, presented, now);
        if matches!(redeemed, Redeemed::Redeemed(_)) {
            if whole.collides(earned) {
                let shard = whole.shard(presented.id());
                shard
                    .zip(before)
                    .and_then(|(shard, before)| shard.insert(before.id, before));
                return Err(StoreError::ID_TWICE);
            }
            whole.insert(earned);
        }
        Ok(redeemed)
    }
}

#[async_trait]
impl ChargedFactors for MemoryStore {
    async fn look(&self, subject: &Subject, keys: &[LimitKey]) -> Result<Looked, StoreError> {
        let factors = self.factors_of(subject);
        let failures = factors.iter().map(|factor| factor.id.failures_key());
        let keys = keys.iter().copied().chain(failures);
        let spent = |key: LimitKey| {
            let shard = lock(pick(&self.limits, key.as_bytes()));
            shard.get(&key).map(|state| (key, *state))
        };
        let limits = keys.filter_map(spent).collect();
        Ok(Looked { factors, limits })
    }

    async fn advance_charged(
        &self,
        guess: Guess<'_>,
        now: DateTime<Utc>,
    ) -> Result<Charged<Option<Advanced>>, StoreError> {
        guess.check()?;
        let mut locked = Locked::of(self, guess.charges, guess.cleared);
        let spent = match locked.spent(guess.charges, now) {
            Ok(spent) => spent,
            Err(refused) => return Ok(Charged::Refused(refused)),
        };
        let advanced = guess.right.map(|(id, counter)| {
            self.factor(&id, Advanced::Absent, |factor| factor.advance(counter, now))
        });
        if advanced == Some(Advanced::Accepted) {
            for key in guess.cleared {
                locked.shard(key).and_then(|shard| shard.remove(key));
            }
        } else {
            locked.settle(guess.charges, spent, 0);
        }
        Ok(Charged::Answered(advanced))
    }
}
