//! How likely a patient attacker guesses right within a year.

use core::fmt;

/// The highest bound that needs no acceptance by name: 10⁻³ a year, in parts per billion.
const HIGHEST: u64 = 1_000_000;

/// A bound on an attacker's success within a year: `guesses * codes valid at once / code space`,
/// summed over everything that one guess is tried against.
///
/// Kept in parts per billion, rounded up, so that no floating point decides.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct GuessBound {
    parts_per_billion: u64,
    guesses: u64,
}

impl GuessBound {
    /// The bound for `guesses` evaluated in a year, `valid` codes right at one moment, and a code
    /// space of `space`.
    #[must_use]
    pub fn new(guesses: u64, valid: u64, space: u128) -> Self {
        // What does not fit is too many: saturating before the division would shrink the bound.
        let parts = u128::from(guesses)
            .checked_mul(u128::from(valid))
            .and_then(|hits| hits.checked_mul(1_000_000_000))
            .map(|hits| hits.div_ceil(space.max(1)));
        Self {
            guesses,
            parts_per_billion: parts
                .and_then(|parts| u64::try_from(parts).ok())
                .unwrap_or(u64::MAX),
        }
    }

    /// Parts per billion.
    #[must_use]
    pub const fn parts_per_billion(&self) -> u64 {
        self.parts_per_billion
    }

    /// How many guesses are evaluated within a year.
    #[must_use]
    pub const fn guesses(&self) -> u64 {
        self.guesses
    }

    /// Both bounds together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            guesses: self.guesses.saturating_add(other.guesses),
            parts_per_billion: self
                .parts_per_billion
                .saturating_add(other.parts_per_billion),
        }
    }

    /// Accepts a bound of at most 10⁻³ a year, or one that was accepted by its figure.
    ///
    /// # Errors
    /// [`GuessBoundExceeded`], which names the figure.
    pub const fn check(
        self,
        accepted_parts_per_billion: Option<u64>,
    ) -> Result<(), GuessBoundExceeded> {
        let most = match accepted_parts_per_billion {
            Some(accepted) if accepted > HIGHEST => accepted,
            _ => HIGHEST,
        };
        if self.parts_per_billion > most {
            Err(GuessBoundExceeded { bound: self })
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for GuessBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} guesses a year, {} parts per billion",
            self.guesses, self.parts_per_billion
        )
    }
}

impl fmt::Debug for GuessBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A guess budget that is too large to start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an attacker who stays under all limits gets {bound}, above 1000000: lengthen the code, narrow the window, tighten the limits, or accept this figure by name"
)]
pub struct GuessBoundExceeded {
    /// The figure.
    pub bound: GuessBound,
}
