//! Statements of the documents, on a pool or in a transaction that is open.

use sqlx::{AnyPool, Error, Row as _};

use crate::Transaction;

/// Where a statement runs.
pub(crate) enum Place<'a> {
    Open(&'a mut Transaction),
    Pool(&'a AnyPool),
}

/// What a statement's place takes.
#[derive(Clone, Copy)]
pub(crate) enum Value<'v> {
    Number(i64),
    Text(&'v str),
}

/// A document's row.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) sealed: String,
}

macro_rules! bound {
    ($sql:expr, $values:expr) => {
        $values
            .iter()
            .fold(sqlx::query($sql), |query, value| match *value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            })
    };
}

macro_rules! read {
    ($row:expr) => {
        match $row {
            None => Ok(None),
            Some(row) => Ok(Some(Row {
                id: row.try_get("id")?,
                version: row.try_get("version")?,
                sealed: row.try_get("sealed")?,
            })),
        }
    };
}

impl Place<'_> {
    /// Runs a statement, and says how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, Error> {
        use Transaction::{Postgres, Sqlite};
        Ok(match self {
            Self::Pool(pool) => bound!(sql, values).execute(*pool).await?.rows_affected(),
            Self::Open(Postgres(open)) => bound!(sql, values)
                .execute(&mut **open)
                .await?
                .rows_affected(),
            Self::Open(Sqlite(open)) => bound!(sql, values)
                .execute(&mut **open)
                .await?
                .rows_affected(),
        })
    }

    /// Reads one row.
    pub(crate) async fn row(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, Error> {
        use Transaction::{Postgres, Sqlite};
        match self {
            Self::Pool(pool) => read!(bound!(sql, values).fetch_optional(*pool).await?),
            Self::Open(Postgres(open)) => {
                read!(bound!(sql, values).fetch_optional(&mut **open).await?)
            }
            Self::Open(Sqlite(open)) => {
                read!(bound!(sql, values).fetch_optional(&mut **open).await?)
            }
        }
    }
}
