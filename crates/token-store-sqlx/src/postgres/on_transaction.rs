//! The verbs on a transaction of the caller.

use core::{fmt, time::Duration};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use token_store::{
    Decided, Inserted, Redeemed, Revoke, StoreError, TokenStore,
    ott_core::{
        Decision, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};
use tokio::sync::Mutex;

use super::{
    insert::insert,
    outage::outage,
    purge,
    statements::Statements,
    tokens::{self, Counts},
};
use crate::error::within;

/// A [`TokenStore`] on the caller's open transaction: [`PostgresStore::on`](crate::PostgresStore::on).
///
/// Its `redeem` answers [`StoreError::Misuse`] for a record that counts attempts, and changes
/// nothing then: a rollback would give the guess back. [`OpenRedeem`](token_store::OpenRedeem) is
/// for those. It is no [`LimitStore`](token_store::LimitStore) and no
/// [`FactorStore`](token_store::FactorStore) for the same reason.
///
/// After an error roll the transaction back: the verb may or may not stand in it.
pub struct OnPgTransaction<'c> {
    /// The contract takes `&self`; nobody waits here but for the verb before.
    connection: Mutex<&'c mut PgConnection>,
    statements: Arc<Statements>,
    timeout: Duration,
}

impl<'c> OnPgTransaction<'c> {
    pub(super) fn new(
        transaction: &'c mut Transaction<'_, Postgres>,
        statements: Arc<Statements>,
        timeout: Duration,
    ) -> Self {
        Self {
            connection: Mutex::new(transaction),
            statements,
            timeout,
        }
    }
}

#[async_trait]
impl TokenStore for OnPgTransaction<'_> {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            // A collision ends no more than this.
            let mut savepoint = connection.begin().await.map_err(outage)?;
            let inserted = insert(&mut savepoint, &self.statements, batch).await?;
            match inserted {
                Inserted::Done => savepoint.commit().await,
                Inserted::Collision => savepoint.rollback().await,
            }
            .map_err(outage)?;
            Ok(inserted)
        })
        .await
    }

    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            let statements = &self.statements;
            tokens::redeem(&mut connection, statements, presented, now, Counts::Refused).await
        })
        .await
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            tokens::decide(&mut connection, &self.statements, id, decision, now).await
        })
        .await
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            tokens::find(&mut connection, &self.statements, id).await
        })
        .await
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            tokens::touch(&mut connection, &self.statements, id, now).await
        })
        .await
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Stored>, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            tokens::list(&mut connection, &self.statements, subject, purpose, now).await
        })
        .await
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            tokens::revoke(&mut connection, &self.statements, what).await
        })
        .await
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            let statements = &self.statements;
            let select = purge::dead_tokens(&statements.dead_tokens, before, i64::from(limit));
            let ids = purge::found(&mut connection, select).await?;
            let delete = purge::delete_dead_tokens(&statements.delete_tokens, before, ids);
            purge::gone(&mut connection, delete).await
        })
        .await
    }
}

impl fmt::Debug for OnPgTransaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnPgTransaction").finish_non_exhaustive()
    }
}
