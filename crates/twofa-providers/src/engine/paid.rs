//! What a try spent, and how it ended.

use token_store::{Charge, ott_core::Rejected};

use crate::{error::TwoFactorError, limits::Price};

/// Why one candidate did not prove it: the next may, or nothing goes on.
pub(super) enum NotProved {
    /// What it cost, where it was compared.
    Refused(Rejected, Option<Paid>),
    /// Nobody decided yet. It cost nothing.
    Pending,
    Failed(TwoFactorError),
}

impl From<TwoFactorError> for NotProved {
    fn from(error: TwoFactorError) -> Self {
        Self::Failed(error)
    }
}

/// From which limits a guess is paid.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// From the reserve of known devices, where the shared ones refuse.
    KnownDevice,
    /// From those that everybody shares who knows the password.
    Shared,
}

/// What one guess spent.
pub(super) struct Paid {
    pub(super) timed: Vec<Charge>,
    /// The consecutive failures, where they are counted.
    pub(super) ceiling: Option<Charge>,
}

impl Paid {
    pub(super) fn new(price: &Price, charges: &[Charge]) -> Self {
        Self {
            timed: price.timed.network.iter().chain(charges).copied().collect(),
            ceiling: Some(price.ceiling),
        }
    }

    pub(super) fn by_network(network: Option<Charge>) -> Self {
        Self {
            timed: network.into_iter().collect(),
            ceiling: None,
        }
    }

    pub(super) fn whole(&self) -> Vec<Charge> {
        self.timed.iter().copied().chain(self.ceiling).collect()
    }
}
