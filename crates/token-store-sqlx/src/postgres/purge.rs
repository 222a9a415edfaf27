//! Removing what is dead: looked for without a lock, removed in small steps that wait for nobody.

use sqlx::PgConnection;
use token_store::{
    StoreError,
    ott_core::chrono::{DateTime, Utc},
};

use super::{
    PostgresStore,
    id::Id,
    on_connection,
    outage::outage,
    statements::{Query, Statement},
    tokens::current,
};
use crate::rows::{self, ReadRow, micros};

/// `Stored::is_dead_before` at `$2`, beside an `expires_at` that was reached; `$1` is 60 s earlier.
macro_rules! dead_otherwise {
    () => {
        concat!(
            "($1::bigint - coalesce(t.used_at, t.issued_at) >= t.idle_micros \
              OR t.issued_at < $2::bigint AND (t.state NOT IN (0, 1) OR NOT ",
            current!(),
            "))"
        )
    };
}

/// The dead, found first by the index that expiry has.
pub(super) const DEAD_TOKENS: &str = concat!(
    "SELECT t.id FROM {tokens} AS t WHERE t.expires_at <= $1::bigint \
     UNION ALL \
     SELECT t.id FROM {tokens} AS t \
     WHERE t.issued_at < $2::bigint AND (t.expires_at IS NULL OR t.expires_at > $1::bigint) AND ",
    dead_otherwise!(),
    " LIMIT $3::bigint"
);

/// The condition again, of each row as it is once it is locked; whoever holds one keeps it.
///
/// A slot goes with the last of its records, unless a newer batch raised its generation since this
/// statement began: the records of that one are not seen here.
pub(super) const DELETE_TOKENS: &str = concat!(
    "WITH dead AS MATERIALIZED ( \
       SELECT t.id, t.slot FROM {tokens} AS t \
       WHERE t.id = ANY ($3::uuid[]) AND (t.expires_at <= $1::bigint OR ",
    dead_otherwise!(),
    ") FOR UPDATE OF t SKIP LOCKED), \
     gone AS (DELETE FROM {tokens} AS t USING dead WHERE t.id = dead.id RETURNING 1), \
     empty AS MATERIALIZED ( \
       SELECT s.slot, s.generation FROM {slots} AS s \
       WHERE s.slot IN (SELECT dead.slot FROM dead) \
         AND NOT EXISTS (SELECT FROM {tokens} AS t WHERE t.slot = s.slot \
                         AND NOT EXISTS (SELECT FROM dead WHERE dead.id = t.id))), \
     held AS MATERIALIZED ( \
       SELECT s.slot FROM {slots} AS s \
       JOIN empty ON empty.slot = s.slot AND empty.generation = s.generation \
       FOR UPDATE OF s SKIP LOCKED), \
     freed AS (DELETE FROM {slots} AS s USING held WHERE s.slot = held.slot RETURNING 1) \
     SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM freed) AS freed"
);

pub(super) const DEAD_LIMITS: &str = "\
SELECT key AS id FROM {limits} WHERE count = 0 AND full_at <= $1::bigint LIMIT $2::bigint";

pub(super) const DELETE_LIMITS: &str = "\
WITH dead AS MATERIALIZED ( \
  SELECT key FROM {limits} WHERE key = ANY ($2::uuid[]) AND count = 0 AND full_at <= $1::bigint \
  FOR UPDATE SKIP LOCKED), \
gone AS (DELETE FROM {limits} AS l USING dead WHERE l.key = dead.key RETURNING 1) \
SELECT count(*) AS gone FROM gone";

/// So many rows are looked up at once,
const FOUND_AT_ONCE: u64 = 16_384;
/// and so many removed in one commit.
const REMOVED_AT_ONCE: usize = 1_024;

impl PostgresStore {
    pub(super) async fn purge_dead_tokens(
        &self,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let select = |most| dead_tokens(&self.statements.dead_tokens, before, most);
        let delete = |ids| delete_dead_tokens(&self.statements.delete_tokens, before, ids);
        self.purge_rows(limit, select, delete).await
    }

    pub(super) async fn purge_dead_limits(
        &self,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, StoreError> {
        let before = micros(&before);
        let select = |most| {
            let query = self.statements.dead_limits.query();
            query.bind(before).bind(most)
        };
        let delete = |ids| {
            let query = self.statements.delete_limits.query();
            query.bind(before).bind(ids)
        };
        self.purge_rows(limit, select, delete).await
    }

    /// Removes at most `limit` rows, in bounded steps, each within the time-out.
    async fn purge_rows(
        &self,
        limit: u32,
        select: impl Fn(i64) -> Query<'static> + Send + Sync,
        delete: impl Fn(Vec<Id>) -> Query<'static> + Send + Sync,
    ) -> Result<u64, StoreError> {
        let mut removed = 0u64;
        loop {
            let most = u64::from(limit).saturating_sub(removed).min(FOUND_AT_ONCE);
            let wanted = i64::try_from(most).unwrap_or(i64::MAX);
            let ids = on_connection!(self, connection => found(connection, select(wanted)))?;
            let before = removed;
            for some in ids.chunks(REMOVED_AT_ONCE) {
                let gone =
                    on_connection!(self, connection => gone(connection, delete(some.to_vec())))?;
                removed = removed.saturating_add(gone);
            }
            let last = u64::try_from(ids.len()).unwrap_or(u64::MAX) < most;
            if last || removed == before {
                return Ok(removed);
            }
        }
    }
}

pub(super) fn dead_tokens<'q>(
    statement: &Statement,
    before: DateTime<Utc>,
    most: i64,
) -> Query<'q> {
    let before = micros(&before);
    statement
        .query()
        .bind(before.saturating_sub(60_000_000))
        .bind(before)
        .bind(most)
}

pub(super) fn delete_dead_tokens<'q>(
    statement: &Statement,
    before: DateTime<Utc>,
    ids: Vec<Id>,
) -> Query<'q> {
    let before = micros(&before);
    statement
        .query()
        .bind(before.saturating_sub(60_000_000))
        .bind(before)
        .bind(ids)
}

pub(super) async fn found(
    connection: &mut PgConnection,
    select: Query<'_>,
) -> Result<Vec<Id>, StoreError> {
    let rows = select.fetch_all(connection).await.map_err(outage)?;
    let ids = rows
        .iter()
        .map(|row| row.id("id")?.ok_or(StoreError::Corrupt("id")));
    ids.map(|id| id.map(Id)).collect()
}

pub(super) async fn gone(
    connection: &mut PgConnection,
    delete: Query<'_>,
) -> Result<u64, StoreError> {
    let row = super::returned(connection, delete).await?;
    rows::number(&row.ok_or(StoreError::Corrupt("gone"))?, "gone")
}
