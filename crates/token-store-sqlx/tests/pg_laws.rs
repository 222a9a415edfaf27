//! The laws of `token-store`, all of them, over PostgreSQL.

use core::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::sync::{Arc, Mutex};

use sqlx::{AssertSqlSafe, Connection, PgPool, Postgres, Transaction};
use testing::postgres::{PATIENCE, Schema, options, pool, pool_options};
use token_store::conformance::{Harness, OpenHarness};
use token_store_sqlx::{PostgresStore, sqlx};
use tokio::sync::OnceCell;

/// Ten thousand clients wait for each other, also on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// A schema for each law; each store has a prefix of its own in it, or that of one that nobody has
/// any more, emptied: tables are made slowly.
struct Prefixes {
    schema: Schema,
    pool: OnceCell<PgPool>,
    stores: Mutex<Vec<(String, Arc<PostgresStore>)>>,
    made: AtomicU32,
}

impl Prefixes {
    fn new() -> Self {
        Self {
            schema: Schema::new(),
            pool: OnceCell::new(),
            stores: Mutex::default(),
            made: AtomicU32::new(0),
        }
    }

    /// An emptied store that only this harness knows, once nothing that a law dropped still runs: a
    /// connection is back in the pool after its last answer.
    async fn unused(&self, pool: &PgPool) -> Option<Arc<PostgresStore>> {
        for _ in 0..1_000 {
            if pool.num_idle() == pool.size() as usize {
                break;
            }
            tokio::task::yield_now().await;
        }
        if pool.num_idle() < pool.size() as usize {
            return None;
        }
        let (prefix, store) = {
            let stores = self.stores.lock().expect("no test panicked");
            let mut stores = stores.iter();
            let (prefix, store) = stores.find(|(_, store)| Arc::strong_count(store) == 1)?;
            (prefix.clone(), Arc::clone(store))
        };
        let delete = ["tokens", "slots", "factors", "limits"]
            .map(|table| format!("DELETE FROM {}.{prefix}{table};", self.schema.name));
        let deleted = sqlx::raw_sql(AssertSqlSafe(delete.concat())).execute(pool);
        deleted.await.expect("the server is there");
        Some(store)
    }

    async fn over(&self, pool: PgPool, prefix: &str, timeout: Duration) -> Arc<PostgresStore> {
        let store = PostgresStore::builder()
            .schema(&self.schema.name)
            .prefix(prefix)
            .timeout(timeout)
            .pool(pool)
            .await;
        Arc::new(store.expect("the server is there"))
    }
}

impl Harness for Prefixes {
    type Store = PostgresStore;

    async fn store(&self) -> Arc<PostgresStore> {
        let long = || pool_options().acquire_timeout(LONG);
        let pool = self
            .pool
            .get_or_init(async || long().connect_lazy_with(options()))
            .await;
        if let Some(store) = self.unused(pool).await {
            return store;
        }
        let prefix = format!("s{}_", self.made.fetch_add(1, Ordering::Relaxed));
        let store = self.over(pool.clone(), &prefix, LONG).await;
        let mut stores = self.stores.lock().expect("no test panicked");
        stores.push((prefix, Arc::clone(&store)));
        store
    }

    /// Nobody listens any more where its server was.
    async fn broken(&self) -> Arc<PostgresStore> {
        let store = self.over(pool(), "broken_", PATIENCE).await;
        let pool = store.pool();
        let nowhere = options().socket("/nowhere").host("127.0.0.1").port(1);
        pool.set_connect_options(nowhere);
        // One may still be on its way back to the pool.
        while pool.size() > 0 {
            match pool.try_acquire() {
                Some(connection) => connection.detach().close().await.expect("it is idle"),
                None => tokio::task::yield_now().await,
            }
        }
        store
    }

    fn patience(&self) -> Duration {
        PATIENCE
    }
}

impl OpenHarness for Prefixes {
    async fn commit(transaction: Transaction<'static, Postgres>) {
        transaction.commit().await.expect("the server is there");
    }
}

/// Named for the report of `scripts/test`.
mod postgres {
    use super::Prefixes;

    token_store::laws!(Prefixes::new());
    token_store::laws!(open: Prefixes::new());
}
