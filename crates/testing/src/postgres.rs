//! The server that `POSTGRES_URL` names, with a schema for each test.

#[cfg(unix)]
mod pooler;
#[cfg(unix)]
mod server;

use core::{hash::BuildHasher, str::FromStr, time::Duration};
use std::{env, hash::RandomState};

use sqlx::{
    AssertSqlSafe, ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use token_store_sqlx::sqlx;

#[cfg(unix)]
pub use self::{
    pooler::Pooler,
    server::{Server, as_user, is_root, user},
};

/// How long a store of the tests waits on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The server of the tests. None is a failure, never a test that is passed over.
pub fn options() -> PgConnectOptions {
    let url = env::var("POSTGRES_URL").expect(
        "POSTGRES_URL names no PostgreSQL server: run `scripts/with-servers cargo test …`, \
         or set it to a server of yours",
    );
    let options = PgConnectOptions::from_str(&url).expect("POSTGRES_URL is a URL of PostgreSQL");
    // Below the patience of every store that has it.
    options.options([("statement_timeout", "15s")])
}

/// A pool that several tests can have at once.
pub fn pool_options() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(16)
        .acquire_timeout(PATIENCE)
}

/// A pool of the tests' server.
pub fn pool() -> PgPool {
    pool_options().connect_lazy_with(options())
}

/// A name that nobody else's schema has, dropped at the end.
#[derive(Debug)]
pub struct Schema {
    /// Letters, digits and underscores.
    pub name: String,
    options: PgConnectOptions,
}

impl Schema {
    /// On the server of the tests.
    #[expect(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Self {
        Self::on(options())
    }

    /// On this server.
    pub fn on(options: PgConnectOptions) -> Self {
        let random = RandomState::new().hash_one(0);
        Self {
            name: format!("ott_test_{random:016x}"),
            options,
        }
    }

    /// A table of it.
    pub fn table(&self, name: &str) -> String {
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
