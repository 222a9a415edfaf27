//! Limits as they are read, computed by [`Limit`] itself, and written: inside SQLite's write lock, once for all verbs that
//! share a commit.
//!
//! [`Limit`]: token_store::ott_core::Limit

use core::fmt::Write;
use std::collections::HashMap;

use sqlx::{Row, SqliteConnection};
use token_store::{
    Charge, Spent, StoreError,
    ott_core::{
        LimitKey, LimitState, Overspent,
        chrono::{DateTime, Utc},
    },
};

use super::{changed, outage::outage};
use crate::rows;

/// What was read of the limits, and what shall be written.
#[derive(Default)]
pub(super) struct Ledger(HashMap<[u8; 16], Entry>);

enum Entry {
    /// As it stands in its row. `None`: there is no row.
    Read(Option<LimitState>),
    /// It shall have no row.
    Removed,
    /// Its row cannot be read.
    Unreadable(StoreError),
    /// As it shall stand in its row.
    Written(LimitState),
}

const READ: &str = "SELECT key, full_at, count FROM ott_limits \
    WHERE key IN (SELECT unhex(value) FROM json_each(?1))";
const WRITE: &str = "INSERT INTO ott_limits (key, full_at, count) \
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2 FROM json_each(?1) WHERE true \
    ON CONFLICT (key) DO UPDATE SET full_at = excluded.full_at, count = excluded.count";
const REMOVE: &str = "DELETE FROM ott_limits WHERE key IN (SELECT unhex(value) FROM json_each(?1))";

