//! The verbs of tokens on a connection of the pool.

use async_trait::async_trait;
use sqlx::{Postgres, Transaction};
use token_store::{
    Decided, InTransaction, Inserted, RedeemInTransaction, Redeemed, Revoke, StoreError,
    TokenStore,
    ott_core::{
        Decision, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{
    PostgresStore,
    connection::{begin, on_connection},
    insert::insert,
    outage::outage,
    tokens,
};
use crate::{error::within, redeem::Counts};

#[async_trait]
impl TokenStore for PostgresStore {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        let inserted =
            on_connection!(self, connection => insert(connection, &self.statements, batch))?;
        Ok(inserted.map_or(Inserted::Collision, |_| Inserted::Done))
    }

    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        on_connection!(self, connection => {
            tokens::redeem(connection, &self.statements, presented, now, Counts::Yes)
        })
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        on_connection!(self, connection => {
            tokens::decide(connection, &self.statements, id, decision, now)
        })
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        on_connection!(self, connection => tokens::find(connection, &self.statements, id))
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        on_connection!(self, connection => tokens::touch(connection, &self.statements, id, now))
            .map(drop)
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Stored>, StoreError> {
        on_connection!(self, connection => {
            tokens::list(connection, &self.statements, subject, purpose, now)
        })
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        on_connection!(self, connection => tokens::revoke(connection, &self.statements, what))
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.purge_tokens(before, limit).await
    }
}

#[async_trait]
impl RedeemInTransaction for PostgresStore {
    type Transaction = Transaction<'static, Postgres>;

    async fn redeem_in_transaction(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<InTransaction<Self::Transaction>, StoreError> {
        within(self.timeout, async {
            let connection = self.pool.acquire().await.map_err(outage)?;
            let mut transaction = begin(connection, &self.begin).await?;
            let statements = &self.on_open;
            match tokens::redeem(&mut transaction, statements, presented, now, Counts::Yes).await? {
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
