//! The model that histories of factors are compared with: a list of [`StoredFactor`]s, one rule after
//! the other.

use core::fmt;

use ott_core::Subject;

use super::fixture::Time;
use crate::{Advanced, FactorChange, FactorId, FactorStore, StoreError, StoredFactor};

/// One verb with all that it takes.
#[derive(Clone)]
pub(super) enum FactorVerb {
    Insert(StoredFactor),
    List(Subject),
    Confirm(FactorId, Option<u64>),
    Advance(FactorId, u64),
    Update(FactorId, FactorChange),
    Remove(FactorId, Option<FactorId>),
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
}

impl FactorStep {
    /// Asks the store.
    pub(super) async fn ask<S: FactorStore>(&self, store: &S) -> Result<FactorAnswer, StoreError> {
        let now = self.now;
        Ok(match &self.verb {
            FactorVerb::Insert(factor) => FactorAnswer::Done(store.insert_factor(factor).await?),
            FactorVerb::List(subject) => FactorAnswer::Listed(store.factors(subject).await?),
            FactorVerb::Confirm(id, counter) => {
                FactorAnswer::Advanced(store.confirm(id, *counter, now).await?)
            }
            FactorVerb::Advance(id, counter) => {
                FactorAnswer::Advanced(store.advance(id, *counter, now).await?)
            }
            FactorVerb::Update(id, change) => FactorAnswer::Done(store.update(id, change).await?),
            FactorVerb::Remove(id, beside) => {
                FactorAnswer::Done(store.remove(id, beside.as_ref(), now).await?)
            }
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
                let mut listed: Vec<_> = theirs.cloned().collect();
                listed.sort_by_key(|factor| factor.created_at);
                FactorAnswer::Listed(listed)
            }
            FactorVerb::Confirm(id, counter) => FactorAnswer::Advanced(
                self.get(id)
                    .map_or(Advanced::Absent, |factor| factor.confirm(*counter, now)),
            ),
            FactorVerb::Advance(id, counter) => FactorAnswer::Advanced(
                self.get(id)
                    .map_or(Advanced::Absent, |factor| factor.advance(*counter, now)),
            ),
            FactorVerb::Update(id, change) => {
                let found = self.get(id);
                FactorAnswer::Done(found.is_some_and(|factor| factor.update(change)))
            }
            FactorVerb::Remove(id, beside) => {
                let stays = beside.is_none_or(|other| {
                    let other = self.0.iter().find(|factor| factor.id == other);
                    StoredFactor::stays_beside(other, id)
                });
                let found = self.get(id).filter(|_| stays);
                FactorAnswer::Done(found.is_some_and(|factor| factor.remove(now)))
            }
        }
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
            FactorVerb::Confirm(id, counter) => write!(f, "confirm {id} with {counter:?}"),
            FactorVerb::Advance(id, counter) => write!(f, "advance {id} to {counter}"),
            FactorVerb::Update(id, change) => write!(f, "update {id}: {change:?}"),
            FactorVerb::Remove(id, beside) => write!(f, "remove {id} beside {beside:?}"),
        }?;
        write!(f, " at {}", self.now.to_rfc3339())
    }
}

impl fmt::Debug for FactorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Advanced(told) => write!(f, "{told:?}"),
            Self::Done(told) => write!(f, "{told}"),
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
        ..
    } = factor;
    let seal = (sealed.len(), sealed.first());
    format!("{factor:?} {label:?} {seal:?} {created_at:?} {used_at:?}")
}
