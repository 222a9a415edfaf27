//! Stores in schemas of their own on the server that `POSTGRES_URL` names.

#![allow(dead_code, reason = "each test file uses a part")]

use core::{hash::BuildHasher, str::FromStr, time::Duration};
use std::{env, hash::RandomState};

use sqlx::{
    AssertSqlSafe, ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use token_store_sqlx::{PostgresStore, PostgresStoreBuilder, sqlx};

use crate::fixture::Fixture;

/// A store in a schema that goes away.
pub(crate) type PgFixture = Fixture<PostgresStore, Schema>;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The server of the tests. None is a failure, never a test that is passed over.
pub(crate) fn options() -> PgConnectOptions {
    let url = env::var("POSTGRES_URL").expect(
        "POSTGRES_URL names no PostgreSQL server: run `scripts/with-servers cargo test …`, \
         or set it to a server of yours",
    );
    let options = PgConnectOptions::from_str(&url).expect("POSTGRES_URL is a URL of PostgreSQL");
    // Below the patience of every store that has it.
    options.options([("statement_timeout", "15s")])
}

pub(crate) fn pool_options() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(PATIENCE)
}

pub(crate) fn pool() -> PgPool {
    pool_options().connect_lazy_with(options())
}

/// A name that nobody else's schema has, dropped at the end.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) name: String,
    options: PgConnectOptions,
}

impl Schema {
    pub(crate) fn new() -> Self {
        Self::on(options())
    }

    pub(crate) fn on(options: PgConnectOptions) -> Self {
        let random = RandomState::new().hash_one(0);
        Self {
            name: format!("ott_test_{random:016x}"),
            options,
        }
    }

    /// A table of it.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}.ott_{name}", self.name)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let (options, name) = (self.options.clone(), self.name.clone());
        // A runtime of its own: the test's cannot be waited for here, and may end.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let options = options.options([("statement_timeout", "5s")]);
                let mut connection = options.connect().await?;
                let drop = AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {name} CASCADE"));
                sqlx::raw_sql(drop).execute(&mut connection).await
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            eprintln!("the schema {} is left behind: {error}", self.name);
        }
    }
}

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
