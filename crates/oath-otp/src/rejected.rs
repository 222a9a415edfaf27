//! Refusals.

/// A code that was not accepted.
///
/// The text is the same for every cause, so that a client learns nothing from it; [`reason`]
/// is for logs and counters of the server alone.
///
/// [`reason`]: Rejected::reason
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the code was not accepted")]
pub struct Rejected {
    reason: Reason,
}

impl Rejected {
    pub(crate) const fn new(reason: Reason) -> Self {
        Rejected { reason }
    }

    /// Why, for the server's own logs.
    ///
    /// # Security
    /// Never tell a client: `Replayed` says that the code was right once.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }
}

/// Why a code was refused, for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The time lies before the first time step.
    BeforeStart,
    /// The counter 2⁶⁴ - 1 was used: the secret has no further code.
    Exhausted,
    /// What was typed is not a code: wrong number of digits, foreign characters, too long.
    Malformed,
    /// A code, but of no step or counter that is searched.
    NoMatch,
    /// The code of a step in the window that is not newer than the last accepted one.
    Replayed,
}
