//! Factors.

use async_trait::async_trait;
use token_store::{
    Advanced, FactorChange, FactorId, FactorStore, StoredFactor, check_counter, ott_core::Subject,
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
        found.sort_by_key(|factor| factor.created_at);
        Ok(found)
    }

    async fn confirm(&self, id: &FactorId, to: Option<u64>, now: Time) -> Answer<Advanced> {
        check_counter(to)?;
        self.factor(id, Advanced::Absent, |factor| factor.confirm(to, now))
    }

    async fn advance(&self, id: &FactorId, to: u64, now: Time) -> Answer<Advanced> {
        check_counter(Some(to))?;
        self.factor(id, Advanced::Absent, |factor| factor.advance(to, now))
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Answer<bool> {
        self.factor(id, false, |factor| factor.update(change))
    }

    async fn remove(&self, id: &FactorId, beside: Option<&FactorId>, now: Time) -> Answer<bool> {
        let Some(beside) = beside else {
            return self.factor(id, false, |factor| factor.remove(now));
        };
        // The other one must be active in this very step: its version is compared too.
        for _ in 0..TRIES {
            let (key, other) = (factor_key(id), factor_key(beside));
            let (cells, others) = (self.cells().get(&key)?, self.cells().get(&other)?);
            let (Some(cell), Some(stays)) = (cells, others) else {
                return Ok(false);
            };
            let mut factor: StoredFactor = cell.row()?;
            if !StoredFactor::stays_beside(Some(&stays.row()?), id) || !factor.remove(now) {
                return Ok(false);
            }
            let removes = Write::new(&key, Some(&cell), Some(&factor));
            if self
                .cells()
                .write(vec![removes, Write::again(&other, &stays)])?
            {
                return Ok(true);
            }
        }
        Err(contended())
    }
}
