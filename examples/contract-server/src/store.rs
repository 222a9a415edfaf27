//! One type for both stores, for what is redeemed and applied in one transaction.

mod limits;

use async_trait::async_trait;
use sqlx::{Postgres, Sqlite};
use token_store_sqlx::{PostgresStore, SqliteStore};
use twofa_providers::token_store::{
    ChargedStore, Decided, InTransaction, Inserted, RedeemInTransaction, Redeemed, Revoke,
    StoreError, TokenStore,
    ott_core::{
        Decision, Presented, Purpose, Record, RecordId, Stored, Subject,
        chrono::{DateTime, Utc},
    },
};

/// A store over SQLite or PostgreSQL, whose limits bear a clock that is set back.
#[derive(Clone, Debug)]
pub enum Store {
    /// PostgreSQL.
    Postgres(PostgresStore),
    /// SQLite.
    Sqlite(SqliteStore),
}

/// A transaction of one of the two that is open. Dropped, it is rolled back.
#[derive(Debug)]
pub enum Transaction {
    /// PostgreSQL.
    Postgres(sqlx::Transaction<'static, Postgres>),
    /// SQLite: its one writer. Who writes elsewhere meanwhile waits for it.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

impl Transaction {
    /// What was done stands.
    ///
    /// # Errors
    /// The database did not answer: it may stand or not.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(open) => open.commit().await,
            Self::Sqlite(open) => open.commit().await,
        }
    }
}

impl Store {
    /// The verbs on a transaction that is open.
    ///
    /// # Errors
    /// [`StoreError::Misuse`]: it is the other database's.
    pub fn on<'c>(
        &self,
        open: &'c mut Transaction,
    ) -> Result<Box<dyn TokenStore + 'c>, StoreError> {
        match (self, open) {
            (Self::Postgres(store), Transaction::Postgres(open)) => Ok(Box::new(store.on(open))),
            (Self::Sqlite(store), Transaction::Sqlite(open)) => Ok(Box::new(store.on(open))),
            _ => Err(StoreError::Misuse("a transaction of another database")),
        }
    }
}

macro_rules! either {
    ($self:expr, $store:ident => $call:expr) => {
        match $self {
            Store::Postgres($store) => $call,
            Store::Sqlite($store) => $call,
        }
    };
}
use either;

#[async_trait]
impl TokenStore for Store {
    async fn insert(&self, batch: &[Record]) -> Result<Inserted, StoreError> {
        either!(self, store => store.insert(batch).await)
    }

    async fn redeem(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<Redeemed, StoreError> {
        either!(self, store => store.redeem(presented, now).await)
    }

    async fn decide(
        &self,
        id: &RecordId,
        decision: &Decision,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        either!(self, store => store.decide(id, decision, now).await)
    }

    async fn find(&self, id: &RecordId) -> Result<Option<Stored>, StoreError> {
        either!(self, store => store.find(id).await)
    }

    async fn touch(&self, id: &RecordId, now: DateTime<Utc>) -> Result<(), StoreError> {
        either!(self, store => store.touch(id, now).await)
    }

    async fn list(
        &self,
        subject: &Subject,
        purpose: Option<&Purpose>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Stored>, StoreError> {
        either!(self, store => store.list(subject, purpose, now).await)
    }

    async fn revoke(&self, what: &Revoke) -> Result<u64, StoreError> {
        either!(self, store => store.revoke(what).await)
    }

    async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        either!(self, store => store.purge(before, limit).await)
    }

    fn charged(&self) -> Option<&dyn ChargedStore> {
        Some(self)
    }
}

#[async_trait]
impl RedeemInTransaction for Store {
    type Transaction = Transaction;

    async fn redeem_in_transaction(
        &self,
        presented: &Presented,
        now: DateTime<Utc>,
    ) -> Result<InTransaction<Transaction>, StoreError> {
        use InTransaction::{Redeemed, Refused};
        Ok(match self {
            Self::Postgres(store) => match store.redeem_in_transaction(presented, now).await? {
                Redeemed(open, stored) => Redeemed(Transaction::Postgres(open), stored),
                Refused(reason) => Refused(reason),
            },
            Self::Sqlite(store) => match store.redeem_in_transaction(presented, now).await? {
                Redeemed(open, stored) => Redeemed(Transaction::Sqlite(open), stored),
                Refused(reason) => Refused(reason),
            },
        })
    }
}
