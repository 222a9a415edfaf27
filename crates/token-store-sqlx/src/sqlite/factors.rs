//! Factors.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use token_store::{
    Advanced, ChargedFactors, ConfirmIf, FactorChange, FactorId, FactorState, FactorStore,
    LimitStore, MAX_FACTORS, RemoveIf, StoreError, StoredFactor,
    ott_core::{
        Subject,
        chrono::{DateTime, Utc},
    },
};

use super::{
    SqliteStore, changed,
    group::write,
    ledger::Ledger,
    outage::outage,
    purge::{OF_FACTORS, Purge, purge_all},
    returned,
    verb::Verb,
};
use crate::{
    error::within,
    rows::{self, counter_column, micros},
};

/// How many factors of a subject are listed.
const MOST: i64 = MAX_FACTORS as i64;

/// That the factor with this id is active, and another one of the same subject; that it is spare, where its own is.
macro_rules! beside {
    ($id:literal) => {
        concat!(
            " AND EXISTS (SELECT 1 FROM ott_factors AS other \
               WHERE other.id = ",
            $id,
            " AND other.id <> own.id AND other.state = CASE own.state WHEN 4 THEN 4 ELSE 1 END \
                 AND other.tenant = own.tenant AND other.subject = own.subject)"
        )
    };
}

macro_rules! burn {
    ($only:expr) => {
        concat!(
            "UPDATE ott_factors AS own SET state = 1, last = coalesce(?3, last), used_at = ?4 \
             WHERE id = ?1 AND state = ?2 AND (?3 IS NULL OR last IS NULL OR last < ?3)",
            $only
        )
    };
}

macro_rules! delete_pending {
    ($only:expr) => {
        concat!(
            "DELETE FROM ott_factors AS own WHERE id = ?1 AND state = 0",
            $only
        )
    };
}

macro_rules! mark {
    ($only:expr) => {
        concat!(
            "UPDATE ott_factors AS own \
               SET state = 3, removed_at = ?2, removed_from = state, removed_by = ?3 \
             WHERE id = ?1 AND state IN (1, 2, 4)",
            $only
        )
    };
}

#[async_trait]
impl FactorStore for SqliteStore {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        let last = factor.last.map(counter_column).transpose()?;
        let factor = factor.clone();
        write(self, InsertFactor { factor, last }).await
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        within(self.timeout, async {
            listed(&mut *self.reader().await?, subject).await
        })
        .await
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        only: ConfirmIf,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        let burn = Burn {
            id: *id,
            state: FactorState::Pending,
            counter: counter.map(counter_column).transpose()?,
            only,
            now,
        };
        write(self, burn).await
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError> {
        write(self, Burn::advance(id, counter, now)?).await
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        let change = change.clone();
        write(self, Update { id: *id, change }).await
    }

    async fn remove(
        &self,
        id: &FactorId,
        only: RemoveIf,
        by: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let remove = Remove {
            id: *id,
            only,
            by: by.to_vec(),
            now,
        };
        write(self, remove).await
    }

    async fn restore(&self, id: &FactorId) -> Result<bool, StoreError> {
        write(self, Restore(*id)).await
    }

    async fn purge_factors(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        purge_all(self, Purge::new(OF_FACTORS, before, limit)).await
    }

    fn charged_factors(&self, limits: &dyn LimitStore) -> Option<&dyn ChargedFactors> {
        (limits.store_id() == self.store_id()).then_some(self as &dyn ChargedFactors)
    }
}

/// What a subject has, as [`FactorStore::factors`].
pub(super) async fn listed(
    connection: &mut SqliteConnection,
    subject: &Subject,
) -> Result<Vec<StoredFactor>, StoreError> {
    let select = sqlx::query(
        "SELECT * FROM ott_factors WHERE tenant = ?1 AND subject = ?2 \
         ORDER BY CASE state WHEN 0 THEN 1 WHEN 3 THEN 2 ELSE 0 END, created_at, id LIMIT ?3",
    )
    .bind(subject.tenant())
    .bind(subject.id())
    .bind(MOST);
    let rows = select.fetch_all(connection).await.map_err(outage)?;
    let found = rows.iter().map(rows::factor).collect::<Result<_, _>>()?;
    Ok(StoredFactor::listed(found))
}

struct InsertFactor {
    factor: StoredFactor,
    last: Option<i64>,
}

impl Verb for InsertFactor {
    type Answer = bool;

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        _: &mut Ledger,
    ) -> Result<bool, StoreError> {
        let Self { factor, last } = self;
        let removal = factor.removal.as_ref();
        let insert = sqlx::query(
            "INSERT INTO ott_factors \
               (id, tenant, subject, provider, label, state, sealed, last, created_at, used_at, \
                removed_at, removed_from, removed_by) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
             ON CONFLICT (id) DO NOTHING",
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
        .bind(factor.used_at.as_ref().map(micros))
        .bind(removal.map(|removal| micros(&removal.at)))
        .bind(removal.map(|removal| removal.from.number()))
        .bind(removal.map(|removal| removal.by.as_slice()));
        Ok(changed(connection, insert).await? > 0)
    }
}

