//! The verbs on a transaction of the caller.

use core::{fmt, time::Duration};

use async_trait::async_trait;
use sqlx::{Connection, Sqlite, SqliteConnection, Transaction};
use token_store::{
    Decided, Inserted, Redeemed, Revoke, StoreError, TokenStore,
    ott_core::{
        Decision, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};
use tokio::sync::Mutex;

use super::{
    SqliteStore,
    insert::{end, insert},
    outage::outage,
    purge::{OF_TOKENS, Purge},
    redeem::redeem,
    tokens,
};
use crate::{error::within, redeem::Counts};

/// A [`TokenStore`] on the caller's open transaction: [`SqliteStore::on`].
///
/// If a record counts attempts, `redeem` answers [`StoreError::Misuse`] and changes nothing: a rollback
/// would give the guess back. Redeem such a record with
/// [`RedeemInTransaction`](token_store::RedeemInTransaction). For the same reason this type implements
/// neither [`LimitStore`](token_store::LimitStore) nor [`FactorStore`](token_store::FactorStore).
///
/// After an error, roll the transaction back: the verb may or may not be part of it.
pub struct OnTransaction<'c> {
    /// The contract takes `&self`; nobody waits here but for the verb before.
    connection: Mutex<&'c mut SqliteConnection>,
    timeout: Duration,
}

impl SqliteStore {
    /// The verbs on the caller's open transaction: done when it commits, undone when it rolls back.
    ///
    /// Begin it with `BEGIN IMMEDIATE` (`pool.begin_with("BEGIN IMMEDIATE")`), or a write by
    /// somebody else between its first read and its first write ends it.
    #[must_use]
    pub fn on<'c>(&self, transaction: &'c mut Transaction<'_, Sqlite>) -> OnTransaction<'c> {
        OnTransaction {
            connection: Mutex::new(transaction),
            timeout: self.timeout,
        }
    }
}

#[async_trait]
impl TokenStore for OnTransaction<'_> {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            let mut savepoint = connection.begin().await.map_err(outage)?;
            let inserted = insert(&mut savepoint, batch).await?;
            end(savepoint, inserted).await
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
            redeem(&mut connection, presented, now, Counts::Refused).await
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
            tokens::decide(*self.connection.lock().await, id, decision, now).await
        })
        .await
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        within(self.timeout, async {
            tokens::find(*self.connection.lock().await, id).await
        })
        .await
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        within(self.timeout, async {
            tokens::touch(*self.connection.lock().await, id, now).await
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
            tokens::list(*self.connection.lock().await, subject, purpose, now).await
        })
        .await
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        within(self.timeout, async {
            tokens::revoke(*self.connection.lock().await, what).await
        })
        .await
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            let mut purge = Purge::new(OF_TOKENS, before, limit);
            while purge.look(&mut connection).await? {
                while purge.has_found() {
                    purge.remove(&mut connection).await?;
                }
            }
            Ok(purge.removed())
        })
        .await
    }
}

impl fmt::Debug for OnTransaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnTransaction").finish_non_exhaustive()
    }
}
