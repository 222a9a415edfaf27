//! The store, and the one way in which it changes a row.

use std::sync::Arc;

use token_store::{
    FactorId, StoreError,
    ott_core::{
        LimitKey, RecordId,
        chrono::{DateTime, Utc},
    },
};

use crate::{Cells, Row, Write};

/// The caller's time.
pub type Time = DateTime<Utc>;

/// What a verb answers.
pub type Answer<T> = Result<T, StoreError>;

/// How often a step begins again before it is an outage.
pub(crate) const TRIES: usize = 1_000;

/// A store over a database that several processes share.
#[derive(Clone, Debug, Default)]
pub struct OwnStore(Arc<Cells>);

/// Where a record stands.
#[must_use]
pub fn token_key(id: &RecordId) -> Vec<u8> {
    [&b"token/"[..], id.as_bytes()].concat()
}

/// Where a factor stands.
#[must_use]
pub fn factor_key(id: &FactorId) -> Vec<u8> {
    [&b"factor/"[..], id.as_bytes()].concat()
}

/// Where it stands how much was spent.
#[must_use]
pub fn limit_key(key: &LimitKey) -> Vec<u8> {
    [&b"limit/"[..], key.as_bytes()].concat()
}

/// What others keep changing.
pub(crate) fn contended() -> StoreError {
    StoreError::unavailable("others kept changing the row")
}

impl OwnStore {
    /// The database.
    #[must_use]
    pub fn cells(&self) -> &Cells {
        &self.0
    }

    /// One step: reads a row, applies the rule, and writes what became of the row if nobody has
    /// written it meanwhile; else once more.
    pub(crate) fn step<R: Row, T>(
        &self,
        key: &[u8],
        rule: impl Fn(&mut Option<R>) -> T,
    ) -> Answer<T> {
        for _ in 0..TRIES {
            let read = self.0.get(key)?;
            let mut row = read.as_ref().map(|cell| cell.row()).transpose()?;
            let before = row.as_ref().map(Row::bytes);
            let told = rule(&mut row);
            let unchanged = before == row.as_ref().map(Row::bytes);
            let writes = vec![Write::new(key, read.as_ref(), row.as_ref())];
            if unchanged || self.0.write(writes)? {
                return Ok(told);
            }
        }
        Err(contended())
    }

    /// Every row whose key begins like this.
    pub(crate) fn all<R: Row>(&self, begin: &[u8]) -> Answer<Vec<R>> {
        let cells = self.0.scan(begin)?;
        cells.iter().map(|(_, cell)| cell.row()).collect()
    }
}
