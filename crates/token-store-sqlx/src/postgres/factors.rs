//! Factors.

use async_trait::async_trait;
use sqlx::PgConnection;
use token_store::{
    Advanced, FactorChange, FactorId, FactorState, FactorStore, StoreError, StoredFactor,
    ott_core::{
        Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{
    PostgresStore, changed, id::Id, on_connection, outage::outage, returned, statements::Query,
};
use crate::rows::{self, counter_column, micros};

pub(super) const INSERT: &str = "\
INSERT INTO {factors} \
  (id, tenant, subject, kind, label, state, sealed, last, created_at, used_at) \
VALUES ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::bigint, $7::bytea, $8::bigint, \
        $9::bigint, $10::bigint) ON CONFLICT (id) DO NOTHING";

pub(super) const FACTORS: &str = "\
SELECT id, tenant, subject, kind, label, state, sealed, last, created_at, used_at \
FROM {factors} WHERE tenant = $1::text AND subject = $2::text ORDER BY created_at, id";

/// Makes a factor active and its counter the last one, if it is in this state and the counter goes
/// forward.
pub(super) const BURN: &str = "\
UPDATE {factors} SET state = 1, last = coalesce($3::bigint, last), used_at = $4::bigint \
WHERE id = $1::uuid AND state = $2::bigint \
  AND ($3::bigint IS NULL OR last IS NULL OR last < $3::bigint)";

pub(super) const STATE: &str = "SELECT state FROM {factors} WHERE id = $1::uuid";

pub(super) const DISABLE: &str = "UPDATE {factors} SET state = 2 WHERE id = $1::uuid AND state = 1";

pub(super) const LABEL: &str =
    "UPDATE {factors} SET label = $2::text WHERE id = $1::uuid AND state <> 3";

pub(super) const SEAL: &str = "\
UPDATE {factors} SET sealed = $3::bytea \
WHERE id = $1::uuid AND state <> 3 AND sealed = $2::bytea";

/// Beside another factor, both rows are locked first, in the order of their ids: two that remove each
/// other's neither deadlock nor both see the other's as it was.
pub(super) const REMOVE: &str = "\
WITH pair AS MATERIALIZED ( \
  SELECT id, state FROM {factors} WHERE id IN ($1::uuid, $3::uuid) ORDER BY id FOR UPDATE) \
UPDATE {factors} AS own SET state = 3, sealed = '', used_at = $2::bigint \
WHERE own.id = $1::uuid AND own.state <> 3 AND ($3::uuid IS NULL OR EXISTS ( \
  SELECT FROM pair WHERE pair.id = $3::uuid AND pair.id <> $1::uuid AND pair.state = 1))";

#[async_trait]
impl FactorStore for PostgresStore {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        let last = factor.last.map(counter_column).transpose()?;
        let insert = || {
            self.statements
                .insert_factor
                .query()
                .bind(Id(*factor.id.as_bytes()))
                .bind(factor.subject.tenant())
                .bind(factor.subject.id())
                .bind(factor.kind.as_str())
                .bind(factor.label.as_str())
                .bind(i64::from(factor.state.number()))
                .bind(factor.sealed.as_slice())
                .bind(last)
                .bind(micros(&factor.created_at))
                .bind(factor.used_at.as_ref().map(micros))
        };
        let inserted = on_connection!(self, connection => changed(connection, insert()))?;
        Ok(inserted > 0)
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        let select = || {
            let query = self.statements.factors.query();
            query.bind(subject.tenant()).bind(subject.id())
        };
        on_connection!(self, connection => all(connection, select()))
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        let counter = counter.map(counter_column).transpose()?;
        on_connection!(self, connection => {
            self.burn(connection, id, FactorState::Pending, counter, now)
        })
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        let counter = Some(counter_column(counter)?);
        on_connection!(self, connection => {
            self.burn(connection, id, FactorState::Active, counter, now)
        })
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        let (id, statements) = (Id(*id.as_bytes()), &self.statements);
        let update = || match change {
            FactorChange::Disable => statements.disable_factor.query().bind(id),
            FactorChange::Label(label) => statements
                .label_factor
                .query()
                .bind(id)
                .bind(label.as_str()),
            FactorChange::Seal { old, new } => statements
                .seal_factor
                .query()
                .bind(id)
                .bind(old.as_slice())
                .bind(new.as_slice()),
        };
        let updated = on_connection!(self, connection => changed(connection, update()))?;
        Ok(updated > 0)
    }

    async fn remove(
        &self,
        id: &FactorId,
        beside: Option<&FactorId>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let update = || {
            let query = self.statements.remove_factor.query();
            query
                .bind(Id(*id.as_bytes()))
                .bind(micros(&now))
                .bind(beside.map(|other| Id(*other.as_bytes())))
        };
        let removed = on_connection!(self, connection => changed(connection, update()))?;
        Ok(removed > 0)
    }
}

impl PostgresStore {
    async fn burn(
        &self,
        connection: &mut PgConnection,
        id: &FactorId,
        state: FactorState,
        counter: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        let id = Id(*id.as_bytes());
        let update = self
            .statements
            .burn
            .query()
            .bind(id)
            .bind(i64::from(state.number()))
            .bind(counter)
            .bind(micros(&now));
        if changed(connection, update).await? > 0 {
            return Ok(Advanced::Accepted);
        }
        let select = self.statements.state_of_factor.query().bind(id);
        let found = returned(connection, select).await?;
        let now_in = found.as_ref().map(rows::factor_state).transpose()?;
        Ok(if now_in == Some(state) {
            Advanced::Replayed
        } else {
            Advanced::Absent
        })
    }
}

async fn all(
    connection: &mut PgConnection,
    select: Query<'_>,
) -> Result<Vec<StoredFactor>, StoreError> {
    let rows = select.fetch_all(connection).await.map_err(outage)?;
    rows.iter().map(rows::factor).collect()
}
