//! How a row of SQLite is read.

use sqlx::{Decode, Row, Sqlite, Type, ValueRef, sqlite::SqliteRow};
use token_store::StoreError;

use crate::rows::ReadRow;

impl ReadRow for SqliteRow {
    fn blob(&self, column: &'static str) -> Result<Option<&[u8]>, StoreError> {
        value(self, column)
    }

    fn id(&self, column: &'static str) -> Result<Option<[u8; 16]>, StoreError> {
        let found = self.blob(column)?.map(<[u8; 16]>::try_from).transpose();
        found.map_err(|_| StoreError::Corrupt(column))
    }

    fn integer(&self, column: &'static str) -> Result<Option<i64>, StoreError> {
        value(self, column)
    }

    fn text(&self, column: &'static str) -> Result<Option<String>, StoreError> {
        value(self, column)
    }
}

/// What stands in the column. The driver reads a null as 0 or as empty, so nulls are looked for.
fn value<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(
    row: &'r SqliteRow,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    let raw = row
        .try_get_raw(column)
        .map_err(|_| StoreError::Corrupt(column))?;
    if raw.is_null() {
        return Ok(None);
    }
    let found = row.try_get(column);
    found.map(Some).map_err(|_| StoreError::Corrupt(column))
}
