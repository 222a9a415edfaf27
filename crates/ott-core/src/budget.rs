//! How likely a patient attacker guesses right within a year.

use core::fmt;

use crate::{Limit, Lookup, Policy};

/// A year, wherever one is counted.
pub(crate) const YEAR_DAYS: i64 = 365;
pub(crate) const YEAR_MICROS: i64 = YEAR_DAYS * 86_400 * 1_000_000;

/// The highest bound that needs no acceptance by name: 10⁻³ a year, in parts per billion.
const HIGHEST: u64 = 1_000_000;

/// From this many bits on nobody guesses: such tokens count for nothing in an account's budget.
pub(crate) const NOT_GUESSED_BITS: u32 = 112;

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

/// What an attacker gets at one account within a year, over everything that can be guessed there.
///
/// Whatever spends the account's allowance shares its guesses, so those count once, at the best odds
/// among them. What does not spend it counts beside it.
#[derive(Clone, Copy, Debug)]
pub struct AccountBudget {
    /// Guesses that the allowance lets through.
    allowed: u64,
    /// Guesses that the paces of all that spend it let through together.
    paced: u64,
    /// The best odds among those: as one guess.
    best: (u64, u128),
    beside: GuessBound,
}

impl AccountBudget {
    /// With this allowance, and nothing to guess yet.
    #[must_use]
    pub fn new(allowance: &Limit) -> Self {
        Self {
            allowed: allowance.most_in_a_year(),
            paced: 0,
            best: (0, 1),
            beside: GuessBound::default(),
        }
    }

    /// Adds the tokens of a policy. Those of 112 bits and more are not guessed, and what is parked has
    /// none.
    #[must_use]
    pub fn policy(self, policy: &Policy) -> Self {
        let format = policy.token_format();
        let long = format.entropy_bits() >= NOT_GUESSED_BITS;
        if long || policy.token_lookup() == Lookup::Parked {
            return self;
        }
        if policy.spends_allowance() {
            self.spending(policy.pace(), 1, format.code_space())
        } else {
            self.beside(policy.guess_bound())
        }
    }

    /// Adds something whose guesses spend the allowance, and a pace of its own where it has one:
    /// `valid` codes right at one moment, of a code space of `space`.
    #[must_use]
    pub fn spending(self, pace: Option<&Limit>, valid: u64, space: u128) -> Self {
        let pace = pace.map_or(u64::MAX, Limit::most_in_a_year);
        let odds = |(valid, space): (u64, u128)| GuessBound::new(1_000_000, valid, space);
        let new = (valid, space);
        Self {
            paced: self.paced.saturating_add(pace),
            best: if odds(new) > odds(self.best) {
                new
            } else {
                self.best
            },
            ..self
        }
    }

    /// Adds guesses that the allowance does not count, at the best odds among those that it does.
    #[must_use]
    pub fn reserve(self, reserve: &Limit) -> Self {
        Self {
            allowed: self.allowed.saturating_add(reserve.most_in_a_year()),
            paced: self.paced.saturating_add(reserve.most_in_a_year()),
            ..self
        }
    }

    /// Adds a bound that shares nothing with the allowance.
    #[must_use]
    pub const fn beside(self, bound: GuessBound) -> Self {
        Self {
            beside: self.beside.plus(bound),
            ..self
        }
    }

    /// All of it.
    #[must_use]
    pub fn bound(&self) -> GuessBound {
        let (valid, space) = self.best;
        if valid == 0 {
            return self.beside;
        }
        GuessBound::new(self.allowed.min(self.paced), valid, space).plus(self.beside)
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
