//! Stores in schemas of their own on the server that `POSTGRES_URL` names.

#![allow(dead_code, reason = "each test file uses a part")]

use sqlx::{AssertSqlSafe, PgPool};
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

    pub(crate) fn fill(&self, text: &str) -> String {
        let tables = ["tokens", "slots", "factors", "limits", "migrations"];
        tables.iter().fold(text.to_owned(), |text, table| {
            text.replace(&format!("{{{table}}}"), &self.place.table(table))
        })
    }
}
