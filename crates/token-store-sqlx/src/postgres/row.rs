//! How a row of PostgreSQL is read.

use sqlx::{Decode, Postgres, Row, Type, TypeInfo, ValueRef, postgres::PgRow};
use token_store::StoreError;

use super::id::Id;
use crate::rows::ReadRow;

impl ReadRow for PgRow {
    fn blob(&self, column: &'static str) -> Result<Option<&[u8]>, StoreError> {
        value(self, column)
    }

    fn id(&self, column: &'static str) -> Result<Option<[u8; 16]>, StoreError> {
        value(self, column).map(|found: Option<Id>| found.map(|id| id.0))
    }

    /// Of any width.
    fn integer(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        let corrupt = || StoreError::Corrupt(column);
        let raw = self.try_get_raw(column).map_err(|_| corrupt())?;
        if raw.is_null() {
            return Ok(None);
        }
        if !matches!(raw.type_info().name(), "INT2" | "INT4" | "INT8") {
            return Err(corrupt());
        }
        <i64 as Decode<Postgres>>::decode(raw)
            .map(Some)
            .map_err(|_| corrupt())
    }

    fn text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        value(self, column)
    }
}

/// What a statement says of a row, or of its transaction.
pub(super) fn is_true(row: &PgRow, column: &'static str) -> Result<bool, StoreError> {
    value(row, column).map(|found: Option<bool>| found == Some(true))
}

fn value<'r, T: Decode<'r, Postgres> + Type<Postgres>>(
    row: &'r PgRow,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    row.try_get(column).map_err(|_| StoreError::Corrupt(column))
}
