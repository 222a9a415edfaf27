//! The contract for factors.

use async_trait::async_trait;
use ott_core::{
    Subject,
    chrono::{DateTime, Utc},
};

use crate::{
    Advanced, ChargedFactors, FactorChange, FactorId, FactorState, LimitStore, StoreError,
    StoredFactor,
};

/// Keeps factors: authenticators that subjects enrolled. Each method is one linearisable step; to purge is
/// such a step on each factor.
///
/// # Errors
/// Every method answers [`StoreError`] if the back end does not answer, and [`StoreError::Misuse`]
/// for a counter above [`HIGHEST_COUNTER`](crate::HIGHEST_COUNTER).
#[async_trait]
pub trait FactorStore: Send + Sync {
    /// Inserts a factor; `Ok(false)` if its id exists already.
    async fn insert_factor(&self, factor: &StoredFactor) -> Result<bool, StoreError>;

    /// The subject's factors, removed ones included until they are purged, oldest first.
    ///
    /// At most [`MAX_FACTORS`](crate::MAX_FACTORS), however many rows there are. Where there are more, removed ones are left out
    /// first, then those that wait for their confirmation, and of each the youngest first.
    async fn factors(&self, subject: &Subject) -> Result<Vec<StoredFactor>, StoreError>;

    /// Makes a pending factor active and burns the code that confirmed it, if the condition holds in this very
    /// step: of any number of concurrent calls that confirm a first factor of a subject, one is accepted.
    ///
    /// With a counter it must be greater than the last accepted one ("none yet" is below 0).
    async fn confirm(
        &self,
        id: &FactorId,
        counter: Option<u64>,
        only: ConfirmIf,
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

    /// Changes one thing of a factor; `Ok(false)` if there was nothing to change. A removed one can get a newer
    /// seal, and nothing else.
    async fn update(&self, id: &FactorId, change: &FactorChange) -> Result<bool, StoreError>;

    /// Removes, if the condition holds in this very step. `Ok(false)` if it does not, or the factor was removed
    /// before or never was.
    ///
    /// A factor that waits for its confirmation is gone at once. One that was confirmed proves nothing any more,
    /// and its row stays until it is purged, so that it can be [restored](Self::restore). `by` is the caller's
    /// name of what removed it, in clear.
    ///
    /// Of any number of concurrent removals beside each other, one factor stays active, and of spare ones one spare.
    async fn remove(
        &self,
        id: &FactorId,
        only: RemoveIf,
        by: &[u8],
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Takes a removal back: the factor stands again where it stood. `Ok(false)` if it is not removed, or was
    /// purged.
    async fn restore(&self, id: &FactorId) -> Result<bool, StoreError>;

    /// Deletes at most `limit` factors, with their secrets, that were removed before `before`, or were enrolled
    /// before it and never confirmed; and says how many.
    ///
    /// One that was confirmed or restored meanwhile is never deleted.
    async fn purge_factors(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError>;

    /// Itself, if it keeps these limits too and charges them in the step that burns a code.
    fn charged_factors(&self, limits: &dyn LimitStore) -> Option<&dyn ChargedFactors> {
        let _ = limits;
        None
    }
}

/// Beside what a pending factor may become active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmIf {
    /// Whatever else there is.
    Always,
    /// This other factor of the same subject is active.
    Beside(FactorId),
    /// No other factor of the subject is active or disabled. Spare ones do not count.
    First,
}

impl ConfirmIf {
    /// Whether `own` may be confirmed, given what stands there in this step: all factors of its subject, or the
    /// one that the condition names. Others may be among them.
    pub fn holds<'f>(
        self,
        own: &StoredFactor,
        all: impl IntoIterator<Item = &'f StoredFactor>,
    ) -> bool {
        match self {
            Self::Always => true,
            Self::Beside(id) => stands_beside(own, &id, FactorState::Active, all),
            Self::First => !all.into_iter().any(|other| {
                let confirmed = [FactorState::Active, FactorState::Disabled];
                own.is_beside(other) && confirmed.contains(&other.state)
            }),
        }
    }
}

/// What must hold for a factor to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoveIf {
    /// Nothing else.
    Always,
    /// This other factor of the same subject is active; where a spare one is removed, it is spare.
    Beside(FactorId),
    /// It waits for its confirmation still.
    Pending,
}

impl RemoveIf {
    /// Whether `own` may be removed, given what stands there in this step, as [`ConfirmIf::holds`] takes it.
    pub fn holds<'f>(
        self,
        own: &StoredFactor,
        all: impl IntoIterator<Item = &'f StoredFactor>,
    ) -> bool {
        match self {
            Self::Always => true,
            Self::Beside(id) => {
                let stays = match own.state {
                    FactorState::Spare => FactorState::Spare,
                    _ => FactorState::Active,
                };
                stands_beside(own, &id, stays, all)
            }
            Self::Pending => own.state == FactorState::Pending,
        }
    }
}

fn stands_beside<'f>(
    own: &StoredFactor,
    id: &FactorId,
    state: FactorState,
    all: impl IntoIterator<Item = &'f StoredFactor>,
) -> bool {
    all.into_iter()
        .any(|other| own.is_beside(other) && other.id == *id && other.state == state)
}
