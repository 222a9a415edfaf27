//! Removing what is dead: looked for without a lock, removed in small steps that wait for nobody.

use sqlx::PgConnection;
use token_store::{
    StoreError,
    ott_core::chrono::{DateTime, Utc},
};
use tokio::time::{Instant, sleep};

use super::{
    PostgresStore,
    connection::{done, on_connection, returned},
    id::Id,
    statements::{Query, Statements},
};
use crate::rows::{self, ReadRow, micros};

/// So many rows are looked at in one statement, however many there are,
const SEEN_AT_ONCE: u32 = 4_096;
/// or so many entries of a list, and so many rows that one of them leads to;
const LED_AT_ONCE: u32 = 1_024;
/// and so many are removed in one commit.
const REMOVED_AT_ONCE: usize = 1_024;

/// What is purged, and by what it is found.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Dead {
    /// Tokens that expired.
    Expired,
    /// Factors that were removed, or never confirmed.
    Factors,
    /// Tokens in a final state, idle or superseded: those that are listed as such.
    Ended,
    /// Limits that are as good as new.
    Limits,
}

pub(super) const TOKENS: &[Dead] = &[Dead::Expired, Dead::Ended];
const FACTORS: &[Dead] = &[Dead::Factors];
const LIMITS: &[Dead] = &[Dead::Limits];

impl Dead {
    /// Whether it is looked for from its place on, that place included, and all that is found is dead.
    const fn is_found_by_time(self) -> bool {
        matches!(self, Self::Expired | Self::Factors)
    }
}

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
    /// Entries that led there, which go once it is gone.
    leads: Vec<(i64, Id)>,
    /// From where to look again if they may lead to more than was found.
    again: Option<(i64, Id)>,
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
            leads: Vec::new(),
            again: None,
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
        if !self.leads.is_empty() {
            let (afters, ids): (Vec<_>, Vec<_>) = self.leads.iter().copied().unzip();
            let settle = statements.settle_ended.query().bind(afters).bind(ids);
            returned(connection, settle).await?;
            self.leads.clear();
            if let Some(place) = self.again.take().filter(|_| self.moves) {
                (self.at, self.id) = place;
            }
            return Ok(true);
        }
        let left = self.limit.saturating_sub(self.removed);
        if left == 0 {
            return Ok(false);
        }
        let select = self.select(*kind, statements);
        let seen = done(connection, select).await?.rows;
        // If none of what is found by its time could be removed, since somebody holds all of it, the next look
        // would see the same.
        let is_last = seen.is_empty() || kind.is_found_by_time() && !self.moves;
        if is_last {
            (self.kinds, self.at, self.id) = (rest, i64::MIN, Id([0; 16]));
            self.moves = true;
            return Ok(true);
        }
        let (mut found, place) = (Vec::new(), (self.at, self.id));
        for row in &seen {
            let place = row.id("place")?.ok_or(StoreError::Corrupt("place"))?;
            (self.at, self.id) = (rows::number(row, "at")?, Id(place));
            if *kind == Dead::Ended && self.leads.last() != Some(&(self.at, self.id)) {
                self.leads.push((self.at, self.id));
            }
            found.extend(row.id("id")?.map(Id));
        }
        if *kind == Dead::Ended {
            // One that was superseded and is idle is listed twice.
            found.sort_unstable();
            found.dedup();
            self.again = (found.len() >= REMOVED_AT_ONCE).then_some(place);
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
            Dead::Ended => {
                let query = statements.ended_tokens.query();
                let query = query.bind(self.earlier()).bind(self.before);
                let leads = i64::from(LED_AT_ONCE);
                query.bind(self.at).bind(self.id).bind(leads).bind(most)
            }
            Dead::Factors => {
                let query = statements.dead_factors.query();
                query.bind(self.before).bind(self.at).bind(most)
            }
            Dead::Limits => {
                let query = statements.dead_limits.query();
                query.bind(self.before).bind(self.id).bind(most)
            }
        }
    }

    fn delete(&self, kind: Dead, statements: &Statements) -> Query<'static> {
        match kind {
            Dead::Expired | Dead::Ended => {
                let query = statements.delete_tokens.query();
                query.bind(self.earlier()).bind(self.before)
            }
            Dead::Factors => statements.delete_factors.query().bind(self.before),
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

    pub(super) async fn purge_dead_factors(
        &self,
        before: DateTime<Utc>,
        limit: u32,
    ) -> Result<u64, StoreError> {
        self.purge_all(Purge::new(FACTORS, before, limit)).await
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
