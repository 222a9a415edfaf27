//! The model that histories of tokens are compared with: a list of [`Record`]s, one rule after the other.

use ott_core::{Decision, Presented, Purpose, Record, RecordId, State, Stored, Subject};

use super::{fixture::Time, report::difference};
use crate::{Decided, Inserted, Redeemed, Revoke, StoreError, TokenStore};

/// One verb with all that it takes.
#[derive(Clone)]
pub(super) enum Verb {
    Insert(Vec<Record>),
    Redeem(Presented),
    Decide(RecordId, Decision),
    Find(RecordId),
    Touch(RecordId),
    List(Subject, Option<Purpose>),
    Revoke(Revoke),
    Purge(u32),
}

/// What a verb answered.
#[derive(Clone, PartialEq)]
pub(super) enum Answer {
    Inserted(Inserted),
    Redeemed(Redeemed),
    Decided(Decided),
    Found(Option<Stored>),
    Touched,
    Listed(Vec<Stored>),
    Count(u64),
}

impl Verb {
    /// Asks the store.
    pub(super) async fn ask<S: TokenStore>(
        &self,
        store: &S,
        now: Time,
    ) -> Result<Answer, StoreError> {
        Ok(match self {
            Self::Insert(batch) => Answer::Inserted(store.insert(batch).await?),
            Self::Redeem(presented) => Answer::Redeemed(store.redeem(presented, now).await?),
            Self::Decide(id, decision) => Answer::Decided(store.decide(id, decision, now).await?),
            Self::Find(id) => Answer::Found(store.find(id).await?),
            Self::Touch(id) => {
                store.touch(id, now).await?;
                Answer::Touched
            }
            Self::List(subject, purpose) => {
                Answer::Listed(store.list(subject, purpose.as_ref(), now).await?)
            }
            Self::Revoke(what) => Answer::Count(store.revoke(what).await?),
            Self::Purge(limit) => Answer::Count(store.purge(now, *limit).await?),
        })
    }
}

/// What a store holds, by the rules.
#[derive(Clone, Default)]
pub(super) struct Model {
    records: Vec<Record>,
}

impl Model {
    pub(super) fn records(&self) -> impl Iterator<Item = &Stored> {
        self.records.iter().map(Record::stored)
    }

    pub(super) fn get(&self, id: &RecordId) -> Option<&Record> {
        self.records.iter().find(|record| record.id() == id)
    }

    /// Answers as a store should. What a purge takes is settled by [`Model::purged`].
    pub(super) fn answer(&mut self, verb: &Verb, now: Time) -> Answer {
        match verb {
            Verb::Insert(batch) => Answer::Inserted(self.insert(batch)),
            Verb::Redeem(presented) => Answer::Redeemed(match self.get_mut(presented.id()) {
                None => Redeemed::Refused(ott_core::Reason::Unknown),
                Some(record) => match record.redeem(presented, now) {
                    Ok(()) => Redeemed::Redeemed(record.stored().clone()),
                    Err(rejected) => Redeemed::Refused(rejected.reason()),
                },
            }),
            Verb::Decide(id, decision) => Answer::Decided(match self.get_mut(id) {
                None => Decided::Refused(ott_core::Reason::Unknown),
                Some(record) => match record.decide(decision, now) {
                    Ok(()) => Decided::Decided(record.stored().clone()),
                    Err(rejected) => Decided::Refused(rejected.reason()),
                },
            }),
            Verb::Find(id) => Answer::Found(self.get(id).map(|record| record.stored().clone())),
            Verb::Touch(id) => {
                if let Some(record) = self.get_mut(id) {
                    record.touch(now);
                }
                Answer::Touched
            }
            Verb::List(subject, purpose) => {
                let live = self.records().filter(|stored| {
                    belongs(stored, subject, purpose.as_ref())
                        && stored.state.refusal().is_none()
                        && stored.is_live(now)
                });
                let mut listed: Vec<_> = live.cloned().collect();
                listed.sort_by_key(|stored| (stored.issued_at, stored.id));
                Answer::Listed(listed)
            }
            Verb::Revoke(what) => Answer::Count(self.revoke(what, None)),
            Verb::Purge(limit) => Answer::Count(self.dead(now).min(u64::from(*limit))),
        }
    }

    fn get_mut(&mut self, id: &RecordId) -> Option<&mut Record> {
        self.records.iter_mut().find(|record| record.id() == id)
    }

