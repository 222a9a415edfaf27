//! Removing what is dead: looked for without the write lock, removed in small steps with it.

use sqlx::SqliteConnection;
use token_store::{
    StoreError,
    ott_core::chrono::{DateTime, Utc},
};

use super::{SqliteStore, changed, outage::outage};
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

/// The last moment at which a record is not dead, beside what expires: 60 s after it is idle, and in a final state at once.
macro_rules! ends {
    () => {
        "CASE WHEN state IN (0, 1) THEN coalesce(used_at, issued_at) + idle_micros + 59999999 ELSE issued_at END"
    };
}

/// What expired, the oldest first.
const EXPIRED_TOKENS: &str = "\
SELECT rowid, expires_at AS at, 1 AS dead FROM ott_tokens \
WHERE expires_at <= ?1 AND expires_at >= ?2 ORDER BY expires_at LIMIT ?3";

/// What ended otherwise, the oldest first: in the words of the index, which has none that lives and will never be idle.
const ENDED_TOKENS: &str = concat!(
    "SELECT rowid, ",
    ends!(),
    " AS at, 1 AS dead FROM ott_tokens \
     WHERE (state NOT IN (0, 1) OR idle_micros IS NOT NULL) AND ",
    ends!(),
    " < ?1 AND ",
    ends!(),
    " >= ?2 ORDER BY ",
    ends!(),
    " LIMIT ?3"
);

/// A row id may be another record's by now, so the condition stands here again.
const DELETE_TOKENS: &str = concat!(
    "DELETE FROM ott_tokens \
     WHERE rowid IN (SELECT value FROM json_each(?3)) AND (expires_at <= ?1 OR ",
    dead_otherwise!(),
    ")"
);

/// The same of limits. No index but their key finds them: `spend` would rewrite it.
const LIMITS: &str = "\
SELECT rowid, 0 AS at, count = 0 AND full_at <= ?1 AS dead FROM ott_limits \
WHERE rowid > ?2 ORDER BY rowid LIMIT ?3";

const DELETE_LIMITS: &str = "\
DELETE FROM ott_limits WHERE rowid IN (SELECT value FROM json_each(?2)) \
  AND count = 0 AND full_at <= ?1";

/// What was removed, and what waits for its confirmation, the oldest first.
const FACTORS: &str = "\
SELECT rowid, coalesce(removed_at, created_at) AS at, 1 AS dead FROM ott_factors \
WHERE state IN (0, 3) AND coalesce(removed_at, created_at) < ?1 \
  AND coalesce(removed_at, created_at) >= ?2 \
ORDER BY coalesce(removed_at, created_at) LIMIT ?3";

const DELETE_FACTORS: &str = "\
DELETE FROM ott_factors WHERE rowid IN (SELECT value FROM json_each(?2)) \
  AND state IN (0, 3) AND coalesce(removed_at, created_at) < ?1";

/// So many rows are looked at in one statement, without the write lock, however many there are,
const SEEN_AT_ONCE: i64 = 4_096;
/// and so many removed at once, with it: a redeem waits for no more.
const REMOVED_AT_ONCE: usize = 256;

/// What is purged, and by what it is found.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Dead {
    /// Tokens that expired.
    Expired,
    /// Factors that were removed, or never confirmed.
    Factors,
    /// Tokens in a final state, or idle.
    Ended,
    /// Limits that are as good as new.
    Limits,
}

pub(super) const OF_TOKENS: &[Dead] = &[Dead::Expired, Dead::Ended];
pub(super) const OF_FACTORS: &[Dead] = &[Dead::Factors];
pub(super) const OF_LIMITS: &[Dead] = &[Dead::Limits];

impl Dead {
    /// Whether it is looked for from its place on, that place included, and all that is found is dead.
    const fn is_found_by_time(self) -> bool {
        matches!(self, Self::Expired | Self::Ended | Self::Factors)
    }
}

