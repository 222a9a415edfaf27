//! Removing what is dead: looked for without a lock, removed in small steps that wait for nobody.

use sqlx::PgConnection;
use token_store::{
    StoreError,
    ott_core::chrono::{DateTime, Utc},
};

use tokio::time::{Instant, sleep};

use super::{
    PostgresStore,
    id::Id,
    on_connection,
    outage::outage,
    returned,
    statements::{Query, Statements},
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

/// Has the server write the pages that this statement changed, or makes room by, bit by bit. Otherwise the
/// kernel keeps them, writes very many at once, and the commits of others wait for the disk meanwhile.
/// Until its transaction ends, and only on a server that can.
macro_rules! bit_by_bit {
    () => {
        " AND (SELECT count(set_config(g.name, '32', true)) FROM pg_settings AS g \
               WHERE g.name = 'backend_flush_after' AND g.max_val <> '0') >= 0"
    };
}

/// What expired, the oldest first.
pub(super) const EXPIRED_TOKENS: &str = concat!(
    "SELECT t.id, t.expires_at AS at, true AS dead FROM {tokens} AS t \
     WHERE t.expires_at <= $1::bigint AND t.expires_at >= $2::bigint{fresh}",
    bit_by_bit!(),
    " ORDER BY t.expires_at LIMIT $3::bigint"
);

/// The dead among the next so many of all that are older, and the last that was looked at.
pub(super) const DEAD_TOKENS: &str = concat!(
    "WITH seen AS MATERIALIZED ( \
       SELECT t.id, t.issued_at, t.idle_micros, t.used_at, t.state, t.slot, t.generation \
       FROM {tokens} AS t \
       WHERE t.issued_at < $2::bigint AND (t.issued_at, t.id) > ($3::bigint, $4::uuid){fresh} \
       ORDER BY t.issued_at, t.id LIMIT $5::bigint), \
     judged AS MATERIALIZED ( \
       SELECT t.id, t.issued_at AS at, coalesce(",
    dead_otherwise!(),
    ", false) AS dead FROM seen AS t) \
     SELECT j.id, j.at, j.dead FROM judged AS j \
     WHERE j.dead OR j.id = (SELECT l.id FROM judged AS l ORDER BY l.at DESC, l.id DESC LIMIT 1) \
     ORDER BY j.at, j.id"
);

/// The condition again, of each row as it is once it is locked; whoever holds one keeps it.
///
/// A slot goes with the last of its records, unless a newer batch raised its generation since this
/// statement began: the records of that one are not seen here.
pub(super) const DELETE_TOKENS: &str = concat!(
    "WITH dead AS MATERIALIZED ( \
       SELECT t.id, t.slot FROM {tokens} AS t \
       WHERE t.id = ANY ($3::uuid[]){fresh} AND (t.expires_at <= $1::bigint OR ",
    dead_otherwise!(),
    ")",
    bit_by_bit!(),
    " FOR UPDATE OF t SKIP LOCKED), \
     gone AS (DELETE FROM {tokens} AS t USING dead WHERE t.id = dead.id RETURNING 1), \
     touched AS (SELECT dead.slot, count(*) AS dead FROM dead GROUP BY dead.slot), \
     empty AS MATERIALIZED ( \
       SELECT s.slot, s.generation FROM touched JOIN {slots} AS s ON s.slot = touched.slot \
       WHERE touched.dead = (SELECT count(*) FROM {tokens} AS t WHERE t.slot = s.slot)), \
     held AS MATERIALIZED ( \
       SELECT s.slot FROM {slots} AS s \
       JOIN empty ON empty.slot = s.slot AND empty.generation = s.generation \
       FOR UPDATE OF s SKIP LOCKED), \
     freed AS (DELETE FROM {slots} AS s USING held WHERE s.slot = held.slot RETURNING 1) \
     SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM freed) AS freed"
);

/// The same of limits. No index but their key finds them: `spend` would rewrite it.
pub(super) const DEAD_LIMITS: &str = "\
WITH seen AS MATERIALIZED ( \
  SELECT l.key, l.full_at, l.count FROM {limits} AS l \
  WHERE l.key > $2::uuid ORDER BY l.key LIMIT $3::bigint), \
judged AS MATERIALIZED ( \
  SELECT s.key AS id, s.count = 0 AND s.full_at <= $1::bigint AS dead FROM seen AS s) \
SELECT j.id, 0::bigint AS at, j.dead FROM judged AS j \
WHERE j.dead OR j.id = (SELECT l.id FROM judged AS l ORDER BY l.id DESC LIMIT 1) \
ORDER BY j.id";

pub(super) const DELETE_LIMITS: &str = "\
WITH dead AS MATERIALIZED ( \
  SELECT key FROM {limits} WHERE key = ANY ($2::uuid[]) AND count = 0 AND full_at <= $1::bigint \
  FOR UPDATE SKIP LOCKED), \
gone AS (DELETE FROM {limits} AS l USING dead WHERE l.key = dead.key RETURNING 1) \
SELECT count(*) AS gone FROM gone";

/// So many rows are looked at in one statement, however many there are,
const SEEN_AT_ONCE: u32 = 4_096;
/// and so many removed in one commit.
const REMOVED_AT_ONCE: usize = 1_024;

/// What is purged, and by what it is found.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Dead {
    /// Tokens that expired.
    Expired,
    /// Tokens in a final state, idle or superseded.
    Otherwise,
    /// Limits that are as good as new.
    Limits,
}

