//! Factors.

use async_trait::async_trait;
use sqlx::PgConnection;
use token_store::{
    Advanced, ChargedFactors, ConfirmIf, FactorChange, FactorId, FactorState, FactorStore,
    LimitStore, MAX_FACTORS, RemoveIf, StoreError, StoredFactor,
    ott_core::{
        Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{
    PostgresStore,
    connection::{changed, in_transaction, on_connection, returned},
    id::Id,
    outage::outage,
    statements::Query,
};
use crate::rows::{self, counter_column, micros};

/// How many factors of a subject are listed.
pub(super) const MOST: i64 = MAX_FACTORS as i64;

#[async_trait]
impl FactorStore for PostgresStore {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        let last = factor.last.map(counter_column).transpose()?;
        let removal = factor.removal.as_ref();
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
                .bind(removal.map(|removal| micros(&removal.at)))
                .bind(removal.map(|removal| i64::from(removal.from.number())))
                .bind(removal.map(|removal| removal.by.as_slice()))
        };
        let inserted = on_connection!(self, connection => changed(connection, insert()))?;
        Ok(inserted > 0)
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        let select = || {
            let query = self.statements.factors.query();
            query.bind(subject.tenant()).bind(subject.id()).bind(MOST)
        };
        on_connection!(self, connection => all(connection, select()))
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        only: ConfirmIf,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        let burn = Burn {
            id: Id(*id.as_bytes()),
            state: FactorState::Pending,
            counter: counter.map(counter_column).transpose()?,
            now: micros(&now),
        };
        if only == ConfirmIf::First {
            return in_transaction!(self, connection => self.burn(connection, &burn, only));
        }
        on_connection!(self, connection => self.burn(connection, &burn, only))
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        let burn = Burn::advance(id, counter, now)?;
        on_connection!(self, connection => self.burn(connection, &burn, ConfirmIf::Always))
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
        only: RemoveIf,
        by: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        on_connection!(self, connection => self.take_off(connection, id, only, by, now))
    }

    async fn restore(&self, id: &FactorId) -> Result<bool, StoreError> {
        let update = || {
            let query = self.statements.restore_factor.query();
            query.bind(Id(*id.as_bytes()))
        };
        let restored = on_connection!(self, connection => changed(connection, update()))?;
        Ok(restored > 0)
    }

    async fn purge_factors(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        self.purge_dead_factors(before, limit).await
    }

    fn charged_factors(&self, limits: &dyn LimitStore) -> Option<&dyn ChargedFactors> {
        (limits.store_id() == self.store_id()).then_some(self as &dyn ChargedFactors)
    }
}

/// A code to burn: whose, from which state.
pub(super) struct Burn {
    pub(super) id: Id,
    state: FactorState,
    pub(super) counter: Option<i64>,
    now: i64,
}

impl Burn {
    /// As [`FactorStore::advance`].
    pub(super) fn advance(
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            id: Id(*id.as_bytes()),
            state: FactorState::Active,
            counter: Some(counter_column(counter)?),
            now: micros(&now),
        })
    }
}

impl PostgresStore {
    async fn burn(
        &self,
        connection: &mut PgConnection,
        burn: &Burn,
        only: ConfirmIf,
    ) -> Result<Advanced, StoreError> {
        let statements = &self.statements;
        let statement = match only {
            ConfirmIf::Always => &statements.burn,
            ConfirmIf::Beside(_) => &statements.burn_beside,
            ConfirmIf::First => {
                let lock = statements.lock_subject.query().bind(burn.id);
                if returned(connection, lock).await?.is_none() {
                    // It was not there, and nothing is locked: the next statement may see it, beside another one that is
                    // confirmed meanwhile.
                    return Ok(Advanced::Absent);
                }
                &statements.burn_first
            }
        };
        let mut update = statement
            .query()
            .bind(burn.id)
            .bind(i64::from(burn.state.number()))
            .bind(burn.counter)
            .bind(burn.now);
        if let ConfirmIf::Beside(other) = only {
            update = update.bind(Id(*other.as_bytes()));
        }
        if changed(connection, update).await? > 0 {
            return Ok(Advanced::Accepted);
        }
        self.not_burnt(connection, burn, only).await
    }

    /// Why the code was not burnt a moment before.
    pub(super) async fn not_burnt(
        &self,
        connection: &mut PgConnection,
        burn: &Burn,
        only: ConfirmIf,
    ) -> Result<Advanced, StoreError> {
        let select = self.statements.state_of_factor.query().bind(burn.id);
        let found = returned(connection, select).await?;
        rows::not_burnt(found.as_ref(), burn.state, burn.counter, only)
    }

    /// Two statements: a factor that does not wait for its confirmation never does so again.
    async fn take_off(
        &self,
        connection: &mut PgConnection,
        id: &FactorId,
        only: RemoveIf,
        by: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let id = Id(*id.as_bytes());
        let other = match only {
            RemoveIf::Beside(other) => Some(Id(*other.as_bytes())),
            RemoveIf::Always | RemoveIf::Pending => None,
        };
        let delete = self.statements.delete_pending.query().bind(id).bind(other);
        if changed(connection, delete).await? > 0 {
            return Ok(true);
        }
        if only == RemoveIf::Pending {
            return Ok(false);
        }
        let mark = self.statements.mark_removed.query().bind(id).bind(other);
        let mark = mark.bind(micros(&now)).bind(by.to_vec());
        Ok(changed(connection, mark).await? > 0)
    }
}

async fn all(
    connection: &mut PgConnection,
    select: Query<'_>,
) -> Result<Vec<StoredFactor>, StoreError> {
    let rows = select.fetch_all(connection).await.map_err(outage)?;
    let found = rows.iter().map(rows::factor).collect::<Result<_, _>>()?;
    Ok(StoredFactor::listed(found))
}