/// Makes the factor active and the counter its last one, if it is in this state and the counter goes forward.
pub(super) struct Burn {
    id: FactorId,
    state: FactorState,
    counter: Option<i64>,
    only: ConfirmIf,
    now: DateTime<Utc>,
}

impl Burn {
    /// As [`FactorStore::advance`].
    pub(super) fn advance(
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            id: *id,
            state: FactorState::Active,
            counter: Some(counter_column(counter)?),
            only: ConfirmIf::Always,
            now,
        })
    }
}

impl Verb for Burn {
    type Answer = Advanced;

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        _: &mut Ledger,
    ) -> Result<Advanced, StoreError> {
        let id = self.id.as_bytes().as_slice();
        let update = match self.only {
            ConfirmIf::Always => sqlx::query(burn!("")),
            ConfirmIf::Beside(_) => sqlx::query(burn!(beside!("?5"))),
            ConfirmIf::First => sqlx::query(burn!(
                " AND NOT EXISTS (SELECT 1 FROM ott_factors AS other \
                   WHERE other.tenant = own.tenant AND other.subject = own.subject \
                     AND other.id <> own.id AND other.state IN (1, 2))"
            )),
        };
        let mut update = update
            .bind(id)
            .bind(self.state.number())
            .bind(self.counter)
            .bind(micros(&self.now));
        if let ConfirmIf::Beside(other) = &self.only {
            update = update.bind(other.as_bytes().as_slice());
        }
        if changed(connection, update).await? > 0 {
            return Ok(Advanced::Accepted);
        }
        let select = sqlx::query("SELECT state, last FROM ott_factors WHERE id = ?1").bind(id);
        let found = returned(connection, select).await?;
        rows::not_burnt(found.as_ref(), self.state, self.counter, self.only)
    }
}

struct Update {
    id: FactorId,
    change: FactorChange,
}

impl Verb for Update {
    type Answer = bool;

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        _: &mut Ledger,
    ) -> Result<bool, StoreError> {
        let id = self.id.as_bytes().as_slice();
        let update = match &self.change {
            FactorChange::Disable => {
                sqlx::query("UPDATE ott_factors SET state = 2 WHERE id = ?1 AND state = 1").bind(id)
            }
            FactorChange::Label(label) => {
                sqlx::query("UPDATE ott_factors SET label = ?2 WHERE id = ?1 AND state <> 3")
                    .bind(id)
                    .bind(label)
            }
            FactorChange::Seal { old, new } => {
                sqlx::query("UPDATE ott_factors SET sealed = ?3 WHERE id = ?1 AND sealed = ?2")
                    .bind(id)
                    .bind(old)
                    .bind(new)
            }
        };
        Ok(changed(connection, update).await? > 0)
    }
}

/// Two statements: a factor that does not wait for its confirmation never does so again.
struct Remove {
    id: FactorId,
    only: RemoveIf,
    by: Vec<u8>,
    now: DateTime<Utc>,
}

impl Verb for Remove {
    type Answer = bool;

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        _: &mut Ledger,
    ) -> Result<bool, StoreError> {
        let (delete, update) = match &self.only {
            RemoveIf::Always | RemoveIf::Pending => {
                (sqlx::query(delete_pending!("")), sqlx::query(mark!("")))
            }
            RemoveIf::Beside(_) => (
                sqlx::query(delete_pending!(beside!("?2"))),
                sqlx::query(mark!(beside!("?4"))),
            ),
        };
        let id = self.id.as_bytes().as_slice();
        let (mut delete, mut update) = (delete.bind(id), update.bind(id));
        update = update.bind(micros(&self.now)).bind(self.by.as_slice());
        if let RemoveIf::Beside(other) = &self.only {
            let other = other.as_bytes().as_slice();
            (delete, update) = (delete.bind(other), update.bind(other));
        }
        if changed(connection, delete).await? > 0 {
            return Ok(true);
        }
        if self.only == RemoveIf::Pending {
            return Ok(false);
        }
        Ok(changed(connection, update).await? > 0)
    }
}

struct Restore(FactorId);

impl Verb for Restore {
    type Answer = bool;

    async fn run(
        &self,
        connection: &mut SqliteConnection,
        _: &mut Ledger,
    ) -> Result<bool, StoreError> {
        let update = sqlx::query(
            "UPDATE ott_factors SET state = removed_from, removed_at = NULL, removed_from = NULL, \
               removed_by = NULL \
             WHERE id = ?1 AND state = 3",
        )
        .bind(self.0.as_bytes().as_slice());
        Ok(changed(connection, update).await? > 0)
    }
}
