//! Factors.

use async_trait::async_trait;
use token_store::{
    Advanced, ConfirmIf, FactorChange, FactorId, FactorStore, RemoveIf, Removed, StoredFactor,
    check_counter, ott_core::Subject,
};

use crate::{
    Answer, OwnStore, Time, Write,
    store::{TRIES, contended, factor_key},
};

impl OwnStore {
    /// Applies a rule of [`StoredFactor`], or returns `none` if there is no such factor.
    fn factor<T: Copy>(
        &self,
        id: &FactorId,
        none: T,
        rule: impl Fn(&mut StoredFactor) -> T,
    ) -> Answer<T> {
        self.step(&factor_key(id), |row: &mut Option<StoredFactor>| {
            row.as_mut().map_or(none, &rule)
        })
    }

    /// Applies a rule that looks at other factors too: what it says, and whether the row stays if it changes.
    ///
    /// Each of the others is written again as it was read, so that of two such steps one begins anew.
    fn beside<T>(
        &self,
        id: &FactorId,
        others: Others,
        none: T,
        rule: impl Fn(&mut StoredFactor, &[StoredFactor]) -> (T, Becomes),
    ) -> Answer<T> {
        for _ in 0..TRIES {
            let key = factor_key(id);
            let Some(cell) = self.cells().get(&key)? else {
                return Ok(none);
            };
            let mut own: StoredFactor = cell.row()?;
            let mut read = match others {
                Others::None => Vec::new(),
                Others::One(other) => {
                    let other = factor_key(&other);
                    let cell = self.cells().get(&other)?;
                    cell.map(|cell| (other, cell)).into_iter().collect()
                }
                Others::All => self.cells().scan(b"factor/")?,
            };
            read.retain(|(other, _)| *other != key);
            let mut all = Vec::new();
            let mut writes = Vec::new();
            for (key, cell) in &read {
                let other: StoredFactor = cell.row()?;
                if other.subject == own.subject {
                    writes.push(Write::again(key, cell));
                    all.push(other);
                }
            }
            let (told, becomes) = rule(&mut own, &all);
            writes.push(match becomes {
                Becomes::AsItWas => return Ok(told),
                Becomes::Changed => Write::new(&key, Some(&cell), Some(&own)),
                Becomes::Gone => Write::new::<StoredFactor>(&key, Some(&cell), None),
            });
            if self.cells().write(writes)? {
                return Ok(told);
            }
        }
        Err(contended())
    }
}

/// Which other factors a condition is about.
#[derive(Clone, Copy)]
enum Others {
    None,
    One(FactorId),
    /// All of the subject.
    All,
}

/// What becomes of a row.
enum Becomes {
    AsItWas,
    Changed,
    Gone,
}

#[async_trait]
impl FactorStore for OwnStore {
    async fn insert_factor(&self, new: &StoredFactor) -> Answer<bool> {
        check_counter(new.last)?;
        self.step(&factor_key(&new.id), |row: &mut Option<StoredFactor>| {
            let free = row.is_none();
            row.get_or_insert_with(|| new.clone());
            free
        })
    }

    async fn factors(&self, of: &Subject) -> Answer<Vec<StoredFactor>> {
        let mut found: Vec<StoredFactor> = self.all(b"factor/")?;
        found.retain(|factor| factor.subject == *of);
        Ok(StoredFactor::listed(found))
    }

    async fn confirm(
        &self,
        id: &FactorId,
        to: Option<u64>,
        only: ConfirmIf,
        now: Time,
    ) -> Answer<Advanced> {
        check_counter(to)?;
        let others = match only {
            ConfirmIf::Always => Others::None,
            ConfirmIf::Beside(other) => Others::One(other),
            ConfirmIf::First => Others::All,
        };
        self.beside(id, others, Advanced::Absent, |own, others| {
            let holds = only.holds(own, others);
            match own.confirm(to, holds, now) {
                Advanced::Accepted => (Advanced::Accepted, Becomes::Changed),
                refused => (refused, Becomes::AsItWas),
            }
        })
    }

    async fn advance(&self, id: &FactorId, to: u64, now: Time) -> Answer<Advanced> {
        check_counter(Some(to))?;
        self.factor(id, Advanced::Absent, |factor| factor.advance(to, now))
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Answer<bool> {
        self.factor(id, false, |factor| factor.update(change))
    }

    async fn remove(&self, id: &FactorId, only: RemoveIf, by: &[u8], now: Time) -> Answer<bool> {
        let others = match only {
            RemoveIf::Always | RemoveIf::Pending => Others::None,
            RemoveIf::Beside(other) => Others::One(other),
        };
        self.beside(id, others, false, |own, others| {
            if !only.holds(own, others) {
                return (false, Becomes::AsItWas);
            }
            match own.remove(by, now) {
                Removed::Before => (false, Becomes::AsItWas),
                Removed::Deleted => (true, Becomes::Gone),
                Removed::Marked => (true, Becomes::Changed),
            }
        })
    }

    async fn restore(&self, id: &FactorId) -> Answer<bool> {
        self.factor(id, false, StoredFactor::restore)
    }

    async fn purge_factors(&self, before: Time, limit: u32) -> Answer<u64> {
        let mut removed = 0_u64;
        for (key, _) in self.cells().scan(b"factor/")? {
            if removed < u64::from(limit) {
                let gone = self.step(&key, |row: &mut Option<StoredFactor>| {
                    row.take_if(|factor| factor.is_dead_before(before))
                        .is_some()
                })?;
                removed = removed.saturating_add(u64::from(gone));
            }
        }
        Ok(removed)
    }
}
