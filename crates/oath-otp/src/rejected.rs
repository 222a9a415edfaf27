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
    /// Of [`Reason::Ahead`]; 0 for every other one.
    step: u64,
}

impl Rejected {
    pub(crate) const fn new(reason: Reason) -> Self {
        Rejected { reason, step: 0 }
    }

    /// The step is 0 unless the reason is [`Reason::Ahead`]. Both are fields, so that no branch depends on them here.
    pub(crate) const fn at(reason: Reason, step: u64) -> Self {
        Rejected { reason, step }
    }

    /// Why, for the server's own logs.
    ///
    /// # Security
    /// Never tell a client: `Replayed` says that the code was right once. What has to happen before one is told of
    /// `Ahead` is said there.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The step whose code came too early, where the reason is [`Reason::Ahead`].
    #[must_use]
    pub const fn ahead(&self) -> Option<u64> {
        match self.reason {
            Reason::Ahead => Some(self.step),
            _ => None,
        }
    }
}

/// Why a code was refused, for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The code of the step behind the window, which [`Rejected::ahead`] names: the clock of the device is ahead of
    /// ours. It was not accepted.
    ///
    /// # Security
    /// Whoever learns this knows a code that will be right in a moment, and guesses one more code at a time. Before
    /// the client is told, store the step as the last accepted one, as after a success: then the code is
    /// worth nothing, and the odds of a guess stay those of [`Totp::valid_codes`](crate::Totp::valid_codes). The
    /// device shows another one in the next step.
    Ahead,
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
