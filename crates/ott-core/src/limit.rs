//! How often something may happen.

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use crate::{
    Binding,
    fields::{Field, Fields},
    time::{CLOCK_ALLOWANCE_MICROS, YEAR_DAYS, YEAR_MICROS},
};

/// What lets a limit recover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Recovers with time, slowly; a success gives back only what its own flow spent.
    Allowance,
    /// Recovers by a success alone.
    Ceiling,
    /// Recovers with time.
    Pace,
}

/// The longest time in which a limit comes back whole, in microseconds: a hundred years.
const LONGEST: i64 = 100 * YEAR_MICROS;

/// How often something may happen: `burst` times at once, then as its kind recovers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limit {
    kind: LimitKind,
    burst: u32,
    /// Microseconds until one more is allowed; 0 for a ceiling.
    period: i64,
}

impl Limit {
    /// The default pace: 10, then one per 6 minutes.
    pub const PACE: Self = Self::pace(10, TimeDelta::minutes(6));
    /// The default ceiling: 100 consecutive failures (NIST SP 800-63B-4 section 3.2.2).
    pub const CEILING: Self = Self::ceiling(100);
    /// The default allowance: 100, then one a day.
    pub const ALLOWANCE: Self = Self::allowance(100, TimeDelta::days(1));
    /// The default pace of what is sent to one account: 5, then one per 10 minutes.
    pub const REQUESTS: Self = Self::pace(5, TimeDelta::minutes(10));

    /// A pace: `burst` at once, then one per `every`.
    ///
    /// # Panics
    /// If `burst` is 0, `every` is not between one microsecond and 365 days, or all of it takes more
    /// than a hundred years to come back.
    #[must_use]
    pub const fn pace(burst: u32, every: TimeDelta) -> Self {
        Self::timed(LimitKind::Pace, burst, every)
    }

    /// A ceiling: `most` until a success clears it.
    ///
    /// # Panics
    /// If `most` is 0.
    #[must_use]
    pub const fn ceiling(most: u32) -> Self {
        assert!(most > 0, "a limit allows at least one");
        Self {
            kind: LimitKind::Ceiling,
            burst: most,
            period: 0,
        }
    }

    /// An allowance: `burst` at once, then one per `every`; never cleared by success.
    ///
    /// # Panics
    /// If `burst` is 0, `every` is not between one microsecond and 365 days, or all of it takes more
    /// than a hundred years to come back.
    #[must_use]
    pub const fn allowance(burst: u32, every: TimeDelta) -> Self {
        Self::timed(LimitKind::Allowance, burst, every)
    }

    const fn timed(kind: LimitKind, burst: u32, every: TimeDelta) -> Self {
        assert!(burst > 0, "a limit allows at least one");
        match every.num_microseconds() {
            Some(period) if period > 0 && every.num_days() <= YEAR_DAYS => {
                // Sums with a time that did not fit would saturate, and then nothing is refused.
                assert!(
                    period.saturating_mul(burst as i64) <= LONGEST,
                    "a limit comes back within a hundred years"
                );
                Self {
                    kind,
                    burst,
                    period,
                }
            }
            _ => panic!("a limit refills within one microsecond to 365 days"),
        }
    }

    /// What lets it recover.
    #[must_use]
    pub const fn kind(&self) -> LimitKind {
        self.kind
    }

    /// How many at once.
    #[must_use]
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// Microseconds until one more is allowed; 0 for a ceiling.
    #[must_use]
    pub const fn period_micros(&self) -> i64 {
        self.period
    }

    /// How long a store must remember a key of a timed limit at most; nothing for a ceiling.
    #[must_use]
    pub const fn horizon_micros(&self) -> i64 {
        self.period.saturating_mul(self.burst as i64)
    }

