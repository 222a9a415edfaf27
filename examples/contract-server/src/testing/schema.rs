//! A schema of PostgreSQL for one test.

use core::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Executor as _, PgPool};

/// A schema of its own, which goes with this value. `POSTGRES_URL` names the server.
#[derive(Debug)]
pub struct Schema {
    pool: PgPool,
    name: String,
    url: String,
    runtime: tokio::runtime::Runtime,
}

impl Schema {
    /// Makes one.
    ///
    /// # Panics
    /// If there is no server.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes something outside")]
    pub fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("POSTGRES_URL");
        let server = server.expect("POSTGRES_URL: run it beside scripts/with-servers");
        let at = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("contract_{}_{at}", std::process::id());
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let pool = runtime.block_on(async {
            let pool = PgPool::connect(&server).await.expect("PostgreSQL");
            let make = AssertSqlSafe(format!("CREATE SCHEMA {name}"));
            pool.execute(make).await.expect("a schema");
            pool
        });
        let sign = if server.contains('?') { '&' } else { '?' };
        Self {
            url: format!("{server}{sign}options[search_path]={name}"),
            pool,
            name,
            runtime,
        }
    }

    /// What `--database` takes.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let gone = AssertSqlSafe(format!("DROP SCHEMA {} CASCADE", self.name));
        let _ = self.runtime.block_on(self.pool.execute(gone));
    }
}
