//! A factor as its provider sees it.

use core::fmt;

use token_store::{
    FactorId,
    ott_core::{
        Destination, Reason,
        chrono::{DateTime, Utc},
    },
};
use zeroize::Zeroizing;

use crate::envelope::Enrolled;

/// A factor whose seal was opened.
pub struct OpenFactor {
    pub(crate) id: FactorId,
    pub(crate) label: String,
    pub(crate) last: Option<u64>,
    /// When it was enrolled, or last proved something.
    pub(crate) known_since: DateTime<Utc>,
    pub(crate) enrolled: Enrolled,
    pub(crate) destination: Option<Destination>,
    /// The seal that was opened: what takes its place compares it.
    pub(crate) sealed: Vec<u8>,
    pub(crate) secret: Zeroizing<Vec<u8>>,
}

impl OpenFactor {
    /// The factor's public name.
    #[must_use]
    pub const fn id(&self) -> FactorId {
        self.id
    }

    /// What its owner calls it.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The last accepted counter.
    #[must_use]
    pub const fn last(&self) -> Option<u64> {
        self.last
    }

    /// For a provider of codes that no time ends, after a restored backup: whether the counter is known to be the
    /// last one, since the factor was enrolled or proved something at this time or later.
    ///
    /// # Errors
    /// [`Reason::NotBefore`] where it may have gone back.
    pub fn check_not_before(&self, time: Option<DateTime<Utc>>) -> Result<(), Reason> {
        match time {
            Some(time) if self.known_since < time => Err(Reason::NotBefore),
            _ => Ok(()),
        }
    }

    /// Whether its secret was taken away.
    pub(crate) fn is_wiped(&self) -> bool {
        self.secret.is_empty() && self.destination.is_none()
    }

    /// What the provider's enrolment gave out, or what its last claim kept.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for OpenFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenFactor")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