/// A purge on its way: each step is one statement that looks at a bounded number of rows.
pub(super) struct Purge {
    kinds: &'static [Dead],
    before: i64,
    limit: u64,
    /// Looked at up to here, in the order of the kind's index.
    at: i64,
    rowid: i64,
    /// Found, and not removed yet.
    found: Vec<i64>,
    /// Whether the last of what was found could be removed.
    moves: bool,
    removed: u64,
}

impl Purge {
    pub(super) fn new(kinds: &'static [Dead], before: DateTime<Utc>, limit: u32) -> Self {
        Self {
            kinds,
            before: micros(&before),
            limit: u64::from(limit),
            at: i64::MIN,
            rowid: i64::MIN,
            found: Vec::new(),
            moves: true,
            removed: 0,
        }
    }

    /// How many rows are gone.
    pub(super) const fn removed(&self) -> u64 {
        self.removed
    }

    /// Whether there is something to remove before the next look.
    pub(super) const fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// Looks at the next rows; `false` once there is nothing left to do.
    pub(super) async fn look(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<bool, StoreError> {
        let left = self.limit.saturating_sub(self.removed);
        let Some((kind, rest)) = self.kinds.split_first().filter(|_| left > 0) else {
            return Ok(false);
        };
        let query = match kind {
            Dead::Expired => sqlx::query(EXPIRED_TOKENS)
                .bind(self.earlier())
                .bind(self.at),
            Dead::Ended => sqlx::query(ENDED_TOKENS).bind(self.before).bind(self.at),
            Dead::Factors => sqlx::query(FACTORS).bind(self.before).bind(self.at),
            Dead::Limits => sqlx::query(LIMITS).bind(self.before).bind(self.rowid),
        };
        let seen = query.bind(SEEN_AT_ONCE).fetch_all(connection).await;
        let seen = seen.map_err(outage)?;
        // If none of what is found by its time could be removed, the next look would see the same.
        if seen.is_empty() || kind.is_found_by_time() && !self.moves {
            (self.kinds, self.at, self.rowid) = (rest, i64::MIN, i64::MIN);
            self.moves = true;
            return Ok(true);
        }
        for row in &seen {
            (self.at, self.rowid) = (rows::number(row, "at")?, rows::number(row, "rowid")?);
            if rows::number::<i64>(row, "dead")? != 0 {
                self.found.push(self.rowid);
            }
        }
        self.found
            .truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.moves = false;
        Ok(true)
    }

    /// Removes some of what was found.
    pub(super) async fn remove(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), StoreError> {
        let kept = self.found.len().saturating_sub(REMOVED_AT_ONCE);
        let some = self.found.iter().skip(kept).map(i64::to_string);
        let rowids = format!("[{}]", some.collect::<Vec<_>>().join(","));
        let query = match self.kinds.first() {
            Some(Dead::Factors) => sqlx::query(DELETE_FACTORS).bind(self.before),
            Some(Dead::Limits) => sqlx::query(DELETE_LIMITS).bind(self.before),
            Some(Dead::Expired | Dead::Ended) | None => sqlx::query(DELETE_TOKENS)
                .bind(self.earlier())
                .bind(self.before),
        };
        let gone = changed(connection, query.bind(rowids)).await?;
        self.found.truncate(kept);
        self.removed = self.removed.saturating_add(gone);
        self.moves |= gone > 0;
        Ok(())
    }

    /// A clock that is 60 s behind still takes a token that expired until then.
    const fn earlier(&self) -> i64 {
        self.before.saturating_sub(60_000_000)
    }
}

/// Each step on its own, within the time-out.
pub(super) async fn purge_all(store: &SqliteStore, mut purge: Purge) -> Result<u64, StoreError> {
    loop {
        let step = within(store.timeout, async {
            if purge.has_found() {
                purge.remove(&mut *store.writer().await?).await?;
                return Ok(true);
            }
            purge.look(&mut *store.reader().await?).await
        });
        match step.await {
            Ok(true) => {}
            // What was removed before an outage is gone, and is told; the next purge meets the rest.
            Err(error) if purge.removed() == 0 => return Err(error),
            Ok(false) | Err(_) => return Ok(purge.removed()),
        }
    }
}
