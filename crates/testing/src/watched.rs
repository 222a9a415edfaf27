//! A store that counts, fails and edits on demand.

use std::{collections::HashSet, sync::Mutex};

use async_trait::async_trait;
use token_store::{
    Advanced, Charge, Decided, FactorChange, FactorId, FactorStore, InTransaction, Inserted,
    LimitStore, RedeemInTransaction, Redeemed, Revoke, Spent, StoreError, StoredFactor, TokenStore,
    ott_core::{
        Decision, LimitKey, LimitKind, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{Place, Store};

/// A store whose verbs fail when told to, and whose rows are edited on their way out.
#[derive(Debug)]
pub struct Watched {
    inner: Store,
    down: Mutex<HashSet<&'static str>>,
    edit: Mutex<Option<fn(&mut Stored)>>,
    issued: Mutex<Vec<RecordId>>,
    asked: Mutex<Vec<&'static str>>,
    limit_down: Mutex<Option<LimitKey>>,
    meanwhile: Mutex<Option<Meanwhile>>,
}

/// What somebody else does to a factor while a redeem is on its way.
#[derive(Clone, Copy, Debug)]
pub enum Meanwhile {
    /// Disables it.
    Disables(FactorId),
    /// Removes it.
    Removes(FactorId),
}

impl Watched {
    /// A new store in this place.
    pub async fn new(place: Place) -> Self {
        Self {
            inner: place.store().await,
            down: Mutex::default(),
            edit: Mutex::default(),
            issued: Mutex::default(),
            asked: Mutex::default(),
            limit_down: Mutex::default(),
            meanwhile: Mutex::default(),
        }
    }

    /// The store itself, which neither fails nor counts.
    pub const fn store(&self) -> &Store {
        &self.inner
    }

    /// Fails this verb from now on.
    pub fn fail(&self, verb: &'static str) {
        self.down.lock().expect("no panic").insert(verb);
    }

    /// Fails whatever spends from this limit.
    pub fn fail_limit(&self, key: LimitKey) {
        *self.limit_down.lock().expect("no panic") = Some(key);
    }

    /// Fails no verb any more.
    pub fn recover(&self) {
        self.down.lock().expect("no panic").clear();
    }

    /// Edits each row that is found or listed from now on.
    pub fn edit(&self, edit: fn(&mut Stored)) {
        *self.edit.lock().expect("no panic") = Some(edit);
    }

    /// Somebody else does this during the next redeem.
    pub fn meanwhile(&self, what: Meanwhile) {
        *self.meanwhile.lock().expect("no panic") = Some(what);
    }

    async fn let_others_act(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let meanwhile = self.meanwhile.lock().expect("no panic").take();
        let done = match meanwhile {
            None => return Ok(()),
            Some(Meanwhile::Disables(id)) => self.inner.update(&id, &FactorChange::Disable).await?,
            Some(Meanwhile::Removes(id)) => self.inner.remove(&id, None, now).await?,
        };
        assert!(done, "the factor was there");
        Ok(())
    }

    /// The verbs asked for since the last call.
    pub fn asked(&self) -> Vec<&'static str> {
        core::mem::take(&mut *self.asked.lock().expect("no panic"))
    }

    /// Every record, as it stands now.
    pub async fn records(&self) -> Vec<Stored> {
        let ids = self.issued.lock().expect("no panic").clone();
        let mut records = Vec::new();
        for id in ids {
            records.extend(self.inner.find(&id).await.expect("the store answers"));
        }
        records
    }

    /// One record, as it stands now.
    pub async fn inner_row(&self, id: &RecordId) -> Stored {
        self.inner
            .find(id)
            .await
            .expect("the store answers")
            .expect("a record")
    }

    /// How many tokens were compared with any record.
    pub async fn evaluated(&self) -> u64 {
        let records = self.records().await;
        records
            .iter()
            .map(|stored| u64::from(stored.attempts))
            .sum()
    }

    fn ask(&self, verb: &'static str) -> Result<(), StoreError> {
        self.asked.lock().expect("no panic").push(verb);
        if self.down.lock().expect("no panic").contains(verb) {
            Err(StoreError::unavailable("told to fail"))
        } else {
            Ok(())
        }
    }

    fn edited(&self, mut stored: Stored) -> Stored {
        if let Some(edit) = *self.edit.lock().expect("no panic") {
            edit(&mut stored);
        }
        stored
    }
}

#[async_trait]
impl TokenStore for Watched {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        self.ask("insert")?;
        let ids = batch.iter().map(|record| *record.id());
        self.issued.lock().expect("no panic").extend(ids);
        self.inner.insert(batch).await
    }

    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        self.ask("redeem")?;
        self.let_others_act(now).await?;
        self.inner.redeem(presented, now).await
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        self.ask("decide")?;
        self.inner.decide(id, decision, now).await
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        self.ask("find")?;
        let found = self.inner.find(id).await?;
        Ok(found.map(|stored| self.edited(stored)))
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.ask("touch")?;
        self.inner.touch(id, now).await
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Stored>, StoreError> {
        self.ask("list")?;
        let listed = self.inner.list(subject, purpose, now).await?;
        Ok(listed
            .into_iter()
            .map(|stored| self.edited(stored))
            .collect())
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        self.ask("revoke")?;
        self.inner.revoke(what).await
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.ask("purge")?;
        self.inner.purge(before, limit).await
    }
}

/// A transaction of no meaning: what is redeemed in it is committed at once.
#[derive(Debug)]
pub struct Opening;

#[async_trait]
impl RedeemInTransaction for Watched {
    type Transaction = Opening;

    async fn redeem_in_transaction(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<InTransaction<Opening>, StoreError> {
        self.ask("redeem_in_transaction")?;
        Ok(match self.inner.redeem(presented, now).await? {
            Redeemed::Redeemed(stored) => InTransaction::Redeemed(Opening, stored),
            Redeemed::Refused(reason) => InTransaction::Refused(reason),
        })
    }
}

#[async_trait]
impl LimitStore for Watched {
    fn keeps(&self, _: LimitKind) -> bool {
        true
    }

    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        self.ask("spend")?;
        let down = *self.limit_down.lock().expect("no panic");
        if charges.iter().any(|charge| down == Some(charge.key)) {
            return Err(StoreError::unavailable("told to fail"));
        }
        self.inner.spend(charges, now).await
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        self.ask("refund")?;
        self.inner.refund(charges, times).await
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        self.ask("clear")?;
        self.inner.clear(key).await
    }

    async fn purge_limits(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.ask("purge_limits")?;
        self.inner.purge_limits(before, limit).await
    }
}

#[async_trait]
impl FactorStore for Watched {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        self.ask("insert_factor")?;
        self.inner.insert_factor(factor).await
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        self.ask("factors")?;
        self.inner.factors(subject).await
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        self.ask("confirm")?;
        self.inner.confirm(id, counter, now).await
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        self.ask("advance")?;
        self.inner.advance(id, counter, now).await
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        self.ask("update")?;
        self.inner.update(id, change).await
    }

    async fn remove(
        &self,
        id: &FactorId,
        beside: Option<&FactorId>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.ask("remove")?;
        self.inner.remove(id, beside, now).await
    }
}
