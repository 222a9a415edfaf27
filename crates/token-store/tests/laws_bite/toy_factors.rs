//! The toy's factors.

use async_trait::async_trait;
use token_store::{
    Advanced, FactorChange, FactorId, FactorState, FactorStore, HIGHEST_COUNTER, StoreError,
    StoredFactor,
    ott_core::{Subject, chrono::DateTime},
};
use tokio::task::yield_now;

use super::{
    Mistake,
    toy::{Time, Toy},
};

impl Toy {
    /// Changes a factor in one step, or by reading it, waiting, and writing it back.
    async fn change_factor<T>(
        &self,
        in_two_steps: bool,
        id: &FactorId,
        change: impl FnOnce(&mut StoredFactor) -> T,
    ) -> Option<T> {
        if !in_two_steps {
            let mut factors = self.factors.lock().unwrap();
            return factors
                .iter_mut()
                .find(|factor| factor.id == *id)
                .map(change);
        }
        let read = self
            .factors
            .lock()
            .unwrap()
            .iter()
            .find(|factor| factor.id == *id)
            .cloned();
        let mut factor = read?;
        let answer = change(&mut factor);
        yield_now().await;
        let mut factors = self.factors.lock().unwrap();
        *factors.iter_mut().find(|old| old.id == *id)? = factor;
        Some(answer)
    }

    fn counts(&self, factor: &mut StoredFactor, counter: u64, now: Time) -> Advanced {
        let newer = match (self.mistake, factor.last) {
            (Mistake::AcceptsEqualCounters, last) => last <= Some(counter),
            (Mistake::TakesNoneForZero, last) => last.unwrap_or(0) < counter,
            (_, last) => last < Some(counter),
        };
        if !newer {
            return Advanced::Replayed;
        }
        factor.last = Some(counter);
        factor.used_at = DateTime::from_timestamp_micros(now.timestamp_micros());
        Advanced::Accepted
    }

    fn check(&self, counter: Option<u64>) -> Result<(), StoreError> {
        match counter {
            Some(counter) if counter > HIGHEST_COUNTER && !self.makes(Mistake::TakesAnyCounter) => {
                Err(StoreError::Misuse("a counter too high"))
            }
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl FactorStore for Toy {
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError> {
        self.up().await?;
        self.check(factor.last)?;
        let mut factors = self.factors.lock().unwrap();
        let known = factors.iter().position(|old| old.id == factor.id);
        match known {
            Some(place) if self.makes(Mistake::OverwritesFactors) => {
                factors[place] = factor.clone();
            }
            Some(_) => return Ok(false),
            None => factors.push(factor.clone()),
        }
        Ok(known.is_none())
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        self.up().await?;
        let factors = self.factors.lock().unwrap();
        let mut found: Vec<_> = factors
            .iter()
            .filter(|factor| factor.subject == *subject)
            .cloned()
            .collect();
        found.sort_by_key(|factor| factor.created_at);
        Ok(found)
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        now: Time,
    ) -> Result<Advanced, StoreError> {
        self.up().await?;
        self.check(counter)?;
        if self.makes(Mistake::ConfirmsInTwoSteps) {
            let activated = self.change_factor(false, id, |factor| {
                let replayed = counter.is_some_and(|counter| factor.last >= Some(counter));
                let pending = factor.state == FactorState::Pending && !replayed;
                if pending {
                    factor.state = FactorState::Active;
                }
                pending
            });
            if activated.await != Some(true) {
                return Ok(Advanced::Absent);
            }
            yield_now().await;
        }
        let confirmed = self.change_factor(false, id, |factor| {
            let activated = self.makes(Mistake::ConfirmsInTwoSteps);
            if factor.state != FactorState::Pending && !activated {
                return Advanced::Absent;
            }
            let told = match counter {
                Some(counter) if !self.makes(Mistake::LeavesTheConfirmingCode) => {
                    self.counts(factor, counter, now)
                }
                _ => {
                    factor.used_at = DateTime::from_timestamp_micros(now.timestamp_micros());
                    Advanced::Accepted
                }
            };
            if told == Advanced::Accepted {
                factor.state = FactorState::Active;
            }
            told
        });
        Ok(confirmed.await.unwrap_or(Advanced::Absent))
    }

    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: Time,
    ) -> Result<Advanced, StoreError> {
        self.up().await?;
        self.check(Some(counter))?;
        let in_two_steps = self.makes(Mistake::AdvancesInTwoSteps);
        let advanced = self.change_factor(in_two_steps, id, |factor| {
            let active = factor.state == FactorState::Active;
            if active || self.makes(Mistake::AdvancesTheDisabled) {
                self.counts(factor, counter, now)
            } else {
                Advanced::Absent
            }
        });
        Ok(advanced.await.unwrap_or(Advanced::Absent))
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        self.up().await?;
        let updated = self.change_factor(false, id, |factor| {
            let compares = !self.makes(Mistake::WritesAnySeal);
            match (factor.state, change) {
                (FactorState::Removed, _) => return false,
                (FactorState::Active, FactorChange::Disable) => {
                    factor.state = FactorState::Disabled;
                }
                (_, FactorChange::Disable) => return false,
                (_, FactorChange::Label(label)) => factor.label.clone_from(label),
                (_, FactorChange::Seal { old, .. }) if compares && factor.sealed != *old => {
                    return false;
                }
                (_, FactorChange::Seal { new, .. }) => factor.sealed.clone_from(new),
            }
            true
        });
        Ok(updated.await.unwrap_or(false))
    }

    async fn remove(
        &self,
        id: &FactorId,
        beside: Option<&FactorId>,
        now: Time,
    ) -> Result<bool, StoreError> {
        self.up().await?;
        if let Some(other) = beside.filter(|_| !self.makes(Mistake::RemovesTheLast)) {
            let active = |factor: &mut StoredFactor| factor.state == FactorState::Active;
            let itself = other == id && !self.makes(Mistake::RemovesBesideItself);
            if itself || self.change_factor(false, other, active).await != Some(true) {
                return Ok(false);
            }
            if self.makes(Mistake::LooksBesideFirst) {
                yield_now().await;
            }
        }
        let removed = self.change_factor(false, id, |factor| {
            let removes = factor.state != FactorState::Removed;
            if removes {
                factor.state = FactorState::Removed;
                factor.used_at = DateTime::from_timestamp_micros(now.timestamp_micros());
                if !self.makes(Mistake::KeepsTheSecret) {
                    factor.sealed.clear();
                }
            }
            removes
        });
        Ok(removed.await.unwrap_or(false))
    }
}
