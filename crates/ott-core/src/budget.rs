//! What a patient attacker gets at one account within a year.

use crate::{GuessBound, Limit, Lookup, Policy};

/// From this many bits on nobody guesses: such tokens count for nothing in an account's budget.
pub(crate) const NOT_GUESSED_BITS: u32 = 112;

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
