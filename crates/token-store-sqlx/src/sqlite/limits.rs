//! Limits: each verb as a write.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use token_store::{
    Charge, LimitStore, Spent, StoreError, StoreId, check_charges,
    ott_core::{
        LimitKey, LimitKind,
        chrono::{DateTime, Utc},
    },
};

use super::{
    SqliteStore,
    group::write,
    ledger::Ledger,
    purge::{OF_LIMITS, Purge, purge_all},
    verb::Verb,
};

#[async_trait]
impl LimitStore for SqliteStore {
    /// All kinds: a row stays until [`purge_limits`](Self::purge_limits) finds it as good as new.
    fn keeps(&self, _: LimitKind) -> bool {
        true
    }

    fn store_id(&self) -> Option<StoreId> {
        Some(StoreId::of(&*self.queue))
    }

    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        check_charges(charges)?;
        let charges = charges.to_vec();
        write(self, Spend { charges, now }).await
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        let charges = charges.to_vec();
        write(self, Refund { charges, times }).await
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        write(self, Clear(*key)).await
    }

    async fn purge_limits(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        purge_all(self, Purge::new(OF_LIMITS, before, limit)).await
    }
}

struct Spend {
    charges: Vec<Charge>,
    now: DateTime<Utc>,
}

impl Verb for Spend {
    type Answer = Spent;

    /// Nothing may change between what is read and what is written.
    fn is_several(&self) -> bool {
        true
    }

    fn charges(&self) -> &[Charge] {
        &self.charges
    }

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        ledger: &mut Ledger,
    ) -> Result<Spent, StoreError> {
        ledger.spend(connection, &self.charges, self.now).await
    }
}

struct Refund {
    charges: Vec<Charge>,
    times: u32,
}

impl Verb for Refund {
    type Answer = ();

    /// As of [`Spend`].
    fn is_several(&self) -> bool {
        true
    }

    fn charges(&self) -> &[Charge] {
        &self.charges
    }

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        ledger: &mut Ledger,
    ) -> Result<(), StoreError> {
        ledger.refund(connection, &self.charges, self.times).await
    }
}

struct Clear(LimitKey);

impl Verb for Clear {
    type Answer = ();

    async fn run(&self, _: &mut SqliteConnection, ledger: &mut Ledger) -> Result<(), StoreError> {
        ledger.clear(&self.0);
        Ok(())
    }
}
