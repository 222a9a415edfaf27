//! The database: bytes under keys, written where nobody else has written since they were read.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use token_store::StoreError;

use crate::{Answer, Row};

/// What stands under a key.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Another one with each write.
    version: u64,
    bytes: Vec<u8>,
}

impl Cell {
    /// The row in it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if its bytes are no such row.
    pub fn row<R: Row>(&self) -> Answer<R> {
        let mut left = self.bytes.as_slice();
        R::read(&mut left).ok_or_else(|| StoreError::unavailable("a row that nobody wrote"))
    }
}

/// One key of a write: what it must hold still, and what it holds then.
#[derive(Clone, Debug)]
pub struct Write {
    key: Vec<u8>,
    version: Option<u64>,
    bytes: Option<Vec<u8>>,
}

impl Write {
    /// This row, or none, in the place of what was read, which may be nothing.
    #[must_use]
    pub fn new<R: Row>(key: &[u8], read: Option<&Cell>, row: Option<&R>) -> Self {
        Self {
            key: key.to_vec(),
            version: read.map(|cell| cell.version),
            bytes: row.map(Row::bytes),
        }
    }

    /// What was read, once more: nothing changes but the version.
    #[must_use]
    pub fn again(key: &[u8], read: &Cell) -> Self {
        Self {
            key: key.to_vec(),
            version: Some(read.version),
            bytes: Some(read.bytes.clone()),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    written: u64,
    cells: BTreeMap<Vec<u8>, Cell>,
}

impl State {
    fn set(&mut self, key: Vec<u8>, bytes: Option<Vec<u8>>) {
        self.written = self.written.saturating_add(1);
        let version = self.written;
        match bytes {
            Some(bytes) => self.cells.insert(key, Cell { version, bytes }),
            None => self.cells.remove(&key),
        };
    }
}

/// A database in memory, as several processes would share it.
#[derive(Debug, Default)]
pub struct Cells(Mutex<State>);

impl Cells {
    fn ask<T>(&self, ask: impl FnOnce(&mut State) -> T) -> Answer<T> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(StoreError::unavailable("the database is closed"));
        }
        Ok(ask(&mut state))
    }

    /// What stands under this key.
    ///
    /// # Errors
    /// [`StoreError`] if it is closed.
    pub fn get(&self, key: &[u8]) -> Answer<Option<Cell>> {
        self.ask(|state| state.cells.get(key).cloned())
    }

    /// What stands under each key that begins like this.
    ///
    /// # Errors
    /// [`StoreError`] if it is closed.
    pub fn scan(&self, begin: &[u8]) -> Answer<Vec<(Vec<u8>, Cell)>> {
        self.ask(|state| {
            let cells = state.cells.iter();
            let meant = cells.filter(|(key, _)| key.starts_with(begin));
            meant
                .map(|(key, cell)| (key.clone(), cell.clone()))
                .collect()
        })
    }

    /// Writes all of them, or none where one key has another version than was read.
    ///
    /// # Errors
    /// [`StoreError`] if it is closed.
    pub fn write(&self, writes: Vec<Write>) -> Answer<bool> {
        self.ask(|state| {
            let is = |key: &[u8]| state.cells.get(key).map(|cell| cell.version);
            let still = writes.iter().all(|write| is(&write.key) == write.version);
            if still {
                for Write { key, bytes, .. } in writes {
                    state.set(key, bytes);
                }
            }
            still
        })
    }

    /// Writes whatever stands there: no verb of a store may do so.
    ///
    /// # Errors
    /// [`StoreError`] if it is closed.
    pub fn put<R: Row>(&self, key: &[u8], row: &R) -> Answer<()> {
        self.ask(|state| state.set(key.to_vec(), Some(row.bytes())))
    }

    /// Answers nobody any more.
    pub fn close(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
    }
}
