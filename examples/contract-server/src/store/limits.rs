//! Limits under a clock that somebody sets back: what was spent in what is the future by then is forgotten. A clock that was moved
//! may have been that of an earlier start on the same data.

use async_trait::async_trait;
use twofa_providers::token_store::{
    Charge, Charged, ChargedStore, Cost, Inserted, LimitStore, Redeemed, Spent, StoreError,
    ott_core::{
        LimitKey, LimitKind, Presented, Record,
        chrono::{DateTime, Utc},
    },
};

use super::{Store, either};

#[async_trait]
impl LimitStore for Store {
    fn keeps(&self, kind: LimitKind) -> bool {
        either!(self, store => store.keeps(kind))
    }

    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        let mut rest = charges;
        loop {
            let key = match either!(self, store => store.spend(rest, now).await)? {
                Spent::Ahead(key) => key,
                spent => return Ok(spent),
            };
            self.clear(&key).await?;
            // What stands before it was spent.
            let at = rest.iter().position(|charge| charge.key == key);
            rest = at.and_then(|at| rest.get(at..)).unwrap_or_default();
        }
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        either!(self, store => store.refund(charges, times).await)
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        either!(self, store => store.clear(key).await)
    }

    async fn purge_limits(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        either!(self, store => store.purge_limits(before, limit).await)
    }
}

/// Where a limit is ahead, nothing was charged: all of it is asked again.
#[async_trait]
impl ChargedStore for Store {
    async fn redeem_charged(
        &self,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: DateTime<Utc>,
    ) -> Result<Charged<Redeemed>, StoreError> {
        loop {
            let told =
                either!(self, store => store.redeem_charged(presented, cost, earned, now).await)?;
            let Charged::Refused(Spent::Ahead(key)) = told else {
                return Ok(told);
            };
            self.clear(&key).await?;
        }
    }

    async fn insert_charged(
        &self,
        batch: &[Record],
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Charged<Inserted>, StoreError> {
        loop {
            let told = either!(self, store => store.insert_charged(batch, charges, now).await)?;
            let Charged::Refused(Spent::Ahead(key)) = told else {
                return Ok(told);
            };
            self.clear(&key).await?;
        }
    }
}
