//! The model that histories of factors are compared with: a list of [`StoredFactor`]s, one rule after
//! the other.

use core::fmt;

use ott_core::Subject;

use super::fixture::Time;
use crate::{
    Advanced, ConfirmIf, FactorChange, FactorId, FactorStore, RemoveIf, Removed, StoreError,
    StoredFactor,
};

/// One verb with all that it takes.
#[derive(Clone)]
pub(super) enum FactorVerb {
    Insert(StoredFactor),
    List(Subject),
    Confirm(FactorId, Option<u64>, ConfirmIf),
    Advance(FactorId, u64),
    Update(FactorId, FactorChange),
    Remove(FactorId, RemoveIf, Vec<u8>),
    Restore(FactorId),
    /// Whatever is dead at the step's time.
    Purge,
}

/// A verb at a time.
#[derive(Clone)]
pub(super) struct FactorStep {
    pub(super) verb: FactorVerb,
    pub(super) now: Time,
}

/// What a verb answered.
#[derive(Clone, PartialEq)]
pub(super) enum FactorAnswer {
    Advanced(Advanced),
    Done(bool),
    Listed(Vec<StoredFactor>),
    Purged(u64),
}

impl FactorStep {
    /// Asks the store.
    pub(super) async fn ask<S: FactorStore>(&self, store: &S) -> Result<FactorAnswer, StoreError> {
        let now = self.now;
        Ok(match &self.verb {
            FactorVerb::Insert(factor) => FactorAnswer::Done(store.insert_factor(factor).await?),
            FactorVerb::List(subject) => FactorAnswer::Listed(store.factors(subject).await?),
            FactorVerb::Confirm(id, counter, only) => {
                FactorAnswer::Advanced(store.confirm(id, *counter, *only, now).await?)
            }
            FactorVerb::Advance(id, counter) => {
                FactorAnswer::Advanced(store.advance(id, *counter, now).await?)
            }
            FactorVerb::Update(id, change) => FactorAnswer::Done(store.update(id, change).await?),
            FactorVerb::Remove(id, only, by) => {
                FactorAnswer::Done(store.remove(id, *only, by, now).await?)
            }
            FactorVerb::Restore(id) => FactorAnswer::Done(store.restore(id).await?),
            FactorVerb::Purge => FactorAnswer::Purged(store.purge_factors(now, u32::MAX).await?),
        })
    }
}

/// What a store holds, by the rules.
#[derive(Clone, Default)]
pub(super) struct FactorModel(Vec<StoredFactor>);

impl FactorModel {
    /// Answers as a store should.
    pub(super) fn answer(&mut self, step: &FactorStep) -> FactorAnswer {
        let now = step.now;
        match &step.verb {
            FactorVerb::Insert(factor) => {
                let new = self.get(&factor.id).is_none();
                self.0.extend(new.then(|| factor.clone()));
                FactorAnswer::Done(new)
            }
            FactorVerb::List(subject) => {
                let theirs = self.0.iter().filter(|factor| factor.subject == *subject);
                FactorAnswer::Listed(StoredFactor::listed(theirs.cloned().collect()))
            }
            FactorVerb::Confirm(id, counter, only) => {
                let holds = self.holds(id, |own, all| only.holds(own, all));
                let told = self.get(id);
                FactorAnswer::Advanced(told.map_or(Advanced::Absent, |factor| {
                    factor.confirm(*counter, holds, now)
                }))
            }
            FactorVerb::Advance(id, counter) => FactorAnswer::Advanced(
                self.get(id)
                    .map_or(Advanced::Absent, |factor| factor.advance(*counter, now)),
            ),
            FactorVerb::Update(id, change) => {
                let found = self.get(id);
                FactorAnswer::Done(found.is_some_and(|factor| factor.update(change)))
            }
            FactorVerb::Remove(id, only, by) => {
                let holds = self.holds(id, |own, all| only.holds(own, all));
                let found = self.get(id).filter(|_| holds);
                let removed = found.map_or(Removed::Before, |factor| factor.remove(by, now));
                if removed == Removed::Deleted {
                    self.0.retain(|factor| factor.id != *id);
                }
                FactorAnswer::Done(removed != Removed::Before)
            }
            FactorVerb::Restore(id) => {
                FactorAnswer::Done(self.get(id).is_some_and(StoredFactor::restore))
            }
            FactorVerb::Purge => {
                let there = self.0.len();
                self.0.retain(|factor| !factor.is_dead_before(now));
                FactorAnswer::Purged((there - self.0.len()) as u64)
            }
        }
    }

    fn holds(
        &self,
        id: &FactorId,
        condition: impl FnOnce(&StoredFactor, &[StoredFactor]) -> bool,
    ) -> bool {
        let own = self.0.iter().find(|factor| factor.id == *id);
        own.is_some_and(|own| condition(own, &self.0))
    }

    fn get(&mut self, id: &FactorId) -> Option<&mut StoredFactor> {
        self.0.iter_mut().find(|factor| factor.id == *id)
    }

    /// Every field that a verb may change, of every factor.
    pub(super) fn marks(&self) -> Vec<String> {
        self.0.iter().map(tell).collect()
    }
}

impl fmt::Debug for FactorStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.verb {
            FactorVerb::Insert(factor) => write!(f, "insert {}", tell(factor)),
            FactorVerb::List(subject) => write!(f, "list {subject:?}"),
            FactorVerb::Confirm(id, counter, only) => {
                write!(f, "confirm {id} with {counter:?} {only:?}")
            }
            FactorVerb::Advance(id, counter) => write!(f, "advance {id} to {counter}"),
            FactorVerb::Update(id, change) => write!(f, "update {id}: {change:?}"),
            FactorVerb::Remove(id, only, by) => write!(f, "remove {id} {only:?} by {by:?}"),
            FactorVerb::Restore(id) => write!(f, "restore {id}"),
            FactorVerb::Purge => write!(f, "purge"),
        }?;
        write!(f, " at {}", self.now.to_rfc3339())
    }
}

impl fmt::Debug for FactorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Advanced(told) => write!(f, "{told:?}"),
            Self::Done(told) => write!(f, "{told}"),
            Self::Purged(told) => write!(f, "{told}"),
            Self::Listed(factors) => {
                let told: Vec<_> = factors.iter().map(tell).collect();
                f.write_str(&told.join("; "))
            }
        }
    }
}

/// Every field as text, of a seal its ends: the factors of the laws hold no secret.
fn tell(factor: &StoredFactor) -> String {
    let StoredFactor {
        label,
        sealed,
        created_at,
        used_at,
        removal,
        ..
    } = factor;
    let by = removal.as_ref().map(|removal| &removal.by);
    let seal = (sealed.len(), sealed.first());
    format!("{factor:?} {label:?} {seal:?} {created_at:?} {used_at:?} {removal:?} {by:?}")
}
