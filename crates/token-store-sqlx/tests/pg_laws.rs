//! The laws of `token-store`, all of them, over PostgreSQL.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/pg.rs"]
mod pg;

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use pg::{PATIENCE, Schema, options, pool};
use sqlx::{Connection, PgPool, Postgres, Transaction};
use token_store::conformance::{Harness, OpenHarness};
use token_store_sqlx::{PostgresStore, sqlx};
use tokio::sync::OnceCell;

/// A schema for each law; each store has a prefix of its own in it.
struct Prefixes {
    schema: Schema,
    pool: OnceCell<PgPool>,
    stores: AtomicU32,
}

impl Prefixes {
    fn new() -> Self {
        Self {
            schema: Schema::new(),
            pool: OnceCell::new(),
            stores: AtomicU32::new(0),
        }
    }

    async fn over(&self, pool: PgPool) -> Arc<PostgresStore> {
        let number = self.stores.fetch_add(1, Ordering::Relaxed);
        let store = PostgresStore::builder()
            .schema(&self.schema.name)
            .prefix(format!("s{number}_"))
            .timeout(PATIENCE)
            .pool(pool)
            .await;
        Arc::new(store.expect("the server is there"))
    }
}

impl Harness for Prefixes {
    type Store = PostgresStore;

    async fn store(&self) -> Arc<PostgresStore> {
        let pool = self.pool.get_or_init(async || pool()).await;
        self.over(pool.clone()).await
    }

    /// Nobody listens any more where its server was.
    async fn broken(&self) -> Arc<PostgresStore> {
        let store = self.over(pool()).await;
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

    fn patience(&self) -> core::time::Duration {
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
