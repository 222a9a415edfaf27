//! The toy's factors.

use async_trait::async_trait;
use token_store::{
    Advanced, ConfirmIf, FactorChange, FactorId, FactorState, FactorStore, HIGHEST_COUNTER,
    RemoveIf, Removed, StoreError, StoredFactor,
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
        factor.used_at = DateTime::from_timestamp_micros(self.now(now).timestamp_micros());
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
        if self.makes(Mistake::ListsEverything) {
            found.sort_by_key(|factor| factor.created_at);
            return Ok(found);
        }
        Ok(StoredFactor::listed(found))
    }

    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        only: ConfirmIf,
        now: Time,
    ) -> Result<Advanced, StoreError> {
        self.up().await?;
        self.check(counter)?;
        let now = self.now(now);
        let holds = |factors: &[StoredFactor]| {
            let own = factors.iter().find(|one| one.id == *id);
            self.makes(Mistake::ConfirmsUnvouched) || own.is_none_or(|own| only.holds(own, factors))
        };
        let looks_first = self.makes(Mistake::LooksForFirstsFirst);
        if looks_first {
            {
                let factors = self.factors.lock().unwrap();
                let own = factors.iter().find(|one| one.id == *id);
                let waits = own.is_some_and(|own| own.state == FactorState::Pending);
                if waits && !holds(&factors) {
                    return Ok(Advanced::Unvouched);
                }
            }
            yield_now().await;
        }
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
        if !self.makes(Mistake::ConfirmsWholeRows) && !self.makes(Mistake::ConfirmsInTwoSteps) {
            let mut factors = self.factors.lock().unwrap();
            let holds = looks_first || holds(&factors);
            let Some(own) = factors.iter_mut().find(|one| one.id == *id) else {
                return Ok(Advanced::Absent);
            };
            let leaves = self.makes(Mistake::LeavesTheConfirmingCode);
            return Ok(own.confirm(counter.filter(|_| !leaves), holds, now));
        }
        let confirmed = self.change_or_save(Mistake::ConfirmsWholeRows, id, |factor| {
            let activated = self.makes(Mistake::ConfirmsInTwoSteps);
            if factor.state != FactorState::Pending && !activated {
                return Advanced::Absent;
            }
            let told = match counter {
                Some(counter) => self.counts(factor, counter, now),
                None => {
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
                (_, FactorChange::Seal { old, .. }) if compares && factor.sealed != *old => {
                    return false;
                }
                (_, FactorChange::Seal { new, .. }) => factor.sealed.clone_from(new),
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
            }
            true
        });
        Ok(updated.await.unwrap_or(false))
    }

    async fn remove(
        &self,
        id: &FactorId,
        only: RemoveIf,
        by: &[u8],
        now: Time,
    ) -> Result<bool, StoreError> {
        self.up().await?;
        let holds = |factors: &[StoredFactor]| {
            let own = factors.iter().find(|one| one.id == *id);
            own.is_some_and(|own| match only {
                RemoveIf::Beside(_) if self.makes(Mistake::RemovesTheLast) => true,
                RemoveIf::Beside(other)
                    if self.makes(Mistake::RemovesBesideItself) && other == *id =>
                {
                    own.state == FactorState::Active
                }
                only => only.holds(own, factors),
            })
        };
        let looks_first = self.makes(match only {
            RemoveIf::Pending => Mistake::LooksForPendingFirst,
            _ => Mistake::LooksBesideFirst,
        });
        if looks_first {
            if !holds(&self.factors.lock().unwrap()) {
                return Ok(false);
            }
            yield_now().await;
        }
        let mut factors = self.factors.lock().unwrap();
        if !looks_first && !holds(&factors) {
            return Ok(false);
        }
        let Some(own) = factors.iter_mut().find(|one| one.id == *id) else {
            return Ok(false);
        };
        let removed = own.remove(by, now);
        if self.makes(Mistake::WipesAtOnce) {
            own.sealed.clear();
        }
        if let Some(removal) = own
            .removal
            .as_mut()
            .filter(|_| self.makes(Mistake::CutsRemovers))
        {
            removal.by.retain(|byte| *byte != 0);
        }
        if removed == Removed::Deleted && !self.makes(Mistake::KeepsThePending) {
            factors.retain(|one| one.id != *id);
        }
        Ok(removed != Removed::Before)
    }

    async fn restore(&self, id: &FactorId) -> Result<bool, StoreError> {
        self.up().await?;
        let in_two_steps = self.makes(Mistake::RestoresInTwoSteps);
        let restored = self.change_factor(in_two_steps, id, |factor| {
            let was_used = factor.used_at;
            let restored = factor.restore();
            if restored && self.makes(Mistake::RestoresEnabled) {
                factor.state = FactorState::Active;
            }
            factor.used_at = was_used;
            restored
        });
        Ok(restored.await.unwrap_or(false))
    }

    async fn purge_factors(&self, before: Time, limit: u32) -> Result<u64, StoreError> {
        self.up().await?;
        let dead = |one: &StoredFactor| {
            let dead = one.is_dead_before(before);
            dead || self.makes(Mistake::PurgesTheRemoved) && one.state == FactorState::Removed
        };
        let ids: Vec<_> = {
            let factors = self.factors.lock().unwrap();
            let dead = factors.iter().filter(|one| dead(one));
            dead.map(|one| one.id).take(limit as usize).collect()
        };
        let finds_first = self.makes(Mistake::FindsThenPurgesFactors);
        if finds_first {
            yield_now().await;
        }
        let mut factors = self.factors.lock().unwrap();
        let there = factors.len();
        factors.retain(|one| !ids.contains(&one.id) || !finds_first && !dead(one));
        Ok((there - factors.len()) as u64)
    }
}
