//! Limits: [`Limit::spend`] as one statement.
//!
//! [`Limit::spend`]: token_store::ott_core::Limit::spend

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::{PgConnection, postgres::PgRow};
use token_store::{
    Charge, LimitStore, Spent, StoreError, StoreId, check_charges,
    ott_core::{
        LimitKey, LimitKind, Overspent,
        chrono::{DateTime, Utc},
    },
};

use super::{
    PostgresStore,
    connection::{changed, done, on_connection},
    id::Id,
    outage::is_unique_violation,
    statements::Query,
};
use crate::{
    error::TRIES,
    rows::{self, micros},
};

#[async_trait]
impl LimitStore for PostgresStore {
    /// All kinds: a row stays until [`purge_limits`](Self::purge_limits) finds it as good as new.
    fn keeps(&self, _: LimitKind) -> bool {
        true
    }

    fn store_id(&self) -> Option<StoreId> {
        Some(StoreId::of(&*self.statements))
    }

    async fn spend(&self, charges: &[Charge], now: DateTime<Utc>) -> Result<Spent, StoreError> {
        check_charges(charges)?;
        // One for all tries: whoever waits, waits no longer because somebody else made the key first.
        let deadline = self.deadline();
        for _ in 0..TRIES {
            let told = on_connection!(self, by deadline, connection => {
                self.spend_once(connection, charges, now)
            })?;
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
    pub(super) async fn spend_once(
        &self,
        connection: &mut PgConnection,
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Option<Spent>, StoreError> {
        let query = asked(self.statements.spend.query(), charges, now).bind(micros(&now));
        let rows = match done(connection, query).await {
            Err(failed) if is_unique_violation(&failed.error) => return Ok(None),
            told => told?.rows,
        };
        let Some(row) = rows.first() else {
            return Ok(Some(Spent::Allowed));
        };
        refused(row, charges, now).map(Some)
    }

    pub(super) async fn refund_once(
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
        let rows = done(connection, query).await?.rows;
        rows.iter().try_for_each(|row| rows::limit(row).map(drop))
    }
}

/// Binds what is asked of each limit: its key, its period, the latest time that it may be full at, and its burst.
pub(super) fn asked<'q>(query: Query<'q>, charges: &[Charge], now: DateTime<Utc>) -> Query<'q> {
    let each = |value: fn(&Charge, i64) -> i64| -> Vec<i64> {
        let now = micros(&now);
        charges.iter().map(|charge| value(charge, now)).collect()
    };
    query
        .bind(ids(charges.iter().map(|charge| &charge.key)))
        .bind(each(|charge, _| charge.limit.period_micros()))
        .bind(each(|charge, now| {
            now.saturating_add(charge.limit.horizon_micros())
        }))
        .bind(each(|charge, _| i64::from(charge.limit.burst())))
}

/// What a row says of the limit that refused.
pub(super) fn refused(
    row: &PgRow,
    charges: &[Charge],
    now: DateTime<Utc>,
) -> Result<Spent, StoreError> {
    let place: usize = rows::number(row, "place")?;
    let refused = place.checked_sub(1).and_then(|at| charges.get(at));
    let Charge { key, limit } = refused.ok_or(StoreError::Corrupt("place"))?;
    match limit.spend(&mut rows::limit(row)?, now) {
        Err(Overspent::Ahead) => Ok(Spent::Ahead(*key)),
        Err(Overspent::Locked) => Ok(Spent::Locked(*key)),
        Err(Overspent::RetryAt(at)) => Ok(Spent::RetryAt(*key, at)),
        Ok(()) => Err(StoreError::unavailable("two rules of one limit disagree")),
    }
}

pub(super) fn ids<'k>(keys: impl Iterator<Item = &'k LimitKey>) -> Vec<Id> {
    keys.map(|key| Id(*key.as_bytes())).collect()
}
