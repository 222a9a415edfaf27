//! Limits: [`Limit::spend`] as one statement.
//!
//! [`Limit::spend`]: token_store::ott_core::Limit::spend

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::PgConnection;
use token_store::{
    Charge, LimitStore, Spent, StoreError, check_charges,
    ott_core::{
        LimitKey, LimitKind, Overspent,
        chrono::{DateTime, Utc},
    },
};

use super::{
    PostgresStore, changed, id::Id, on_connection, outage::is_unique_violation, outage::outage,
    tokens::TRIES,
};
use crate::rows::{self, micros};

/// Locks what exists in the order of the keys, judges each key as it is then, pays for those before
/// the first refusal, and returns the key that refuses as it was. A period of 0 is a ceiling.
///
/// A key without a row is inserted without `ON CONFLICT`: if somebody else made it since this
/// statement began, it fails whole and is run again, since it judged what it did not see. New rows
/// come before changed ones, and both kinds of waiting in the order of the keys, so nobody waits in a
/// circle, in whatever order the keys are charged.
pub(super) const SPEND: &str = "\
WITH asked AS ( \
  SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) \
    WITH ORDINALITY AS a (key, period, latest, burst, place)), \
held AS MATERIALIZED ( \
  SELECT l.key, l.full_at, l.count FROM {limits} AS l \
  WHERE l.key = ANY ($1::uuid[]) ORDER BY l.key FOR UPDATE), \
next AS ( \
  SELECT a.*, h.key IS NULL AS is_new, coalesce(h.full_at, 0) AS was_full_at, \
    coalesce(h.count, 0) AS was_count, \
    least(greatest(coalesce(h.full_at, 0), $5::bigint), 9223372036854775807 - a.period) + a.period \
      AS next_full_at \
  FROM asked AS a LEFT JOIN held AS h ON h.key = a.key), \
judged AS MATERIALIZED ( \
  SELECT n.*, n.was_count BETWEEN 0 AND 4294967295 \
    AND CASE WHEN n.period = 0 THEN n.was_count < n.burst ELSE n.next_full_at <= n.latest END \
    AS passes \
  FROM next AS n), \
refused AS MATERIALIZED ( \
  SELECT j.place, j.was_full_at, j.was_count FROM judged AS j \
  WHERE NOT j.passes ORDER BY j.place LIMIT 1), \
paid AS MATERIALIZED ( \
  SELECT j.key, j.is_new, \
    CASE WHEN j.period = 0 THEN j.was_full_at ELSE j.next_full_at END AS full_at, \
    CASE WHEN j.period = 0 THEN j.was_count + 1 ELSE j.was_count END AS count \
  FROM judged AS j \
  WHERE NOT EXISTS (SELECT FROM refused AS r WHERE r.place <= j.place)), \
made AS ( \
  INSERT INTO {limits} (key, full_at, count) \
  SELECT p.key, p.full_at, p.count FROM paid AS p WHERE p.is_new ORDER BY p.key \
  RETURNING 1), \
kept AS ( \
  UPDATE {limits} AS l SET full_at = p.full_at, count = p.count \
  FROM paid AS p WHERE l.key = p.key AND NOT p.is_new AND (SELECT count(*) FROM made) >= 0 \
  RETURNING 1) \
SELECT r.place, r.was_full_at AS full_at, r.was_count AS count \
FROM refused AS r, (SELECT count(*) FROM kept) AS k";

/// [`Limit::refund`](token_store::ott_core::Limit::refund) of each key that is there, which are
/// returned as they were.
pub(super) const REFUND: &str = "\
WITH held AS MATERIALIZED ( \
  SELECT l.key, l.full_at, l.count FROM {limits} AS l \
  WHERE l.key = ANY ($1::uuid[]) ORDER BY l.key FOR UPDATE), \
kept AS ( \
  UPDATE {limits} AS l SET \
    full_at = greatest(h.full_at, -9223372036854775807 + a.back) - a.back, \
    count = greatest(h.count - a.times, 0) \
  FROM held AS h JOIN unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS a (key, back, times) \
    ON a.key = h.key \
  WHERE l.key = h.key AND h.count BETWEEN 0 AND 4294967295 \
  RETURNING 1) \
SELECT h.full_at, h.count FROM held AS h, (SELECT count(*) FROM kept) AS k";

