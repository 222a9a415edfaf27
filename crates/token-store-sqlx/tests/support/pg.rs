//! Stores in schemas of their own on the server that `POSTGRES_URL` names.

#![allow(dead_code, reason = "each test file uses a part")]

use core::time::Duration;

use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};
use testing::postgres::{PATIENCE, Schema, pool};
use token_store_sqlx::{PostgresStore, PostgresStoreBuilder, sqlx};

use crate::fixture::Fixture;

/// A store in a schema that goes away.
pub(crate) type PgFixture = Fixture<PostgresStore, Schema>;

impl PgFixture {
    pub(crate) async fn new() -> Self {
        Self::with(PostgresStore::builder().timeout(PATIENCE)).await
    }

    pub(crate) async fn with(builder: PostgresStoreBuilder) -> Self {
        Self::on_pool(builder, pool()).await
    }

    pub(crate) async fn on_pool(builder: PostgresStoreBuilder, pool: PgPool) -> Self {
        let schema = Schema::new();
        let store = builder.schema(&schema.name).pool(pool).await;
        Self::over(store.expect("the server is there"), schema)
    }

    /// Runs a statement in which `{name}` stands for a table.
    pub(crate) async fn run(&self, text: &str) -> u64 {
        let query = AssertSqlSafe(self.fill(text));
        let done = sqlx::query(query).execute(self.store.pool()).await;
        done.expect("a statement of the test").rows_affected()
    }

    pub(crate) async fn number(&self, text: &str) -> i64 {
        let query = AssertSqlSafe(self.fill(text));
        let found = sqlx::query_scalar(query).fetch_one(self.store.pool()).await;
        found.expect("a number")
    }

    /// Whatever is locked here is held until the transaction ends.
    pub(crate) async fn hold(&self, select: &str) -> Transaction<'static, Postgres> {
        let mut held = self.store.pool().begin().await.expect("a transaction");
        let select = AssertSqlSafe(self.fill(select));
        let locked = sqlx::query(select).execute(&mut *held).await;
        locked.expect("a lock");
        held
    }

    /// Until so many statements about these tables wait for a lock.
    pub(crate) async fn waiting(&self, many: i64) {
        let count = "SELECT count(*) FROM pg_stat_activity \
                     WHERE wait_event_type = 'Lock' AND position($1 IN query) > 0";
        for _ in 0..3_000 {
            let found = sqlx::query_scalar(count).bind(&self.place.name);
            let found: i64 = found.fetch_one(self.store.pool()).await.expect("a number");
            if found == many {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{many} statements that wait");
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        let tables = ["tokens", "slots", "ends", "factors", "limits", "migrations"];
        tables.iter().fold(text.to_owned(), |text, table| {
            text.replace(&format!("{{{table}}}"), &self.place.table(table))
        })
    }
}
