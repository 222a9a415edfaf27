//! What docs/keys.md has an operator type, over SQLite: each statement shows or does what the page says.

#[path = "support/fixture.rs"]
mod fixture;
#[path = "support/keys_sql.rs"]
mod keys_sql;

use fixture::Fixture;
use keys_sql::{
    Operator, the_old_key_is_dropped_once_nothing_is_left, what_a_leaked_key_made_is_removed,
};
use sqlx::{AssertSqlSafe, SqlitePool};
use token_store_sqlx::sqlx;

/// As the page spells it.
impl Operator for SqlitePool {
    const BYTES: fn(&str) -> String = |digits| format!("x'{digits}'");

    async fn count(&mut self, sql: String) -> i64 {
        let counted = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&*self);
        counted.await.expect("a number")
    }

    async fn people(&mut self, sql: String) -> Vec<(String, String)> {
        let found = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&*self);
        found.await.expect("tenant and subject")
    }

    async fn change(&mut self, sql: String) -> u64 {
        let changed = sqlx::query(AssertSqlSafe(sql)).execute(&*self);
        changed.await.expect("a change").rows_affected()
    }
}

/// The statements of step 4 count what the old key made and name its owners, until nothing is left and the key can go.
#[tokio::test(flavor = "multi_thread")]
async fn step_4_shows_what_is_left_of_the_old_key() {
    let fixture = Fixture::new().await;
    let mut shell = fixture.outsider().await;
    the_old_key_is_dropped_once_nothing_is_left(fixture.store.clone(), &mut shell).await;
}

/// Two statements remove what a leaked key made, and leave what another key made.
#[tokio::test(flavor = "multi_thread")]
async fn leak_ends_with_two_statements() {
    let fixture = Fixture::new().await;
    let mut shell = fixture.outsider().await;
    what_a_leaked_key_made_is_removed(fixture.store.clone(), &mut shell).await;
}