pub(super) const TOKENS: &[Dead] = &[Dead::Expired, Dead::Otherwise];
const LIMITS: &[Dead] = &[Dead::Limits];

/// A purge on its way: each step is one statement that looks at a bounded number of rows.
pub(super) struct Purge {
    kinds: &'static [Dead],
    before: i64,
    limit: u64,
    /// Looked at up to here, in the order of the kind's index.
    at: i64,
    id: Id,
    /// Found, and not removed yet.
    found: Vec<Id>,
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
            id: Id([0; 16]),
            found: Vec::new(),
            moves: true,
            removed: 0,
        }
    }

    /// How many rows are gone.
    pub(super) const fn removed(&self) -> u64 {
        self.removed
    }

    /// One statement; `false` once there is nothing left to do. One that fails may be run again.
    pub(super) async fn step(
        &mut self,
        connection: &mut PgConnection,
        statements: &Statements,
    ) -> Result<bool, StoreError> {
        let Some((kind, rest)) = self.kinds.split_first() else {
            return Ok(false);
        };
        let left = self.limit.saturating_sub(self.removed);
        if left == 0 {
            return Ok(false);
        }
        if !self.found.is_empty() {
            let kept = self.found.len().saturating_sub(REMOVED_AT_ONCE);
            let some = self.found.get(kept..).unwrap_or_default().to_vec();
            let delete = self.delete(*kind, statements).bind(some);
            let row = returned(connection, delete).await?;
            let gone: u64 = rows::number(&row.ok_or(StoreError::Corrupt("gone"))?, "gone")?;
            self.found.truncate(kept);
            self.removed = self.removed.saturating_add(gone);
            self.moves |= gone > 0;
            return Ok(true);
        }
        let select = self.select(*kind, statements);
        let seen = select.fetch_all(connection).await.map_err(outage)?;
        // What expired is looked for from its place on, that place included: if none of it could be
        // removed, since somebody holds all of it, the next look would see the same.
        let is_last = seen.is_empty() || *kind == Dead::Expired && !self.moves;
        if is_last {
            (self.kinds, self.at, self.id) = (rest, i64::MIN, Id([0; 16]));
            self.moves = true;
            return Ok(true);
        }
        let mut found = Vec::new();
        for row in &seen {
            let id = row.id("id")?.map(Id).ok_or(StoreError::Corrupt("id"))?;
            (self.at, self.id) = (rows::number(row, "at")?, id);
            if row.truth("dead")? == Some(true) {
                found.push(id);
            }
        }
        found.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.moves = false;
        self.found = found;
        Ok(true)
    }

    fn select(&self, kind: Dead, statements: &Statements) -> Query<'static> {
        let most = i64::from(SEEN_AT_ONCE);
        match kind {
            Dead::Expired => {
                let query = statements.expired_tokens.query();
                query.bind(self.earlier()).bind(self.at).bind(most)
            }
            Dead::Otherwise => {
                let query = statements.dead_tokens.query();
                let query = query.bind(self.earlier()).bind(self.before);
                query.bind(self.at).bind(self.id).bind(most)
            }
            Dead::Limits => {
                let query = statements.dead_limits.query();
                query.bind(self.before).bind(self.id).bind(most)
            }
        }
    }

    fn delete(&self, kind: Dead, statements: &Statements) -> Query<'static> {
        match kind {
            Dead::Expired | Dead::Otherwise => {
                let query = statements.delete_tokens.query();
                query.bind(self.earlier()).bind(self.before)
            }
            Dead::Limits => statements.delete_limits.query().bind(self.before),
        }
    }

    /// A clock that is 60 s behind still takes a token that expired until then.
    const fn earlier(&self) -> i64 {
        self.before.saturating_sub(60_000_000)
    }
}

impl PostgresStore {
    pub(super) async fn purge_tokens(
        &self,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.purge_all(Purge::new(TOKENS, before, limit)).await
    }

    pub(super) async fn purge_dead_limits(
        &self,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.purge_all(Purge::new(LIMITS, before, limit)).await
    }

    /// Each step on its own, within the time-out; after each it rests for as long, so that at least half of
    /// a processor and of the disk is the others'.
    async fn purge_all(&self, mut purge: Purge) -> Result<u64, StoreError> {
        loop {
            let began = Instant::now();
            let step = async {
                on_connection!(self, connection => purge.step(connection, &self.statements))
            };
            match step.await {
                Ok(true) => sleep(began.elapsed()).await,
                // What was removed before an outage is gone, and is told; the next purge meets the rest.
                Err(error) if purge.removed() == 0 => return Err(error),
                Ok(false) | Err(_) => return Ok(purge.removed()),
            }
        }
    }
}
