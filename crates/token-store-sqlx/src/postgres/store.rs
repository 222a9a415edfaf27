//! The verbs of tokens on a connection of the pool.

use async_trait::async_trait;
use sqlx::{Connection, Postgres, Transaction};
use token_store::{
    ChargedStore, Decided, InTransaction, Inserted, RedeemInTransaction, Redeemed, Revoke,
    StoreError, TokenStore,
    ott_core::{
        Decision, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};
use tokio::time::{Instant, timeout_at};

use super::{
    PostgresStore,
    connection::{Retries, begin, is_over, is_standby, on_connection},
    insert::insert,
    outage::{outage, reads_only, uncommitted},
    tokens,
};
use crate::redeem::Counts;

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

    fn charged(&self) -> Option<&dyn ChargedStore> {
        Some(self)
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
        let deadline = self.deadline();
        let mut retries = Retries::until(deadline);
        loop {
            let step = self.open(presented, now, deadline, retries.are_begun());
            let told = timeout_at(deadline, step).await;
            match told.unwrap_or(Err(StoreError::Timeout)) {
                Err(error) if retries.allow(&error, self) => {}
                told => return told,
            }
        }
    }
}

impl PostgresStore {
    /// Redeems in a transaction that was begun for it.
    async fn open(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
        deadline: Instant,
        is_wary: bool,
    ) -> Result<InTransaction<Transaction<'static, Postgres>>, StoreError> {
        let mut connection = self.connection(deadline).await?;
        // What `begin` refuses goes back to the pool, so it is asked before.
        if is_wary && is_standby(&mut connection).await.unwrap_or(true) {
            drop(connection.detach());
            return Err(reads_only());
        }
        let mut transaction = begin(connection, &self.begin).await?;
        match tokens::redeem(&mut transaction, &self.on_open, presented, now, Counts::Yes).await {
            Ok(Redeemed::Redeemed(stored)) => Ok(InTransaction::Redeemed(transaction, stored)),
            Ok(Redeemed::Refused(reason)) => {
                transaction.commit().await.map_err(outage)?;
                Ok(InTransaction::Refused(reason))
            }
            Err(error) => {
                let told = Err(uncommitted(error));
                if is_over(&told) {
                    // Whatever it takes for prepared: it goes back to the pool, and is not asked again.
                    let _ = transaction.clear_cached_statements().await;
                }
                told
            }
        }
    }
}
