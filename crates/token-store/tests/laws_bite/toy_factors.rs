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
    toy::{Time, Toy, same_first_100, the_last_of_32_bits},
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

    /// Saves every column of a factor that was read a moment before, if its counter is still that one.
    async fn save_factor<T>(
        &self,
        id: &FactorId,
        change: impl Fn(&mut StoredFactor) -> T,
    ) -> Option<T> {
        let find = |factors: &[StoredFactor]| factors.iter().position(|one| one.id == *id);
        for _ in 0..100 {
            let read = {
                let factors = self.factors.lock().unwrap();
                factors[find(&factors)?].clone()
            };
            yield_now().await;
            let mut row = read.clone();
            let told = change(&mut row);
            let mut factors = self.factors.lock().unwrap();
            let place = find(&factors)?;
            if row == read {
                return Some(told);
            }
            if factors[place].last == read.last {
                factors[place] = row;
                return Some(told);
            }
        }
        None
    }

    /// Changes a factor in one step, or saves all of its columns where that is the mistake.
    async fn change_or_save<T>(
        &self,
        saves: Mistake,
        id: &FactorId,
        change: impl Fn(&mut StoredFactor) -> T,
    ) -> Option<T> {
        if self.makes(saves) {
            self.save_factor(id, change).await
        } else {
            self.change_factor(false, id, change).await
        }
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
        let mut factor = factor.clone();
        if self.makes(Mistake::CutsLabelsAt64) {
            factor.label = factor.label.chars().take(64).collect();
        }
        if self.makes(Mistake::EnrolsIn32Bits) {
            factor.created_at = factor.created_at.min(the_last_of_32_bits());
        }
        let mut factors = self.factors.lock().unwrap();
        let known = factors.iter().position(|old| old.id == factor.id);
        match known {
            Some(place) if self.makes(Mistake::OverwritesFactors) => {
                factors[place] = factor;
            }
            Some(_) => return Ok(false),
            None => factors.push(factor),
        }
        Ok(known.is_none())
    }

    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError> {
        self.up().await?;
        let factors = self.factors.lock().unwrap();
        let mut found: Vec<_> = factors
            .iter()
            .filter(|factor| {
                let cut = self.makes(Mistake::ListsByTheFirst100Bytes)
                    && factor.subject.tenant() == subject.tenant()
                    && same_first_100(factor.subject.id(), subject.id());
                factor.subject == *subject || cut
            })
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
        let confirmed = self.change_or_save(Mistake::ConfirmsWholeRows, id, |factor| {
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
        let advance = |factor: &mut StoredFactor| {
            let active = factor.state == FactorState::Active;
            if active || self.makes(Mistake::AdvancesTheDisabled) {
                self.counts(factor, counter, now)
            } else {
                Advanced::Absent
            }
        };
        let advanced = if self.makes(Mistake::AdvancesInTwoSteps) {
            self.change_factor(true, id, advance).await
        } else {
            self.change_or_save(Mistake::AdvancesWholeRows, id, advance)
                .await
        };
        Ok(advanced.unwrap_or(Advanced::Absent))
    }

    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError> {
        self.up().await?;
        let saves = match change {
            FactorChange::Label(_) => Mistake::LabelsWholeRows,
            FactorChange::Seal { .. } | FactorChange::Disable => Mistake::SealsWholeRows,
        };
        let updated = self.change_or_save(saves, id, |factor| {
            let compares = !self.makes(Mistake::WritesAnySeal);
            match (factor.state, change) {
                (FactorState::Removed, _) => return false,
                (FactorState::Active, FactorChange::Disable) => {
                    factor.state = FactorState::Disabled;
                }
                (_, FactorChange::Disable) => return false,
                (_, FactorChange::Label(label)) => {
                    factor.label.clone_from(label);
                    if self.makes(Mistake::CutsNewLabelsAt64Bytes) {
                        let cut = (0..=64).rfind(|cut| label.is_char_boundary(*cut));
                        factor.label.truncate(cut.unwrap());
                    }
                }
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
        let stays = |factors: &[StoredFactor]| {
            beside.is_none_or(|other| {
                let active = |one: &StoredFactor| one.state == FactorState::Active;
                let found = factors.iter().any(|one| one.id == *other && active(one));
                self.makes(Mistake::RemovesTheLast)
                    || (found && (other != id || self.makes(Mistake::RemovesBesideItself)))
            })
        };
        let looks_first = self.makes(Mistake::LooksBesideFirst);
        if looks_first {
            if !stays(&self.factors.lock().unwrap()) {
                return Ok(false);
            }
            yield_now().await;
        }
        let mut factors = self.factors.lock().unwrap();
        if !looks_first && !stays(&factors) {
            return Ok(false);
        }
        let found = factors.iter_mut().find(|one| one.id == *id);
        let Some(factor) = found.filter(|one| one.state != FactorState::Removed) else {
            return Ok(false);
        };
        factor.state = FactorState::Removed;
        factor.used_at = DateTime::from_timestamp_micros(now.timestamp_micros());
        if !self.makes(Mistake::KeepsTheSecret) {
            factor.sealed.clear();
        }
        Ok(true)
    }
}
