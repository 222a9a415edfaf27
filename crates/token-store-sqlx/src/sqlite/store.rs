//! The verbs of tokens on a connection of the pool.

use async_trait::async_trait;
use sqlx::{Sqlite, Transaction};
use token_store::{
    ChargedStore, Decided, InTransaction, Inserted, RedeemInTransaction, Redeemed, Revoke,
    StoreError, TokenStore,
    ott_core::{
        Decision, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{
    SqliteStore,
    charged::free,
    group::write,
    insert::Insert,
    outage::outage,
    purge::{OF_TOKENS, Purge, purge_all},
    redeem::{Redeem, redeem},
    tokens::{self, Decide, Touch},
};
use crate::{error::within, redeem::Counts};

#[async_trait]
impl TokenStore for SqliteStore {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        let insert = Insert {
            batch: batch.to_vec(),
            charges: Vec::new(),
            now: DateTime::UNIX_EPOCH,
        };
        free(write(self, insert).await?)
    }

    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        let redeem = Redeem {
            presented: presented.clone(),
            charges: Vec::new(),
            earned: Vec::new(),
            unknown_is_free: false,
            now,
        };
        free(write(self, redeem).await??)
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        let decide = Decide {
            id: *id,
            decision: decision.clone(),
            now,
        };
        write(self, decide).await
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        within(self.timeout, async {
            tokens::find(&mut *self.reader().await?, id).await
        })
        .await
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        write(self, Touch { id: *id, now }).await
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Stored>, StoreError> {
        within(self.timeout, async {
            tokens::list(&mut *self.reader().await?, subject, purpose, now).await
        })
        .await
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        write(self, what.clone()).await
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        purge_all(self, Purge::new(OF_TOKENS, before, limit)).await
    }

    fn charged(&self) -> Option<&dyn ChargedStore> {
        Some(self)
    }
}

#[async_trait]
impl RedeemInTransaction for SqliteStore {
    type Transaction = Transaction<'static, Sqlite>;

    async fn redeem_in_transaction(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<InTransaction<Self::Transaction>, StoreError> {
        within(self.timeout, async {
            let (mut transaction, _turn) = self.begin().await?;
            match redeem(&mut transaction, presented, now, Counts::Yes).await? {
                Redeemed::Redeemed(stored) => Ok(InTransaction::Redeemed(transaction, stored)),
                Redeemed::Refused(reason) => {
                    transaction.commit().await.map_err(outage)?;
                    Ok(InTransaction::Refused(reason))
                }
            }
        })
        .await
    }
}
