//! The laws of `token-store`, all of them, over PostgreSQL.

use core::{
    iter,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::sync::{Arc, Mutex};

use sqlx::{AssertSqlSafe, Connection, PgPool, Postgres, Transaction, postgres::PgPoolOptions};
use testing::postgres::{PATIENCE, Schema, options, pool, pool_options};
use token_store::conformance::{Harness, OpenHarness};
use token_store_sqlx::{PostgresStore, sqlx};

/// Ten thousand clients wait for each other, also on a busy machine.
const LONG: Duration = Duration::from_secs(300);

fn long() -> PgPoolOptions {
    pool_options().acquire_timeout(LONG)
}

/// A schema for each law; each store has a prefix of its own in it, or that of one that nobody has
/// any more, emptied: tables are made slowly.
struct Prefixes {
    schema: Schema,
    /// One for each instance.
    pools: [PgPool; 2],
    stores: Mutex<Vec<Instances>>,
    made: AtomicU32,
}

/// A prefix and who uses it.
#[derive(Clone)]
struct Instances {
    prefix: String,
    first: Arc<PostgresStore>,
    second: Option<Arc<PostgresStore>>,
}

impl Instances {
    /// Nobody has them but the harness.
    fn unused(&self) -> bool {
        let mut all = iter::once(&self.first).chain(&self.second);
        all.all(|store| Arc::strong_count(store) == 1)
    }
}

fn idle(pool: &PgPool) -> bool {
    pool.num_idle() == pool.size() as usize
}

impl Prefixes {
    fn new() -> Self {
        Self {
            schema: Schema::new(),
            pools: [(); 2].map(|()| long().connect_lazy_with(options())),
            stores: Mutex::default(),
            made: AtomicU32::new(0),
        }
    }

    /// An emptied store that only this harness knows, once nothing that a law dropped still runs: a
    /// connection is back in the pool after its last answer.
    async fn unused(&self) -> Option<Arc<PostgresStore>> {
        for _ in 0..1_000 {
            if self.pools.iter().all(idle) {
                break;
            }
            tokio::task::yield_now().await;
        }
        if !self.pools.iter().all(idle) {
            return None;
        }
        let Instances { prefix, first, .. } = {
            let stores = self.stores.lock().expect("no test panicked");
            stores.iter().find(|known| known.unused())?.clone()
        };
        let delete = ["tokens", "slots", "ends", "factors", "limits"]
            .map(|table| format!("DELETE FROM {}.{prefix}{table};", self.schema.name));
        let deleted = sqlx::raw_sql(AssertSqlSafe(delete.concat())).execute(&self.pools[0]);
        deleted.await.expect("the server is there");
        Some(first)
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
        if let Some(store) = self.unused().await {
            return store;
        }
        let prefix = format!("s{}_", self.made.fetch_add(1, Ordering::Relaxed));
        let first = self.over(self.pools[0].clone(), &prefix, LONG).await;
        let mut stores = self.stores.lock().expect("no test panicked");
        stores.push(Instances {
            prefix,
            first: Arc::clone(&first),
            second: None,
        });
        first
    }

    async fn another(&self, store: &Arc<PostgresStore>) -> Arc<PostgresStore> {
        let known = {
            let stores = self.stores.lock().expect("no test panicked");
            let mut stores = stores.iter();
            let known = stores.find(|known| Arc::ptr_eq(&known.first, store));
            known.expect("a store of this harness").clone()
        };
        if let Some(second) = known.second {
            return second;
        }
        let second = self.over(self.pools[1].clone(), &known.prefix, LONG).await;
        let mut stores = self.stores.lock().expect("no test panicked");
        for known in &mut *stores {
            if Arc::ptr_eq(&known.first, store) {
                known.second = Some(Arc::clone(&second));
            }
        }
        second
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
    token_store::laws!(charged: Prefixes::new());
    token_store::laws!(charged_factors: Prefixes::new());
    token_store::laws!(open: Prefixes::new());
}