    /// Spends one, or says what stands against it and changes nothing.
    ///
    /// This is what every store does in one step (generic cell rate algorithm). The state's time
    /// never goes back, whatever `now` a machine believes in. Before 1970 a fresh key may refuse.
    ///
    /// # Errors
    /// [`Overspent`]: when to come back, that only a success helps, or that the state lies too far
    /// ahead to be believed.
    pub fn spend(&self, state: &mut LimitState, now: DateTime<Utc>) -> Result<(), Overspent> {
        let now = now.timestamp_micros();
        if self.kind == LimitKind::Ceiling {
            if state.count >= self.burst {
                return Err(Overspent::Locked);
            }
            state.count = state.count.saturating_add(1);
            return Ok(());
        }
        // Whoever spends writes at most the horizon after their own clock.
        let latest = now
            .saturating_add(self.horizon_micros())
            .saturating_add(CLOCK_ALLOWANCE_MICROS);
        if state.full_at > latest {
            return Err(Overspent::Ahead);
        }
        let next = state.full_at.max(now).saturating_add(self.period);
        let early = next.saturating_sub(self.horizon_micros());
        if early > now {
            let at = DateTime::from_timestamp_micros(early).unwrap_or(DateTime::<Utc>::MAX_UTC);
            return Err(Overspent::RetryAt(at));
        }
        state.full_at = next;
        Ok(())
    }

    /// Gives `times` back.
    ///
    /// Within any span of time, what was spent less what was given back is at most the burst and one
    /// more for each period in it.
    ///
    /// It is not always as if the spend had never been: what was spent long ago has come back with
    /// time already, and giving it back too is credit for what comes next. A flow of `n` tries that
    /// gives them all back with its last one lets others pass at most `n - 1` times more.
    pub fn refund(&self, state: &mut LimitState, times: u32) {
        if self.kind == LimitKind::Ceiling {
            state.count = state.count.saturating_sub(times);
        }
        let returned = self.period.saturating_mul(i64::from(times));
        state.full_at = state.full_at.saturating_sub(returned);
    }

    /// How many an attacker gets within 365 days who never oversteps it, beside an owner whose
    /// daily success clears every ceiling.
    #[must_use]
    pub fn most_in_a_year(&self) -> u64 {
        let burst = u64::from(self.burst);
        let Some(period) = u64::try_from(self.period).ok().filter(|period| *period > 0) else {
            return burst.saturating_mul(YEAR_DAYS.unsigned_abs().saturating_add(1));
        };
        let refilled = YEAR_MICROS.unsigned_abs().checked_div(period);
        burst.saturating_add(refilled.unwrap_or(u64::MAX))
    }
}

/// What a store remembers of one limit under one key. The default is "nothing spent".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitState {
    /// Timed limits: when everything spent will have come back, in microseconds since 1970.
    pub full_at: i64,
    /// Ceilings: how many were spent since the last success.
    pub count: u32,
}

/// Why nothing could be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overspent {
    /// The stored time lies more than 60 seconds beyond what a clock that shows `now` writes: some
    /// machine's clock was ahead, or the limit was larger then. That is a fault to mend by clearing
    /// the key, not a limit to wait for.
    Ahead,
    /// A ceiling is reached: time does not help.
    Locked,
    /// The next one is allowed at this time.
    RetryAt(DateTime<Utc>),
}

/// Who counts: two scopes never share a key, whatever names they choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitScope {
    /// The application, for limits of its own, such as that of passwords.
    Application,
    /// An engine above tokens, such as that of second factors.
    Engine,
    /// The policies of tokens.
    Policy,
}

impl LimitScope {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Engine => "engine",
            Self::Policy => "policy",
        }
    }
}

/// Whose limit: 128 bits of SHA-256 over the scope, the limit's name and what it counts for; or a random id of its own.
///
/// No key is involved, so that rotating keys refills nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitKey([u8; 16]);

impl LimitKey {
    /// The key of a limit called `name` in this scope, for this binding or for one part of it.
    ///
    /// Two limits of one subject need two names. What the binding leaves out is shared: a key of a
    /// tenant counts for everybody in it.
    #[must_use]
    pub fn new(scope: LimitScope, name: &str, binding: &Binding<'_>) -> Self {
        let hash = Fields::new(Sha256::new(), "ott limit v1")
            .text(Field::LimitScope, scope.as_str())
            .text(Field::LimitName, name)
            .binding(binding)
            .finish();
        Self(crate::record_id::first_half(hash.finalize().into()))
    }

    /// The key of what has an id of 128 random bits of its own, such as a factor: these bits. So a store that knows the id knows the key.
    ///
    /// Never take an id that somebody chose: it could be another limit's key.
    #[must_use]
    pub const fn of_random_id(id: [u8; 16]) -> Self {
        Self(id)
    }

    /// The bytes, for a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
