//! The contract for factors.

use core::fmt;

use async_trait::async_trait;
use ott_core::{
    Subject,
    chrono::{DateTime, Utc},
    whole_micros,
};

use crate::StoreError;

/// The highest counter that a factor store keeps: 2⁶³ − 1, what every database can hold.
pub const HIGHEST_COUNTER: u64 = (1 << 63) - 1;

/// What each method of a [`FactorStore`] that is given a counter asks first.
///
/// # Errors
/// [`StoreError::Misuse`] for a counter above [`HIGHEST_COUNTER`].
pub const fn check_counter(counter: Option<u64>) -> Result<(), StoreError> {
    match counter {
        Some(counter) if counter > HIGHEST_COUNTER => {
            Err(StoreError::Misuse("a counter above 2^63 - 1"))
        }
        _ => Ok(()),
    }
}

/// Keeps factors: authenticators that subjects enrolled. Each method is one linearisable step.
///
/// # Errors
/// Every method answers [`StoreError`] if the back end does not answer, and [`StoreError::Misuse`]
/// for a counter above [`HIGHEST_COUNTER`].
#[async_trait]
pub trait FactorStore: Send + Sync {
    /// Inserts a factor; `Ok(false)` if its id exists already.
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError>;

    /// All of a subject, removed ones included, oldest first.
    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError>;

    /// Makes a pending factor active and burns the code that confirmed it, in one step.
    ///
    /// With a counter it must be greater than the last accepted one ("none yet" is below 0).
    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError>;

    /// Burns a code of an active factor: sets its last accepted counter, only forward.
    ///
    /// Of any number of concurrent calls with one counter, at most one is accepted.
    async fn advance(
        &self,
        id: &FactorId,
        counter: u64,
        now: DateTime<Utc>,
    ) -> Result<Advanced, StoreError>;

    /// Changes one thing of a factor that is not removed; `Ok(false)` if there was nothing to change.
    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError>;

    /// Removes: the row stays, its secret does not. `Ok(false)` if it was removed before or never was.
    ///
    /// Where `beside` names another factor, it removes only if that one is active in this very step:
    /// of any number of concurrent removals that each name another, one factor stays active.
    async fn remove(
        &self,
        id: &FactorId,
        beside: Option<&FactorId>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;
}

/// The public name of a factor: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FactorId([u8; 16]);

impl FactorId {
    /// The id with these bytes, for a store that reads a row.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads what `Display` prints: 32 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for FactorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for FactorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

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
    /// Removed: a row without a secret.
    Removed = 3,
}

impl FactorState {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Active, Self::Disabled, Self::Removed];

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
    /// Its secret and parameters, sealed; empty once removed.
    pub sealed: Vec<u8>,
    /// The last accepted counter; "none yet" is not 0.
    pub last: Option<u64>,
    /// When it was enrolled, in whole microseconds.
    pub created_at: DateTime<Utc>,
    /// When it last proved something, or was removed.
    pub used_at: Option<DateTime<Utc>>,
}

/// The rules of the verbs of [`FactorStore`]: every store behaves as if they ran under a lock.
impl StoredFactor {
    /// As [`FactorStore::confirm`].
    pub fn confirm(&mut self, counter: Option<u64>, now: DateTime<Utc>) -> Advanced {
        self.burn(FactorState::Pending, counter, now)
    }

    /// As [`FactorStore::advance`].
    pub fn advance(&mut self, counter: u64, now: DateTime<Utc>) -> Advanced {
        self.burn(FactorState::Active, Some(counter), now)
    }

    /// As [`FactorStore::update`]: whether there was something to change.
    pub fn update(&mut self, change: &FactorChange) -> bool {
        match change {
            _ if self.state == FactorState::Removed => return false,
            FactorChange::Disable if self.state == FactorState::Active => {
                self.state = FactorState::Disabled;
            }
            FactorChange::Label(label) => self.label.clone_from(label),
            FactorChange::Seal { old, new } if self.sealed == *old => self.sealed.clone_from(new),
            FactorChange::Disable | FactorChange::Seal { .. } => return false,
        }
        true
    }

    /// Whether this one `id` may be removed beside what was found of the other.
    #[must_use]
    pub fn stays_beside(other: Option<&Self>, id: &FactorId) -> bool {
        other.is_some_and(|other| other.state == FactorState::Active && other.id != *id)
    }

    /// As [`FactorStore::remove`], where what it names [stays](Self::stays_beside): whether it was there
    /// until now.
    pub fn remove(&mut self, now: DateTime<Utc>) -> bool {
        let there = self.state != FactorState::Removed;
        if there {
            self.state = FactorState::Removed;
            self.sealed = Vec::new();
            self.used_at = Some(whole_micros(now));
        }
        there
    }

    fn burn(&mut self, from: FactorState, counter: Option<u64>, now: DateTime<Utc>) -> Advanced {
        if self.state != from {
            return Advanced::Absent;
        }
        if counter.is_some() && counter <= self.last {
            return Advanced::Replayed;
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

/// The answer of [`FactorStore::confirm`] and [`FactorStore::advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advanced {
    /// No factor with this id in the state that the verb needs.
    Absent,
    /// This very call burnt the code.
    Accepted,
    /// The counter is not greater than the last accepted one.
    Replayed,
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

impl fmt::Debug for FactorChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disable => "Disable",
            Self::Label(_) => "Label(..)",
            Self::Seal { .. } => "Seal { .. }",
        })
    }
}
