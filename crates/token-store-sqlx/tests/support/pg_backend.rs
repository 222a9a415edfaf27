//! What differs between the databases that a life is led over: here PostgreSQL.

#![allow(dead_code, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, reason = "a helper that panics fails its test")]

use core::{str::FromStr, time::Duration};

use sqlx::postgres::PgConnectOptions;
use token_store::ott_core::LimitKey;
use token_store_sqlx::{PostgresStore, sqlx};

pub(crate) type Store = PostgresStore;

/// The store on this server, which is the test's own.
pub(crate) async fn open(url: &str) -> Store {
    let options = PgConnectOptions::from_str(url).unwrap();
    let builder = PostgresStore::builder().timeout(Duration::from_secs(30));
    builder.connect(options).await.expect("the server is there")
}

/// What was spent of a ceiling.
pub(crate) async fn spent(store: &Store, key: &LimitKey) -> Option<i64> {
    let select = "SELECT count FROM ott_limits WHERE key = encode($1, 'hex')::uuid";
    let select = sqlx::query_scalar(select).bind(key.as_bytes().as_slice());
    select.fetch_optional(store.pool()).await.unwrap()
}

/// Fails if a record of a slot lacks the slot's row.
pub(crate) async fn look(store: &Store) {
    let select = "SELECT count(*) FROM ott_tokens AS t WHERE t.slot IS NOT NULL \
        AND NOT EXISTS (SELECT FROM ott_slots AS s WHERE s.slot = t.slot)";
    let lost: i64 = sqlx::query_scalar(select)
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!(lost, 0);
}