    fn insert(&mut self, batch: &[Record]) -> Inserted {
        for (place, record) in batch.iter().enumerate() {
            let earlier = &batch[..place];
            let twice = earlier.iter().any(|other| other.id() == record.id());
            if twice || self.get(record.id()).is_some() {
                return Inserted::Collision;
            }
        }
        for older in &mut self.records {
            let slot = older.stored().slot;
            let newer = batch.iter().any(|record| record.stored().slot == slot);
            if slot.is_some() && newer {
                older.end(State::Superseded);
            }
        }
        self.records.extend_from_slice(batch);
        Inserted::Done
    }

    /// Revokes what is meant, or the part of it that is this record.
    pub(super) fn revoke(&mut self, what: &Revoke, part: Option<&RecordId>) -> u64 {
        let meant = |stored: &Stored| {
            let meant = match what {
                Revoke::Own { subject, record } => {
                    stored.id == *record && belongs(stored, subject, None)
                }
                Revoke::Record(id) => stored.id == *id,
                Revoke::Subject {
                    subject,
                    purpose,
                    except,
                } => belongs(stored, subject, purpose.as_ref()) && *except != Some(stored.id),
            };
            meant && part.is_none_or(|id| stored.id == *id)
        };
        let records = self.records.iter_mut();
        let meant = records.filter(|record| meant(record.stored()));
        meant
            .map(|record| u64::from(record.end(State::Revoked)))
            .sum()
    }

    fn dead(&self, before: Time) -> u64 {
        let dead = self
            .records()
            .filter(|stored| stored.is_dead_before(before));
        dead.fold(0, |sum, _| sum + 1)
    }

    /// Takes away what a purge removed: a store chooses which of the dead go first.
    ///
    /// # Errors
    /// One of them was not dead.
    pub(super) fn purged(&mut self, gone: &[RecordId], before: Time) -> Result<(), String> {
        let alive = self
            .records()
            .find(|stored| gone.contains(&stored.id) && !stored.is_dead_before(before));
        if let Some(stored) = alive {
            return Err(format!("the purge took {stored:?}, which was not dead"));
        }
        self.records.retain(|record| !gone.contains(record.id()));
        Ok(())
    }
}

fn belongs(stored: &Stored, subject: &Subject, purpose: Option<&Purpose>) -> bool {
    stored.tenant == subject.tenant()
        && stored.subject.as_deref() == Some(subject.id())
        && purpose.is_none_or(|purpose| stored.purpose == purpose.as_str())
}

/// How an answer differs from what it should be; `None` if it does not.
pub(super) fn differs(found: &Answer, expected: &Answer) -> Option<String> {
    let mut sorted = found.clone();
    if let Answer::Listed(listed) = &mut sorted {
        if !listed.is_sorted_by_key(|stored| stored.issued_at) {
            return Some(String::from("the list is not oldest first"));
        }
        // Of one age, any order will do.
        listed.sort_by_key(|stored| (stored.issued_at, stored.id));
    }
    (sorted != *expected).then(|| match (&sorted, expected) {
        (
            Answer::Redeemed(Redeemed::Redeemed(found)),
            Answer::Redeemed(Redeemed::Redeemed(expected)),
        )
        | (Answer::Decided(Decided::Decided(found)), Answer::Decided(Decided::Decided(expected)))
        | (Answer::Found(Some(found)), Answer::Found(Some(expected))) => {
            difference(found, expected)
        }
        (Answer::Listed(found), Answer::Listed(expected)) if found.len() == expected.len() => {
            let pairs = found.iter().zip(expected);
            let differ = pairs.filter(|(found, expected)| found != expected);
            let told: Vec<_> = differ
                .map(|(found, expected)| difference(found, expected))
                .collect();
            told.join("; ")
        }
        (found, expected) => format!("got {} instead of {}", tell(found), tell(expected)),
    })
}

fn tell(answer: &Answer) -> String {
    match answer {
        Answer::Inserted(told) => format!("{told:?}"),
        Answer::Redeemed(told) => format!("{told:?}"),
        Answer::Decided(told) => format!("{told:?}"),
        Answer::Found(told) => format!("{told:?}"),
        Answer::Touched => String::from("an answer to a touch"),
        Answer::Listed(told) => {
            let ids: Vec<_> = told.iter().map(|stored| stored.id).collect();
            format!("a list of {ids:?}")
        }
        Answer::Count(told) => told.to_string(),
    }
}
