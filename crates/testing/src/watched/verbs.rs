//! Every verb of a store: it is noted, fails where it is told to, and is else the inner store's.

use async_trait::async_trait;
use token_store::{
    Advanced, Charge, Charged, ChargedFactors, ChargedStore, ConfirmIf, Cost, Decided,
    FactorChange, FactorId, FactorStore, Guess, InTransaction, Inserted, LimitStore, Looked,
    RedeemInTransaction, Redeemed, RemoveIf, Revoke, Spent, StoreError, StoreId, StoredFactor,
    TokenStore,
    ott_core::{
        Decision, LimitKey, LimitKind, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::Watched;
use crate::held::wait;

#[async_trait]
impl TokenStore for Watched {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        self.wait_to_insert().await;
        self.ask("insert")?;
        self.note(batch);
        self.inner.insert(batch).await
    }

    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        self.ask("redeem")?;
        self.let_others_act(now).await?;
        Ok(match self.inner.redeem(presented, now).await? {
            Redeemed::Redeemed(stored) => Redeemed::Redeemed(self.edited(stored)),
            refused @ Redeemed::Refused(_) => refused,
        })
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
        wait(&self.answers, "find").await?;
        Ok(found.map(|stored| self.edited(stored)))
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.ask("touch")?;
        self.inner.touch(id, now).await?;
        wait(&self.answers, "touch").await
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
        wait(&self.calls, "revoke").await?;
        let subject = matches!(what, Revoke::Subject { .. });
        let held = subject.then(|| self.held_revoke.lock().expect("no panic").take());
        let Some(held) = held.flatten() else {
            let revoked = self.inner.revoke(what).await?;
            wait(&self.answers, "revoke").await?;
            return Ok(revoked);
        };
        let read = self.records().await;
        held.wait().await;
        let mut revoked = 0;
        for record in read.iter().filter(|record| what.covers(record)) {
            revoked += self.inner.revoke(&Revoke::Record(record.id)).await?;
        }
        Ok(revoked)
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.ask("purge")?;
        self.inner.purge(before, limit).await
    }

    fn charged(&self) -> Option<&dyn ChargedStore> {
        let charges = !self.apart && self.inner.charged().is_some();
        charges.then_some(self as &dyn ChargedStore)
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

    fn store_id(&self) -> Option<StoreId> {
        Some(StoreId::of(self))
    }

    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        self.ask("spend")?;
        self.ask_limits(charges)?;
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
        only: ConfirmIf,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        self.ask("confirm")?;
        self.inner.confirm(id, counter, only, now).await
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
        only: RemoveIf,
        by: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.ask("remove")?;
        self.inner.remove(id, only, by, now).await
    }

    async fn restore(&self, id: &FactorId) -> Result<bool, StoreError> {
        self.ask("restore")?;
        self.inner.restore(id).await
    }

    async fn purge_factors(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.ask("purge_factors")?;
        self.inner.purge_factors(before, limit).await
    }

    fn charged_factors(&self, limits: &dyn LimitStore) -> Option<&dyn ChargedFactors> {
        let charges = !self.apart && limits.store_id() == self.store_id();
        charges.then_some(self as &dyn ChargedFactors)
    }
}

#[async_trait]
impl ChargedStore for Watched {
    async fn redeem_charged(
        &self,
        presented: &Presented,
        cost: Cost<'_>,
        earned: &[Record],
        now: DateTime<Utc>,
    ) -> Result<Charged<Redeemed>, StoreError> {
        let parts = ["spend", "redeem", "insert"];
        self.ask_for(
            "redeem_charged",
            &parts[..3 - usize::from(earned.is_empty())],
        )?;
        self.ask_limits(cost.charges)?;
        self.let_others_act(now).await?;
        let charged = self.inner.charged().expect("it charges");
        let told = charged.redeem_charged(presented, cost, earned, now).await?;
        Ok(match told {
            Charged::Answered(Redeemed::Redeemed(stored)) => {
                self.note(earned);
                Charged::Answered(Redeemed::Redeemed(self.edited(stored)))
            }
            told => told,
        })
    }

    async fn insert_charged(
        &self,
        batch: &[Record],
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Charged<Inserted>, StoreError> {
        self.wait_to_insert().await;
        self.ask_for("insert_charged", &["spend", "insert"])?;
        self.ask_limits(charges)?;
        let charged = self.inner.charged().expect("it charges");
        let told = charged.insert_charged(batch, charges, now).await;
        if let Ok(Charged::Answered(_)) = told {
            self.note(batch);
        }
        told
    }
}

#[async_trait]
impl ChargedFactors for Watched {
    async fn look(&self, subject: &Subject, keys: &[LimitKey]) -> Result<Looked, StoreError> {
        self.ask_for("look", &["factors", "spend"])?;
        let charged = self.inner.charged_factors(&*self.inner);
        let charged = charged.expect("it charges");
        charged.look(subject, keys).await
    }

    async fn advance_charged(
        &self,
        guess: Guess<'_>,
        now: DateTime<Utc>,
    ) -> Result<Charged<Option<Advanced>>, StoreError> {
        let held = self.held_advance.lock().expect("no panic").take();
        if let Some(held) = held {
            held.wait().await;
        }
        self.ask_for("advance_charged", &["spend", "advance"])?;
        self.ask_limits(guess.charges)?;
        let charged = self.inner.charged_factors(&*self.inner);
        let charged = charged.expect("it charges");
        charged.advance_charged(guess, now).await
    }
}
