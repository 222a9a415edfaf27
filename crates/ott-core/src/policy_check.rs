//! Whether the parts of a policy fit together.

use chrono::TimeDelta;

use crate::{LimitKind, Lookup, Policy, Start, Usage, budget::NOT_GUESSED_BITS, time::YEAR_DAYS};

impl Policy {
    /// Checks that the parts fit together.
    ///
    /// # Errors
    /// [`PolicyError`], which names the purpose and what does not fit.
    pub fn check(&self) -> Result<(), PolicyError> {
        let by_handle = matches!(self.lookup, Lookup::ByHandle { .. } | Lookup::Parked);
        let counts = self.pace.is_some() || self.allowance;
        let spans = [self.lifetime, self.idle].into_iter().flatten();
        let strange = |span: TimeDelta| span < TimeDelta::microseconds(1) || span > LONGEST;
        let paces = [self.pace, self.requests].into_iter().flatten();
        let bearer = self.usage == Usage::Bearer;
        let found_by_itself = self.lookup == Lookup::ByItself;
        let short = self.format.entropy_bits() < NOT_GUESSED_BITS;
        let waits = self.start != Start::Ready;
        let faults = [
            (
                short && !self.accepts_short && !by_handle,
                PolicyFault::ShortToken,
            ),
            (
                self.lookup == Lookup::ByHandle { attempts: 0 },
                PolicyFault::NoAttempts,
            ),
            (
                spans.into_iter().any(strange) || self.horizon > LONGEST,
                PolicyFault::Lifetime,
            ),
            (bearer && (!found_by_itself || waits), PolicyFault::Bearer),
            (self.idle.is_some() && !bearer, PolicyFault::IdleOnce),
            (found_by_itself && counts, PolicyFault::LimitsByItself),
            (
                self.lookup == Lookup::Parked && counts,
                PolicyFault::LimitsParked,
            ),
            (
                paces
                    .into_iter()
                    .any(|limit| limit.kind() != LimitKind::Pace),
                PolicyFault::NoPace,
            ),
        ];
        match faults.into_iter().find(|(there, _)| *there) {
            None => Ok(()),
            Some((_, fault)) => Err(PolicyError {
                purpose: self.purpose.as_str(),
                fault,
            }),
        }
    }
}

/// Longer spans are a mistake, and their sums with a date overflow.
const LONGEST: TimeDelta = TimeDelta::days(YEAR_DAYS * 100);

/// A policy whose parts do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("policy `{purpose}`: {fault}")]
pub struct PolicyError {
    /// The policy's purpose.
    pub purpose: &'static str,
    /// What does not fit.
    pub fault: PolicyFault,
}

/// What does not fit in a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyFault {
    /// A bearer token is found by itself and starts ready.
    #[error("a bearer token is found by itself and needs no approval")]
    Bearer,
    /// A token that is redeemed once cannot idle out.
    #[error("only a bearer token idles out")]
    IdleOnce,
    /// A token that is found by itself says nothing of whose limits to spend.
    #[error("a token that is found by itself cannot have limits of its own")]
    LimitsByItself,
    /// What is parked has nothing to guess.
    #[error("what is parked has no token to guess, and so no limits")]
    LimitsParked,
    /// A lifetime, idle time or horizon that is not between one microsecond and a hundred years.
    #[error("a lifetime is at least one microsecond and at most a hundred years")]
    Lifetime,
    /// No attempt at all.
    #[error("a token that nobody may try is useless")]
    NoAttempts,
    /// A ceiling or an allowance in a pace's place.
    #[error("a policy's own limits are paces")]
    NoPace,
    /// Under 112 bits, and found without a handle.
    #[error(
        "a token that finds its record without a handle has at least 112 bits; accept a shorter one by name"
    )]
    ShortToken,
}
