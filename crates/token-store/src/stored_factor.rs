//! What a store keeps of a factor, and the rules of its verbs.

use core::fmt;

use ott_core::{
    Subject,
    chrono::{DateTime, Utc},
    whole_micros,
};

use crate::FactorId;

/// The most factors of a subject that [`FactorStore::factors`](crate::FactorStore::factors) lists.
pub const MAX_FACTORS: usize = 256;

/// Where a factor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FactorState {
    /// Enrolled, not proved yet: counts for nothing.
    Pending = 0,
    /// Proves.
    Active = 1,
    /// Too many failures: proves nothing until it is enrolled again.
    Disabled = 2,
    /// Removed: proves nothing, and can be restored until it is purged.
    Removed = 3,
    /// Stands in for those that are lost: it is nobody's first factor, and no code of its own is burnt.
    Spare = 4,
}

impl FactorState {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Active,
        Self::Disabled,
        Self::Removed,
        Self::Spare,
    ];

    /// The state's number in a store's column.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The state with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// What a store keeps of a factor.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredFactor {
    /// The public name.
    pub id: FactorId,
    /// Whose it is.
    pub subject: Subject,
    /// The provider's id: `totp`, `email`, …
    pub provider: String,
    /// What the owner calls it.
    pub label: String,
    /// Where it stands.
    pub state: FactorState,
    /// Its secret and parameters, sealed.
    pub sealed: Vec<u8>,
    /// The last accepted counter; "none yet" is not 0.
    pub last: Option<u64>,
    /// When it was enrolled, in whole microseconds.
    pub created_at: DateTime<Utc>,
    /// When it last proved something.
    pub used_at: Option<DateTime<Utc>>,
    /// Its removal, while it is removed and no longer.
    pub removal: Option<Removal>,
}

/// How a factor was removed: what takes that back.
#[derive(Clone, PartialEq, Eq)]
pub struct Removal {
    /// Where it stood before: active, disabled or spare.
    pub from: FactorState,
    /// When, in whole microseconds.
    pub at: DateTime<Utc>,
    /// The caller's name of what removed it; empty where there is none.
    pub by: Vec<u8>,
}

/// The answer of [`FactorStore::confirm`](crate::FactorStore::confirm) and [`FactorStore::advance`](crate::FactorStore::advance).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// No factor with this id in the state that the verb needs.
    Absent,
    /// This very call burnt the code.
    Accepted,
    /// The counter is not greater than the last accepted one.
    Replayed,
    /// What must hold beside it does not.
    Unvouched,
}

/// One change of a factor. `Debug` prints which, not to what.
#[derive(Clone, PartialEq, Eq)]
pub enum FactorChange {
    /// From active to disabled.
    Disable,
    /// Another label.
    Label(String),
    /// The same secret under a newer key: only if the seal is still the old one.
    Seal {
        /// What stands there now.
        old: Vec<u8>,
        /// What takes its place.
        new: Vec<u8>,
    },
}

/// What [`StoredFactor::remove`] comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// Nothing: it was removed before.
    Before,
    /// It waited for its confirmation: its row goes in the same step.
    Deleted,
    /// It is marked as removed, and its row stays.
    Marked,
}

/// The rules of the verbs of [`FactorStore`](crate::FactorStore): every store behaves as if they ran under a lock.
impl StoredFactor {
    /// As [`FactorStore::confirm`](crate::FactorStore::confirm), given whether the condition
    /// [holds](crate::ConfirmIf::holds).
    pub fn confirm(&mut self, counter: Option<u64>, holds: bool, now: DateTime<Utc>) -> Advanced {
        self.burn(FactorState::Pending, counter, holds, now)
    }

    /// As [`FactorStore::advance`](crate::FactorStore::advance).
    pub fn advance(&mut self, counter: u64, now: DateTime<Utc>) -> Advanced {
        self.burn(FactorState::Active, Some(counter), true, now)
    }

    /// As [`FactorStore::update`](crate::FactorStore::update): whether there was something to change.
    pub fn update(&mut self, change: &FactorChange) -> bool {
        match change {
            FactorChange::Seal { old, new } if self.sealed == *old => self.sealed.clone_from(new),
            _ if self.state == FactorState::Removed => return false,
            FactorChange::Disable if self.state == FactorState::Active => {
                self.state = FactorState::Disabled;
            }
            FactorChange::Label(label) => self.label.clone_from(label),
            FactorChange::Disable | FactorChange::Seal { .. } => return false,
        }
        true
    }

    /// As [`FactorStore::remove`](crate::FactorStore::remove), where its condition
    /// [holds](crate::RemoveIf::holds).
    pub fn remove(&mut self, by: &[u8], now: DateTime<Utc>) -> Removed {
        match self.state {
            FactorState::Pending => return Removed::Deleted,
            FactorState::Removed => return Removed::Before,
            FactorState::Active | FactorState::Disabled | FactorState::Spare => {}
        }
        self.removal = Some(Removal {
            from: self.state,
            at: whole_micros(now),
            by: by.to_vec(),
        });
        self.state = FactorState::Removed;
        Removed::Marked
    }

    /// As [`FactorStore::restore`](crate::FactorStore::restore): whether it was removed until now.
    pub fn restore(&mut self) -> bool {
        let Some(removal) = self.removal.take() else {
            return false;
        };
        self.state = removal.from;
        true
    }

    /// Whether [`FactorStore::purge_factors`](crate::FactorStore::purge_factors) deletes it.
    #[must_use]
    pub fn is_dead_before(&self, before: DateTime<Utc>) -> bool {
        let before = whole_micros(before);
        match (self.state, &self.removal) {
            (FactorState::Removed, Some(removal)) => removal.at < before,
            (FactorState::Pending, _) => self.created_at < before,
            _ => false,
        }
    }

    /// What [`FactorStore::factors`](crate::FactorStore::factors) lists of all that a subject has.
    #[must_use]
    pub fn listed(mut all: Vec<Self>) -> Vec<Self> {
        let age = |factor: &Self| (factor.created_at, factor.id);
        let rank = |factor: &Self| match factor.state {
            FactorState::Active | FactorState::Disabled | FactorState::Spare => 0,
            FactorState::Pending => 1,
            FactorState::Removed => 2,
        };
        all.sort_by_key(|factor| (rank(factor), age(factor)));
        all.truncate(MAX_FACTORS);
        all.sort_by_key(age);
        all
    }

    /// Whether that one is another factor of the same subject.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        self.id != other.id && self.subject == other.subject
    }

    fn burn(
        &mut self,
        from: FactorState,
        counter: Option<u64>,
        holds: bool,
        now: DateTime<Utc>,
    ) -> Advanced {
        if self.state != from {
            return Advanced::Absent;
        }
        if counter.is_some() && counter <= self.last {
            return Advanced::Replayed;
        }
        if !holds {
            return Advanced::Unvouched;
        }
        self.state = FactorState::Active;
        self.last = counter.or(self.last);
        self.used_at = Some(whole_micros(now));
        Advanced::Accepted
    }
}

impl fmt::Debug for StoredFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredFactor")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .field("provider", &self.provider)
            .field("state", &self.state)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Removal")
            .field("from", &self.from)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FactorChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disable => "Disable",
            Self::Label(_) => "Label(..)",
            Self::Seal { .. } => "Seal { .. }",
        })
    }
}
