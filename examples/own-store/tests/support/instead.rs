//! A store with two of its verbs done otherwise, and every other one as it is.

use async_trait::async_trait;
use token_store::{
    Advanced, ConfirmIf, Decided, FactorChange, FactorId, FactorStore, Inserted, Redeemed,
    RemoveIf, Revoke, StoreError, StoredFactor, TokenStore,
    ott_core::{
        Decision, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

pub(crate) type Time = DateTime<Utc>;
pub(crate) type Answer<T> = Result<T, StoreError>;

/// The two verbs, and the store that has the others.
#[async_trait]
pub(crate) trait Otherwise: Send + Sync {
    type Store: TokenStore + FactorStore;

    fn store(&self) -> &Self::Store;

    async fn redeem(&self, presented: &Presented, now: Time) -> Answer<Redeemed>;

    async fn advance(&self, id: &FactorId, counter: u64, now: Time) -> Answer<Advanced>;
}

pub(crate) struct Instead<O>(pub(crate) O);

#[async_trait]
impl<O: Otherwise> TokenStore for Instead<O> {
    async fn insert(&self, batch: &[Record]) -> Answer<Inserted> {
        self.0.store().insert(batch).await
    }

    async fn redeem(&self, presented: &Presented, now: Time) -> Answer<Redeemed> {
        self.0.redeem(presented, now).await
    }

    async fn decide(&self, id: &RecordId, decision: &Decision, now: Time) -> Answer<Decided> {
        self.0.store().decide(id, decision, now).await
    }

    async fn find(&self, id: &RecordId) -> Answer<Option<Stored>> {
        self.0.store().find(id).await
    }

    async fn touch(&self, id: &RecordId, now: Time) -> Answer<()> {
        self.0.store().touch(id, now).await
    }

    async fn list(&self, of: &Subject, what: Option<&Purpose>, now: Time) -> Answer<Vec<Stored>> {
        self.0.store().list(of, what, now).await
    }

    async fn revoke(&self, what: &Revoke) -> Answer<u64> {
        self.0.store().revoke(what).await
    }

    async fn purge(&self, before: Time, limit: u32) -> Answer<u64> {
        self.0.store().purge(before, limit).await
    }
}

#[async_trait]
impl<O: Otherwise> FactorStore for Instead<O> {
    async fn insert_factor(&self, factor: &StoredFactor) -> Answer<bool> {
        self.0.store().insert_factor(factor).await
    }

    async fn factors(&self, of: &Subject) -> Answer<Vec<StoredFactor>> {
        self.0.store().factors(of).await
    }

    async fn confirm(
        &self,
        id: &FactorId,
        to: Option<u64>,
        only: ConfirmIf,
        now: Time,
    ) -> Answer<Advanced> {
        self.0.store().confirm(id, to, only, now).await
    }

    async fn advance(&self, id: &FactorId, counter: u64, now: Time) -> Answer<Advanced> {
        self.0.advance(id, counter, now).await
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Answer<bool> {
        self.0.store().update(id, change).await
    }

    async fn remove(&self, id: &FactorId, only: RemoveIf, by: &[u8], now: Time) -> Answer<bool> {
        self.0.store().remove(id, only, by, now).await
    }

    async fn restore(&self, id: &FactorId) -> Answer<bool> {
        self.0.store().restore(id).await
    }

    async fn purge_factors(&self, before: Time, limit: u32) -> Answer<u64> {
        self.0.store().purge_factors(before, limit).await
    }
}
