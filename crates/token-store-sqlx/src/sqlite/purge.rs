//! Removing what is dead: looked for without the write lock, removed in small steps with it.

use token_store::{
    StoreError,
    ott_core::chrono::{DateTime, Utc},
};

use super::{Query, SqliteStore, changed, outage::outage};
use crate::{
    error::within,
    rows::{self, micros},
};

/// `Stored::is_dead_before` at `?2`, beside an `expires_at` that was not reached; `?1` is 60 s earlier.
macro_rules! dead_otherwise {
    () => {
        "(coalesce(used_at, issued_at) + idle_micros <= ?1 \
          OR state NOT IN (0, 1) AND issued_at < ?2)"
    };
}

/// The dead, found first by the index that expiry has.
pub(super) fn dead_tokens(before: DateTime<Utc>, most: i64) -> Query<'static> {
    sqlx::query(concat!(
        "SELECT rowid FROM ( \
           SELECT rowid FROM ott_tokens WHERE expires_at <= ?1 \
           UNION ALL \
           SELECT rowid FROM ott_tokens \
           WHERE issued_at < ?2 AND (expires_at IS NULL OR expires_at > ?1) AND ",
        dead_otherwise!(),
        ") LIMIT ?3"
    ))
    .bind(micros(&before).saturating_sub(60_000_000))
    .bind(micros(&before))
    .bind(most)
}

/// A row id may be another record's by now, so the condition stands here again.
pub(super) fn delete_dead_tokens(before: DateTime<Utc>, rowids: String) -> Query<'static> {
    sqlx::query(concat!(
        "DELETE FROM ott_tokens \
         WHERE rowid IN (SELECT value FROM json_each(?3)) AND (expires_at <= ?1 OR ",
        dead_otherwise!(),
        ")"
    ))
    .bind(micros(&before).saturating_sub(60_000_000))
    .bind(micros(&before))
    .bind(rowids)
}

/// So many rows are looked up at once, without the write lock,
const FOUND_AT_ONCE: u64 = 16_384;
/// and so many removed at once, with it: a redeem waits for no more.
const REMOVED_AT_ONCE: usize = 256;

/// Removes at most `limit` rows, in bounded steps, each within the time-out.
pub(super) async fn purge_rows(
    store: &SqliteStore,
    limit: u32,
    select: impl Fn(i64) -> Query<'static> + Send,
    delete: impl Fn(String) -> Query<'static> + Send,
) -> Result<u64, StoreError> {
    let mut removed = 0u64;
    loop {
        let most = u64::from(limit).saturating_sub(removed).min(FOUND_AT_ONCE);
        let query = select(i64::try_from(most).unwrap_or(i64::MAX));
        let found = within(store.timeout, async {
            let rows = query
                .fetch_all(&mut *store.reader().await?)
                .await
                .map_err(outage)?;
            let rowids = rows.iter().map(|row| rows::number::<i64>(row, "rowid"));
            rowids.collect::<Result<Vec<_>, _>>()
        })
        .await?;
        let before = removed;
        for some in found.chunks(REMOVED_AT_ONCE) {
            let rowids: Vec<_> = some.iter().map(i64::to_string).collect();
            let query = delete(format!("[{}]", rowids.join(",")));
            let gone = within(store.timeout, async {
                changed(&mut *store.writer().await?, query).await
            })
            .await?;
            removed = removed.saturating_add(gone);
        }
        let last = u64::try_from(found.len()).unwrap_or(u64::MAX) < most;
        if last || removed == before {
            return Ok(removed);
        }
    }
}