pub(super) const CLEAR: &str = "DELETE FROM {limits} WHERE key = $1::uuid";

#[async_trait]
impl LimitStore for PostgresStore {
    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        check_charges(charges)?;
        for _ in 0..TRIES {
            let told =
                on_connection!(self, connection => self.spend_once(connection, charges, now))?;
            if let Some(spent) = told {
                return Ok(spent);
            }
        }
        Err(StoreError::unavailable("the limits kept changing"))
    }

    async fn refund(&self, charges: &[Charge], times: u32) -> Result<(), StoreError> {
        on_connection!(self, connection => self.refund_once(connection, charges, times))
    }

    async fn clear(&self, key: &LimitKey) -> Result<(), StoreError> {
        let delete = || self.statements.clear.query().bind(Id(*key.as_bytes()));
        on_connection!(self, connection => changed(connection, delete())).map(drop)
    }

    async fn purge_limits(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.purge_dead_limits(before, limit).await
    }
}

impl PostgresStore {
    /// `None`: somebody made a key's row at the same moment, and nothing was spent.
    async fn spend_once(
        &self,
        connection: &mut PgConnection,
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Option<Spent>, StoreError> {
        let each = |value: fn(&Charge, i64) -> i64| -> Vec<i64> {
            let now = micros(&now);
            charges.iter().map(|charge| value(charge, now)).collect()
        };
        let query = self
            .statements
            .spend
            .query()
            .bind(ids(charges.iter().map(|charge| &charge.key)))
            .bind(each(|charge, _| charge.limit.period_micros()))
            .bind(each(|charge, now| {
                now.saturating_add(charge.limit.horizon_micros())
            }))
            .bind(each(|charge, _| i64::from(charge.limit.burst())))
            .bind(micros(&now));
        let rows = match query.fetch_all(connection).await {
            Err(error) if is_unique_violation(&error) => return Ok(None),
            told => told.map_err(outage)?,
        };
        let Some(row) = rows.first() else {
            return Ok(Some(Spent::Allowed));
        };
        let place: usize = rows::number(row, "place")?;
        let refused = place.checked_sub(1).and_then(|at| charges.get(at));
        let Charge { key, limit } = refused.ok_or(StoreError::Corrupt("place"))?;
        match limit.spend(&mut rows::limit(row)?, now) {
            Err(Overspent::Locked) => Ok(Some(Spent::Locked(*key))),
            Err(Overspent::RetryAt(at)) => Ok(Some(Spent::RetryAt(*key, at))),
            Ok(()) => Err(StoreError::unavailable("two rules of one limit disagree")),
        }
    }

    async fn refund_once(
        &self,
        connection: &mut PgConnection,
        charges: &[Charge],
        times: u32,
    ) -> Result<(), StoreError> {
        // A key may stand here twice.
        let mut sums = BTreeMap::<LimitKey, (i64, i64)>::new();
        for Charge { key, limit } in charges {
            let (back, count) = sums.entry(*key).or_default();
            let returned = limit.period_micros().saturating_mul(i64::from(times));
            *back = back.saturating_add(returned);
            if limit.kind() == LimitKind::Ceiling {
                *count = count.saturating_add(i64::from(times));
            }
        }
        let (backs, counts): (Vec<_>, Vec<_>) = sums.values().copied().unzip();
        let query = self
            .statements
            .refund
            .query()
            .bind(ids(sums.keys()))
            .bind(backs)
            .bind(counts);
        let rows = query.fetch_all(connection).await.map_err(outage)?;
        rows.iter().try_for_each(|row| rows::limit(row).map(drop))
    }
}

pub(super) fn ids<'k>(keys: impl Iterator<Item = &'k LimitKey>) -> Vec<Id> {
    keys.map(|key| Id(*key.as_bytes())).collect()
}
