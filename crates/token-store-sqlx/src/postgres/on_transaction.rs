//! The verbs on a transaction of the caller.

use core::{fmt, time::Duration};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use token_store::{
    Decided, Inserted, Redeemed, Revoke, StoreError, TokenStore,
    ott_core::{
        Decision, Presented, Purpose, Reason, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};
use tokio::sync::Mutex;

use super::{
    PostgresStore,
    connection::returned,
    insert::insert,
    outage::outage,
    purge::{Purge, TOKENS},
    row::is_true,
    statements::Statements,
    tokens,
};
use crate::{error::within, redeem::Counts};

/// A [`TokenStore`] on the caller's open transaction: [`PostgresStore::on`].
///
/// If a record counts attempts, `redeem` answers [`StoreError::Misuse`] and changes nothing: a rollback
/// would give the guess back. Redeem such a record with
/// [`RedeemInTransaction`](token_store::RedeemInTransaction). For the same reason this type implements
/// neither [`LimitStore`](token_store::LimitStore) nor [`FactorStore`](token_store::FactorStore).
///
/// If the transaction is not `READ COMMITTED`, every verb answers [`StoreError::Misuse`] and does
/// nothing: it would see the rows as they were when the transaction began, and take a token for live that
/// a newer one has replaced since. A transaction at the database's default level is right: the start of
/// the store has checked it.
///
/// A verb that writes first takes the lock of the record's subject, which the transaction keeps. Other
/// transactions that write that subject's records, or revoke all of them, wait until this one ends, without
/// a deadlock. If a transaction writes records of several subjects, use the same order everywhere. If two
/// transactions wait for each other all the same, the server ends one of them with
/// [`StoreError::Unavailable`]: nothing of it is done, and you may run it again from its start.
///
/// Each verb is one statement in one round trip. `insert` takes three: a savepoint keeps an id that is taken
/// from ending the transaction. `revoke` of a subject takes three where it waits for somebody. A purge is several.
///
/// After any error but [`StoreError::Misuse`], roll the transaction back: the verb may or may not be part of
/// it.
pub struct OnPgTransaction<'c> {
    /// The contract takes `&self`; nobody waits here but for the verb before.
    connection: Mutex<&'c mut PgConnection>,
    statements: Arc<Statements>,
    timeout: Duration,
}

impl PostgresStore {
    /// The verbs on the caller's open transaction: done when it commits, undone when it rolls back.
    ///
    /// The rows that it changed stay locked until then, and another verb on one of them waits. If the
    /// transaction is not `READ COMMITTED`, every verb refuses it as [`StoreError::Misuse`].
    #[must_use]
    pub fn on<'c>(&self, transaction: &'c mut Transaction<'_, Postgres>) -> OnPgTransaction<'c> {
        OnPgTransaction {
            connection: Mutex::new(transaction),
            statements: Arc::clone(&self.on_open),
            timeout: self.timeout,
        }
    }
}

impl OnPgTransaction<'_> {
    /// Whether a verb that found nothing would have been shown it. Asked only then: where it is not so,
    /// no statement finds anything.
    async fn is_fresh(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let row = returned(connection, self.statements.isolation.query()).await?;
        if row.as_ref().map(|row| is_true(row, "fresh")).transpose()? == Some(true) {
            return Ok(());
        }
        Err(StoreError::Misuse(
            "a transaction that is not READ COMMITTED and sees what is no more",
        ))
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
            let Some(count) = inserted else {
                savepoint.rollback().await.map_err(outage)?;
                return Ok(Inserted::Collision);
            };
            savepoint.commit().await.map_err(outage)?;
            if count == 0 && !batch.is_empty() {
                self.is_fresh(&mut connection).await?;
            }
            Ok(Inserted::Done)
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
            let told = tokens::redeem(&mut connection, statements, presented, now, Counts::Refused);
            let told = told.await?;
            if told == Redeemed::Refused(Reason::Unknown) {
                self.is_fresh(&mut connection).await?;
            }
            Ok(told)
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
            let statements = &self.statements;
            let told = tokens::decide(&mut connection, statements, id, decision, now).await?;
            if told == Decided::Refused(Reason::Unknown) {
                self.is_fresh(&mut connection).await?;
            }
            Ok(told)
        })
        .await
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            let found = tokens::find(&mut connection, &self.statements, id).await?;
            if found.is_none() {
                self.is_fresh(&mut connection).await?;
            }
            Ok(found)
        })
        .await
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            if tokens::touch(&mut connection, &self.statements, id, now).await? == 0 {
                self.is_fresh(&mut connection).await?;
            }
            Ok(())
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
            let statements = &self.statements;
            let listed = tokens::list(&mut connection, statements, subject, purpose, now).await?;
            if listed.is_empty() {
                self.is_fresh(&mut connection).await?;
            }
            Ok(listed)
        })
        .await
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            let revoked = tokens::revoke(&mut connection, &self.statements, what).await?;
            if revoked == 0 {
                self.is_fresh(&mut connection).await?;
            }
            Ok(revoked)
        })
        .await
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        within(self.timeout, async {
            let mut connection = self.connection.lock().await;
            let mut purge = Purge::new(TOKENS, before, limit);
            while purge.step(&mut connection, &self.statements).await? {}
            if purge.removed() == 0 {
                self.is_fresh(&mut connection).await?;
            }
            Ok(purge.removed())
        })
        .await
    }
}

impl fmt::Debug for OnPgTransaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnPgTransaction").finish_non_exhaustive()
    }
}
