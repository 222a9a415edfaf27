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
    PostgresStore,
    connection::{changed, on_connection, returned},
    id::Id,
    outage::outage,
    statements::Query,
};
use crate::rows::{self, counter_column, micros};

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
                .bind(factor.provider.as_str())
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
