//! Two databases, and statements that run on either.

use core::fmt;
use std::borrow::Cow;
#[cfg(feature = "sqlite")]
use std::sync::Arc;

use otp_vault::store::{StoreError, Subject};
use sqlx::{
    AssertSqlSafe, Row as _, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};
#[cfg(feature = "sqlite")]
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Accounts and groups over SQLite or PostgreSQL. Cheap to clone.
#[derive(Clone)]
pub struct SqlVaultStore {
    pub(crate) pool: Pool,
}

#[derive(Clone)]
pub(crate) enum Pool {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::PgPool),
    /// SQLite has one writer: here writers queue, where its own lock lets them sleep.
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::SqlitePool, Arc<Mutex<()>>),
}

/// A transaction that is open. Dropped, it is rolled back.
pub(crate) enum Open {
    #[cfg(feature = "postgres")]
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
    #[cfg(feature = "sqlite")]
    Sqlite(
        sqlx::Transaction<'static, sqlx::Sqlite>,
        OwnedMutexGuard<()>,
    ),
}

/// What a statement's place takes.
#[derive(Clone, Copy)]
pub(crate) enum Value<'v> {
    Bytes(&'v [u8]),
    Maybe(Option<i64>),
    Number(i64),
    Text(&'v str),
}

/// A field of a row, as the statement's own code knows it to be.
pub(crate) enum Field {
    Bytes,
    Number,
    Text,
}

/// What stands in one.
#[derive(Debug)]
pub(crate) enum Cell {
    Bytes(Vec<u8>),
    Number(Option<i64>),
    Text(String),
}

macro_rules! bound {
    ($sql:expr, $values:expr) => {
        $values.iter().fold(
            sqlx::query(AssertSqlSafe($sql.to_owned())),
            |query, value| match *value {
                Value::Bytes(bytes) => query.bind(bytes),
                Value::Maybe(number) => query.bind(number),
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            },
        )
    };
}

macro_rules! cells {
    ($rows:expr, $fields:expr) => {
        $rows
            .iter()
            .map(|row| {
                let read = |(at, field): (usize, &Field)| {
                    Ok(match field {
                        Field::Bytes => Cell::Bytes(row.try_get(at)?),
                        Field::Number => Cell::Number(row.try_get(at)?),
                        Field::Text => Cell::Text(row.try_get(at)?),
                    })
                };
                $fields.iter().enumerate().map(read).collect()
            })
            .collect::<Result<Vec<Vec<Cell>>, sqlx::Error>>()
    };
}

pub(crate) fn outage(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { .. } => StoreError::Corrupt("a column of a vault"),
        sqlx::Error::PoolTimedOut => StoreError::Timeout,
        error => StoreError::unavailable(error),
    }
}

impl SqlVaultStore {
    /// Over SQLite, with tables of its own beside the application's.
    ///
    /// # Errors
    /// The tables cannot be made, or are those of a newer version.
    #[cfg(feature = "sqlite")]
    pub async fn sqlite(pool: sqlx::SqlitePool) -> Result<Self, MigrateError> {
        let migrator = migrator(include_str!("../migrations/sqlite.sql"));
        migrator.run(&pool).await?;
        let pool = Pool::Sqlite(pool, Arc::default());
        Ok(Self { pool })
    }

    /// Over PostgreSQL, in the schema that its connections begin with.
    ///
    /// # Errors
    /// The tables cannot be made, or are those of a newer version.
    #[cfg(feature = "postgres")]
    pub async fn postgres(pool: sqlx::PgPool) -> Result<Self, MigrateError> {
        let migrator = migrator(include_str!("../migrations/postgres.sql"));
        migrator.run(&pool).await?;
        let pool = Pool::Postgres(pool);
        Ok(Self { pool })
    }

    /// Rows outside of a transaction.
    pub(crate) async fn read(
        &self,
        sql: &str,
        values: &[Value<'_>],
        fields: &[Field],
    ) -> Result<Vec<Vec<Cell>>, StoreError> {
        match &self.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => {
                let rows = bound!(sql, values).fetch_all(pool).await.map_err(outage)?;
                cells!(rows, fields).map_err(outage)
            }
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool, _) => {
                let rows = bound!(sql, values).fetch_all(pool).await.map_err(outage)?;
                cells!(rows, fields).map_err(outage)
            }
        }
    }

    /// A transaction that changes what this owner has: their writes come one after the other.
    pub(crate) async fn write(&self, owner: &Subject) -> Result<Open, StoreError> {
        let mut open = match &self.pool {
            #[cfg(feature = "postgres")]
            Pool::Postgres(pool) => Open::Postgres(pool.begin().await.map_err(outage)?),
            #[cfg(feature = "sqlite")]
            Pool::Sqlite(pool, turn) => {
                let turn = Arc::clone(turn).lock_owned().await;
                let begun = pool.begin_with("BEGIN IMMEDIATE").await;
                Open::Sqlite(begun.map_err(outage)?, turn)
            }
        };
        open.touch(owner).await?;
        Ok(open)
    }
}

impl Open {
    /// Locks what an owner has, and counts their version on.
    pub(crate) async fn touch(&mut self, owner: &Subject) -> Result<(), StoreError> {
        let sql = "INSERT INTO vault_owners (tenant, owner, version) VALUES ($1, $2, 1)
             ON CONFLICT (tenant, owner) DO UPDATE SET version = vault_owners.version + 1";
        let values = [Value::Text(owner.tenant()), Value::Text(owner.id())];
        self.execute(sql, &values).await.map(drop)
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        Ok(match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(open) => bound!(sql, values)
                .execute(&mut **open)
                .await
                .map_err(outage)?
                .rows_affected(),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(open, _) => bound!(sql, values)
                .execute(&mut **open)
                .await
                .map_err(outage)?
                .rows_affected(),
        })
    }

    /// Runs a statement that gives rows.
    pub(crate) async fn rows(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        fields: &[Field],
    ) -> Result<Vec<Vec<Cell>>, StoreError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(open) => {
                let rows = bound!(sql, values).fetch_all(&mut **open).await;
                cells!(rows.map_err(outage)?, fields).map_err(outage)
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(open, _) => {
                let rows = bound!(sql, values).fetch_all(&mut **open).await;
                cells!(rows.map_err(outage)?, fields).map_err(outage)
            }
        }
    }

    /// Runs a statement that gives one number, or none.
    pub(crate) async fn number(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Option<i64>, StoreError> {
        let rows = self.rows(sql, values, &[Field::Number]).await?;
        let cell = rows.into_iter().flatten().next();
        Ok(cell.and_then(|cell| match cell {
            Cell::Number(number) => number,
            Cell::Bytes(_) | Cell::Text(_) => None,
        }))
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(open) => open.commit().await.map_err(outage),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(open, turn) => {
                let committed = open.commit().await.map_err(outage);
                drop(turn);
                committed
            }
        }
    }
}

fn migrator(sql: &'static str) -> Migrator {
    let first = Migration::new(
        1,
        Cow::Borrowed("first"),
        MigrationType::Simple,
        sql.into_sql_str(),
        false,
    );
    let mut migrator = Migrator::with_migrations(vec![first]);
    migrator.dangerous_set_table_name("_otp_vault_migrations");
    migrator
}

impl fmt::Debug for SqlVaultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlVaultStore").finish_non_exhaustive()
    }
}