impl Ledger {
    /// Reads what it has not read yet.
    pub(super) async fn read<'c>(
        &mut self,
        connection: &mut SqliteConnection,
        charges: impl Iterator<Item = &'c Charge>,
    ) -> Result<(), StoreError> {
        let mut names = Json::default();
        for Charge { key, .. } in charges {
            self.name(key, &mut names);
        }
        self.read_named(connection, names).await
    }

    /// What stands in the rows of these, where there are rows.
    pub(super) async fn look(
        connection: &mut SqliteConnection,
        keys: impl Iterator<Item = LimitKey>,
    ) -> Result<HashMap<LimitKey, LimitState>, StoreError> {
        let (mut ledger, mut names) = (Self::default(), Json::default());
        let keys: Vec<_> = keys.inspect(|key| ledger.name(key, &mut names)).collect();
        ledger.read_named(connection, names).await?;
        let states = keys.into_iter().map(|key| Ok((key, ledger.state(&key)?)));
        states
            .filter_map(|read| match read {
                Ok((key, state)) => Some(Ok((key, state?))),
                Err(error) => Some(Err(error)),
            })
            .collect()
    }

    fn name(&mut self, key: &LimitKey, names: &mut Json) {
        self.0.entry(*key.as_bytes()).or_insert_with(|| {
            names.item(|text| hex(text, key.as_bytes()));
            Entry::Read(None)
        });
    }

    async fn read_named(
        &mut self,
        connection: &mut SqliteConnection,
        names: Json,
    ) -> Result<(), StoreError> {
        let Some(names) = names.end() else {
            return Ok(());
        };
        let rows = sqlx::query(READ).bind(names).fetch_all(connection).await;
        for row in rows.map_err(outage)? {
            let key: &[u8] = row.try_get("key").map_err(outage)?;
            let key = <[u8; 16]>::try_from(key).map_err(|_| StoreError::Corrupt("key"))?;
            let entry = match rows::limit(&row) {
                Ok(state) => Entry::Read(Some(state)),
                Err(error) => Entry::Unreadable(error),
            };
            self.0.insert(key, entry);
        }
        Ok(())
    }

    /// Which of the limits refuses one more, if one does. Changes nothing.
    pub(super) fn refusal(
        &self,
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Option<Spent>, StoreError> {
        for Charge { key, limit } in charges {
            let mut state = self.state(key)?.unwrap_or_default();
            if let Err(why) = limit.spend(&mut state, now) {
                return Ok(Some(refused(key, why)));
            }
        }
        Ok(None)
    }

    /// Charges one of each, less what is given back. None of them refuses.
    pub(super) fn charge(
        &mut self,
        charges: &[Charge],
        now: DateTime<Utc>,
        given_back: u32,
    ) -> Result<(), StoreError> {
        // What comes back whole was never there.
        if given_back == 1 {
            return Ok(());
        }
        for Charge { key, limit } in charges {
            let mut state = self.state(key)?.unwrap_or_default();
            if limit.spend(&mut state, now).is_ok() {
                limit.refund(&mut state, given_back);
                self.set(key, state);
            }
        }
        Ok(())
    }

    /// Spends, as `LimitStore::spend`.
    pub(super) async fn spend(
        &mut self,
        connection: &mut SqliteConnection,
        charges: &[Charge],
        now: DateTime<Utc>,
    ) -> Result<Spent, StoreError> {
        self.read(connection, charges.iter()).await?;
        for Charge { key, limit } in charges {
            let mut state = self.state(key)?.unwrap_or_default();
            match limit.spend(&mut state, now) {
                Ok(()) => self.set(key, state),
                Err(why) => return Ok(refused(key, why)),
            }
        }
        Ok(Spent::Allowed)
    }

    /// Gives back, as `LimitStore::refund`.
    pub(super) async fn refund(
        &mut self,
        connection: &mut SqliteConnection,
        charges: &[Charge],
        times: u32,
    ) -> Result<(), StoreError> {
        self.read(connection, charges.iter()).await?;
        for Charge { key, limit } in charges {
            if let Some(mut state) = self.state(key)? {
                limit.refund(&mut state, times);
                self.set(key, state);
            }
        }
        Ok(())
    }

    /// Forgets what was spent under this key.
    pub(super) fn clear(&mut self, key: &LimitKey) {
        self.0.insert(*key.as_bytes(), Entry::Removed);
    }

    fn state(&self, key: &LimitKey) -> Result<Option<LimitState>, StoreError> {
        match self.0.get(key.as_bytes()) {
            None | Some(Entry::Read(None) | Entry::Removed) => Ok(None),
            Some(Entry::Read(Some(state)) | Entry::Written(state)) => Ok(Some(*state)),
            Some(Entry::Unreadable(StoreError::Corrupt(column))) => {
                Err(StoreError::Corrupt(column))
            }
            Some(Entry::Unreadable(_)) => Err(StoreError::Corrupt("a limit")),
        }
    }

    fn set(&mut self, key: &LimitKey, state: LimitState) {
        self.0.insert(*key.as_bytes(), Entry::Written(state));
    }

    /// Writes what changed.
    pub(super) async fn write(self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let (mut written, mut removed) = (Json::default(), Json::default());
        for (key, entry) in &self.0 {
            match entry {
                Entry::Read(_) | Entry::Unreadable(_) => {}
                Entry::Removed => removed.item(|text| hex(text, key)),
                Entry::Written(LimitState { full_at, count }) => written.item(|text| {
                    text.push('[');
                    hex(text, key);
                    // Writing to a string does not fail.
                    let _ = write!(text, ",{full_at},{count}]");
                }),
            }
        }
        for (statement, json) in [(WRITE, written.end()), (REMOVE, removed.end())] {
            if let Some(json) = json {
                changed(connection, sqlx::query(statement).bind(json)).await?;
            }
        }
        Ok(())
    }
}

fn refused(key: &LimitKey, why: Overspent) -> Spent {
    match why {
        Overspent::Ahead => Spent::Ahead(*key),
        Overspent::Locked => Spent::Locked(*key),
        Overspent::RetryAt(at) => Spent::RetryAt(*key, at),
    }
}

/// An array in JSON, in the making.
#[derive(Default)]
pub(super) struct Json(String);

impl Json {
    pub(super) fn item(&mut self, write: impl FnOnce(&mut String)) {
        self.0.push(if self.0.is_empty() { '[' } else { ',' });
        write(&mut self.0);
    }

    /// `None`: it has no item.
    pub(super) fn end(mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| {
            self.0.push(']');
            self.0
        })
    }
}

/// Hexadecimal digits in quotes, which `unhex` reads.
pub(super) fn hex(text: &mut String, bytes: &[u8]) {
    text.push('"');
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            let digit = u32::from(digit);
            text.push(char::from_digit(digit, 16).unwrap_or_default());
        }
    }
    text.push('"');
}
