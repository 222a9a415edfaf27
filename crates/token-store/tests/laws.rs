//! The laws over [`MemoryStore`].
#![cfg(feature = "conformance")]

use std::sync::Arc;

use async_trait::async_trait;
use token_store::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, ConfirmIf, Cost, Decided,
    FactorChange, FactorId, FactorStore, Guess, Inserted, LimitStore, Looked, MemoryStore,
    Redeemed, RemoveIf, Revoke, Spent, StoreError, StoredFactor, TokenStore,
    conformance::Harness,
    ott_core::{
        Decision, LimitKey, LimitKind, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

type Time = DateTime<Utc>;

struct Memory;

impl Harness for Memory {
    type Store = Perhaps;

    async fn store(&self) -> Arc<Perhaps> {
        Arc::new(Perhaps(Some(MemoryStore::new())))
    }

    /// It lives in one process.
    async fn another(&self, store: &Arc<Perhaps>) -> Arc<Perhaps> {
        Arc::clone(store)
    }

    async fn broken(&self) -> Arc<Perhaps> {
        Arc::new(Perhaps(None))
    }
}

/// Named for the report of `scripts/test`.
mod memory {
    use super::Memory;

    token_store::laws!(Memory);
    token_store::laws!(charged: Memory);
    token_store::laws!(charged_factors: Memory);
}

/// A store in memory, or an outage: memory alone has no back end to lose.
struct Perhaps(Option<MemoryStore>);

impl Perhaps {
    fn up(&self) -> Result<&MemoryStore, StoreError> {
        self.0.as_ref().ok_or(StoreError::Timeout)
    }
}

#[async_trait]
impl TokenStore for Perhaps {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        self.up()?.insert(batch).await
    }

    async fn redeem(&self, presented: &Presented, now: Time) -> Result<Redeemed, StoreError> {
        self.up()?.redeem(presented, now).await
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: Time,
    ) -> Result<Decided, StoreError> {
        self.up()?.decide(id, decision, now).await
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        self.up()?.find(id).await
    }

    async fn touch(&self, id: &RecordId, now: Time) -> Result<(), StoreError> {
        self.up()?.touch(id, now).await
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: Time,
    ) -> Result<Vec<Stored>, StoreError> {
        self.up()?.list(subject, purpose, now).await
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        self.up()?.revoke(what).await
    }

    async fn purge(&self, before: Time, limit: u32) -> Result<u64, StoreError> {
        self.up()?.purge(before, limit).await
    }
}

#[async_trait]
impl ChargedStore for Perhaps {
    async fn redeem_charged(
        &self,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: Time,
    ) -> Result<Charged<Redeemed>, StoreError> {
        self.up()?
            .redeem_charged(presented, cost, earned, now)
            .await
    }

    async fn insert_charged(
        &self,
        batch: &[Record],
        charges: &[Charge],
        now: Time,
    ) -> Result<Charged<Inserted>, StoreError> {
        self.up()?.insert_charged(batch, charges, now).await
    }
}

#[async_trait]
impl FactorStore for Perhaps {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        self.up()?.insert_factor(factor).await
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        self.up()?.factors(subject).await
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        only: ConfirmIf,
        now: Time,
    ) -> Result<Advanced, StoreError> {
        self.up()?.confirm(id, counter, only, now).await
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: Time,
    ) -> Result<Advanced, StoreError> {
        self.up()?.advance(id, counter, now).await
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        self.up()?.update(id, change).await
    }

    async fn remove(
        &self,
        id: &FactorId,
        only: RemoveIf,
        by: &[u8],
        now: Time,
    ) -> Result<bool, StoreError> {
        self.up()?.remove(id, only, by, now).await
    }

    async fn restore(&self, id: &FactorId) -> Result<bool, StoreError> {
        self.up()?.restore(id).await
    }

    async fn purge_factors(&self, before: Time, limit: u32) -> Result<u64, StoreError> {
        self.up()?.purge_factors(before, limit).await
    }
}

#[async_trait]
impl ChargedFactors for Perhaps {
    async fn look(&self, subject: &Subject, keys: &[LimitKey]) -> Result<Looked, StoreError> {
        self.up()?.look(subject, keys).await
    }

    async fn advance_charged(
        &self,
        guess: Guess<'_>,
        now: Time,
    ) -> Result<Charged<Option<Advanced>>, StoreError> {
        self.up()?.advance_charged(guess, now).await
    }
}

#[async_trait]
impl LimitStore for Perhaps {
    fn keeps(&self, _: LimitKind) -> bool {
        true
    }

    async fn spend(&self, charges: &[Charge], now: Time) -> Result<Spent, StoreError> {
        self.up()?.spend(charges, now).await
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        self.up()?.refund(charges, times).await
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        self.up()?.clear(key).await
    }

    async fn purge_limits(&self, before: Time, limit: u32) -> Result<u64, StoreError> {
        self.up()?.purge_limits(before, limit).await
    }
}
