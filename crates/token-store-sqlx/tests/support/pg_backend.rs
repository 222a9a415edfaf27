//! What differs between the databases that a life is led over: here PostgreSQL.

#![allow(dead_code, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

use core::{str::FromStr, time::Duration};

use sqlx::postgres::PgConnectOptions;
use token_store_sqlx::{PostgresStore, sqlx};

pub(crate) type Store = PostgresStore;

/// The store on this server, which is the test's own.
pub(crate) async fn open(url: &str) -> Store {
    let options = PgConnectOptions::from_str(url).unwrap();
    let builder = PostgresStore::builder().timeout(Duration::from_secs(30));
    builder.connect(options).await.expect("the server is there")
}
