//! Starting a store: what the server promises, and the tables.

use std::sync::Arc;

use sqlx::{PgPool, postgres::PgConnectOptions};
use token_store::StoreError;

use super::{
    PostgresStore,
    builder::{Pooler, PostgresStoreBuilder},
    connection::BEGIN,
    migrate::{are_current, migrate},
    outage::outage,
    server::{allows_transactions, is_pooled},
    statements::{Place, Statements},
};
use crate::{StartError, error::within};

impl PostgresStore {
    /// A store in the application's own database. Its tables start with `ott_`, in the schema `public`.
    /// Make the pool with [`PostgresStoreBuilder::pool_options`].
    ///
    /// # Errors
    /// [`StartError`]: for example [`StartError::WeakCommits`] if the commits of the server or of the
    /// pool may be lost.
    pub async fn new(pool: PgPool) -> Result<Self, StartError> {
        Self::builder().pool(pool).await
    }
}

impl PostgresStoreBuilder {
    /// A store with a pool of its own, of [`pool_options`](Self::pool_options).
    ///
    /// # Errors
    /// [`StartError`] if the server does not answer, does not promise what the store needs, or the tables
    /// cannot be made.
    pub async fn connect(self, options: PgConnectOptions) -> Result<PostgresStore, StartError> {
        let pool = self.own_pool(options);
        self.pool(pool).await
    }

    /// A store in the application's own database.
    ///
    /// Make the pool with [`pool_options`](Self::pool_options). The time-out applies to the store's verbs
    /// alone.
    ///
    /// # Errors
    /// [`StartError`] if the server does not answer, does not promise what the store needs, or the tables
    /// cannot be made.
    pub async fn pool(self, pool: PgPool) -> Result<PostgresStore, StartError> {
        if !self.names.are_valid() {
            return Err(StartError::Name);
        }
        let statements = |place| {
            let are_named = self.pooler != Pooler::Expected;
            Arc::new(Statements::new(&self.names, place, are_named))
        };
        let begins = self.pooler == Pooler::Expected;
        let store = PostgresStore {
            pool,
            statements: statements(Place::Pool),
            on_open: statements(Place::Open),
            begin: if begins {
                // Its connections have no settings of ours.
                format!("{BEGIN}; SET LOCAL statement_timeout = {}", self.half()).into()
            } else {
                BEGIN.into()
            },
            timeout: self.timeout,
            begins,
        };
        let checks = async {
            let mut connection = store.pool.acquire().await.map_err(outage)?;
            self.check(&mut connection).await?.map_or(Ok(()), Err)?;
            if !allows_transactions(&mut connection).await? {
                return Err(StartError::StatementPooler);
            }
            if self.pooler == Pooler::Refused {
                if is_pooled(&store.pool, connection, self.timeout).await? {
                    return Err(StartError::Pooler);
                }
                connection = store.pool.acquire().await.map_err(outage)?;
            }
            are_current(&mut connection, &self.names).await
        };
        let are_current = tokio::time::timeout(self.timeout, checks)
            .await
            .unwrap_or(Err(StartError::Store(StoreError::Timeout)))?;
        if !are_current {
            let mut connection = within(self.timeout, async {
                store.pool.acquire().await.map_err(outage)
            })
            .await?;
            migrate(&mut connection, &self.names, self.timeout).await?;
        }
        Ok(store)
    }
}
