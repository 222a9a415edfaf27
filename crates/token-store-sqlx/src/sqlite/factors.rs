//! Factors.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use token_store::{
    Advanced, FactorChange, FactorId, FactorState, FactorStore, StoreError, StoredFactor,
    ott_core::{
        Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{SqliteStore, changed, outage::outage, returned};
use crate::{
    error::within,
    rows::{self, counter_column, micros},
};

#[async_trait]
impl FactorStore for SqliteStore {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        let last = factor.last.map(counter_column).transpose()?;
        let insert = sqlx::query(
            "INSERT INTO ott_factors \
               (id, tenant, subject, provider, label, state, sealed, last, created_at, used_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING",
        )
        .bind(factor.id.as_bytes().as_slice())
        .bind(factor.subject.tenant())
        .bind(factor.subject.id())
        .bind(&factor.provider)
        .bind(&factor.label)
        .bind(factor.state.number())
        .bind(&factor.sealed)
        .bind(last)
        .bind(micros(&factor.created_at))
        .bind(factor.used_at.as_ref().map(micros));
        within(self.timeout, async {
            Ok(changed(&mut *self.writer().await?, insert).await? > 0)
        })
        .await
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        let select = sqlx::query(
            "SELECT * FROM ott_factors WHERE tenant = ?1 AND subject = ?2 ORDER BY created_at, id",
        )
        .bind(subject.tenant())
        .bind(subject.id());
        within(self.timeout, async {
            let rows = select
                .fetch_all(&mut *self.reader().await?)
                .await
                .map_err(outage)?;
            rows.iter().map(rows::factor).collect()
        })
        .await
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        let counter = counter.map(counter_column).transpose()?;
        self.burn(id, FactorState::Pending, counter, now).await
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        let counter = counter_column(counter)?;
        self.burn(id, FactorState::Active, Some(counter), now).await
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        let id = id.as_bytes().as_slice();
        let update = match change {
            FactorChange::Disable => {
                sqlx::query("UPDATE ott_factors SET state = 2 WHERE id = ?1 AND state = 1").bind(id)
            }
            FactorChange::Label(label) => {
                sqlx::query("UPDATE ott_factors SET label = ?2 WHERE id = ?1 AND state <> 3")
                    .bind(id)
                    .bind(label)
            }
            FactorChange::Seal { old, new } => sqlx::query(
                "UPDATE ott_factors SET sealed = ?3 WHERE id = ?1 AND state <> 3 AND sealed = ?2",
            )
            .bind(id)
            .bind(old)
            .bind(new),
        };
        within(self.timeout, async {
            Ok(changed(&mut *self.writer().await?, update).await? > 0)
        })
        .await
    }

    async fn remove(
        &self,
        id: &FactorId,
        beside: Option<&FactorId>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let update = sqlx::query(
            "UPDATE ott_factors SET state = 3, sealed = x'', used_at = ?2 \
             WHERE id = ?1 AND state <> 3 AND (?3 IS NULL OR EXISTS \
               (SELECT 1 FROM ott_factors WHERE id = ?3 AND id <> ?1 AND state = 1))",
        )
        .bind(id.as_bytes().as_slice())
        .bind(micros(&now))
        .bind(beside.map(|other| other.as_bytes().as_slice()));
        within(self.timeout, async {
            Ok(changed(&mut *self.writer().await?, update).await? > 0)
        })
        .await
    }
}

impl SqliteStore {
    /// Makes the factor active and its counter the last one, if it is in this state and the counter
    /// goes forward.
    async fn burn(
        &self,
        id: &FactorId,
        state: FactorState,
        counter: Option<i64>,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        let id = id.as_bytes().as_slice();
        let update = sqlx::query(
            "UPDATE ott_factors SET state = 1, last = coalesce(?3, last), used_at = ?4 \
             WHERE id = ?1 AND state = ?2 AND (?3 IS NULL OR last IS NULL OR last < ?3)",
        )
        .bind(id)
        .bind(state.number())
        .bind(counter)
        .bind(micros(&now));
        within(self.timeout, async {
            let mut connection = self.writer().await?;
            if changed(&mut connection, update).await? > 0 {
                return Ok(Advanced::Accepted);
            }
            let now_in = state_of(&mut connection, id).await?;
            Ok(if now_in == Some(state) {
                Advanced::Replayed
            } else {
                Advanced::Absent
            })
        })
        .await
    }
}

async fn state_of(
    connection: &mut SqliteConnection,
    id: &[u8],
) -> Result<Option<FactorState>, StoreError> {
    let select = sqlx::query("SELECT state FROM ott_factors WHERE id = ?1").bind(id);
    let Some(row) = returned(connection, select).await? else {
        return Ok(None);
    };
    rows::factor_state(&row).map(Some)
}
