//! How tokens of one purpose behave.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use crate::{
    Format, GuessBound, GuessBoundExceeded, Limit, Purpose,
    fields::{Field, Fields},
    record::first_half,
};

/// Shorter tokens are found only through something else that is secret.
const LEAST_BITS_TO_FIND: u32 = 112;

/// How a presented token finds its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// By the flow's handle; the whole binding is stated. Wrong tokens count.
    ById {
        /// How many tokens are compared before the record is exhausted, the right one included.
        attempts: u16,
    },
    /// By the subject and the token, the whole binding stated; a wrong token finds nothing.
    BySubject,
    /// By tenant and token alone; the rest of the binding is checked afterwards.
    ByItself,
}

impl Lookup {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::ById { .. } => 1,
            Self::BySubject => 2,
            Self::ByItself => 3,
        }
    }
}

/// What a new token retires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotRule {
    /// The same flow's earlier token: a resend.
    Flow,
    /// Nothing.
    Nothing,
    /// Everything of the same purpose and subject: a new set of recovery codes.
    Subject,
}

/// What a record starts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It can be redeemed at once.
    Ready,
    /// Somebody must approve it first.
    Waiting {
        /// Whether the decider must repeat a number that only the waiting side sees.
        number: bool,
        /// Whether a decision may give an empty record its subject.
        binds_subject: bool,
    },
}

/// How often a token proves something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Again and again, until it expires or is revoked.
    Bearer,
    /// Once.
    Once,
}

/// How tokens of one purpose behave: a constant of the application.
///
/// ```
/// use ott_core::{Policy, Purpose};
/// const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    purpose: Purpose,
    format: Format,
    lifetime: Option<TimeDelta>,
    idle: Option<TimeDelta>,
    lookup: Lookup,
    start: Start,
    usage: Usage,
    slot: SlotRule,
    pace: Option<Limit>,
    allowance: Option<Limit>,
    accepts_short: bool,
    accepted_bound: Option<u64>,
}

impl Policy {
    /// A code that a person types: 6 digits, 10 minutes, 5 attempts, once.
    ///
    /// Each redeem spends a pace and an allowance of the subject, so use it behind a first factor:
    /// where anyone can start the flow, anyone could use up the owner's allowance. See
    /// [`Policy::readable`].
    #[must_use]
    pub const fn code(purpose: Purpose) -> Self {
        Self {
            purpose,
            format: Format::DIGITS_6,
            lifetime: Some(TimeDelta::minutes(10)),
            idle: None,
            lookup: Lookup::ById { attempts: 5 },
            start: Start::Ready,
            usage: Usage::Once,
            slot: SlotRule::Flow,
            pace: Some(Limit::PACE),
            allowance: Some(Limit::ALLOWANCE),
            accepts_short: false,
            accepted_bound: None,
        }
    }

    /// A code for flows that anyone can start: 8 consonants, 10 minutes, 5 attempts, once, and a
    /// pace that makes wait but never locks.
    #[must_use]
    pub const fn readable(purpose: Purpose) -> Self {
        Self {
            format: Format::READABLE_8,
            allowance: None,
            ..Self::code(purpose)
        }
    }

    /// A link: 258 bits, 1 hour, once, found by itself.
    #[must_use]
    pub const fn link(purpose: Purpose) -> Self {
        Self {
            format: Format::LINK,
            lifetime: Some(TimeDelta::hours(1)),
            lookup: Lookup::ByItself,
            pace: None,
            allowance: None,
            ..Self::code(purpose)
        }
    }

    /// Saved recovery codes: 120 bits, until used or replaced, found within the subject.
    #[must_use]
    pub const fn recovery(purpose: Purpose) -> Self {
        Self {
            format: Format::RECOVERY,
            lifetime: None,
            lookup: Lookup::BySubject,
            slot: SlotRule::Subject,
            allowance: None,
            ..Self::code(purpose)
        }
    }

    /// A bearer token (a session, a known device): 258 bits, `lifetime`, found by itself, proves
    /// again and again.
    #[must_use]
    pub const fn bearer(purpose: Purpose, lifetime: TimeDelta) -> Self {
        Self {
            lifetime: Some(lifetime),
            usage: Usage::Bearer,
            slot: SlotRule::Nothing,
            ..Self::link(purpose)
        }
    }

    /// A request that somebody approves elsewhere, with a matching number: the waiting side holds a
    /// 258-bit token and redeems it after the approval; 10 minutes, once.
    #[must_use]
    pub const fn prompt(purpose: Purpose) -> Self {
        Self {
            format: Format::LINK,
            start: Start::Waiting {
                number: true,
                binds_subject: false,
            },
            pace: None,
            allowance: None,
            ..Self::code(purpose)
        }
    }

    /// Another format.
    #[must_use]
    pub const fn format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// Another lifetime.
    #[must_use]
    pub const fn lifetime(self, lifetime: TimeDelta) -> Self {
        Self {
            lifetime: Some(lifetime),
            ..self
        }
    }

    /// No lifetime: until redeemed, revoked or superseded.
    #[must_use]
    pub const fn until_revoked(self) -> Self {
        Self {
            lifetime: None,
            ..self
        }
    }

    /// Dies when it was not used for so long. For bearer tokens.
    #[must_use]
    pub const fn idle(self, idle: TimeDelta) -> Self {
        Self {
            idle: Some(idle),
            ..self
        }
    }

    /// Another look-up.
    #[must_use]
    pub const fn lookup(self, lookup: Lookup) -> Self {
        Self { lookup, ..self }
    }

    /// Another starting state.
    #[must_use]
    pub const fn start(self, start: Start) -> Self {
        Self { start, ..self }
    }

    /// Another rule for what a new token retires.
    #[must_use]
    pub const fn slot(self, slot: SlotRule) -> Self {
        Self { slot, ..self }
    }

    /// Other limits of a redeem; `None` drops one. The guess budget decides whether that starts.
    #[must_use]
    pub const fn limits(self, pace: Option<Limit>, allowance: Option<Limit>) -> Self {
        Self {
            pace,
            allowance,
            ..self
        }
    }

    /// Accepts a token under 112 bits that finds its record without a handle. Whoever reads the
    /// store can then try tokens against the record ids offline, and one guess is tried against
    /// every live token of the purpose (and subject) at once: [`Policy::guess_bound`] counts one, so
    /// multiply it by how many there are.
    #[must_use]
    pub const fn accepting_short_tokens(self) -> Self {
        Self {
            accepts_short: true,
            ..self
        }
    }

    /// Accepts a guess bound above 10⁻³ a year, by its figure in parts per billion.
    #[must_use]
    pub const fn accepting_guess_bound(self, parts_per_billion: u64) -> Self {
        Self {
            accepted_bound: Some(parts_per_billion),
            ..self
        }
    }

    /// What its tokens are good for.
    #[must_use]
    pub const fn purpose(&self) -> &Purpose {
        &self.purpose
    }

    /// What its tokens look like.
    #[must_use]
    pub const fn token_format(&self) -> &Format {
        &self.format
    }

    /// How long its tokens live; `None` until revoked.
    #[must_use]
    pub const fn token_lifetime(&self) -> Option<TimeDelta> {
        self.lifetime
    }

    /// How its tokens are found.
    #[must_use]
    pub const fn token_lookup(&self) -> Lookup {
        self.lookup
    }

    /// How often its tokens prove something.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.usage
    }

    /// The pace that each redeem spends.
    #[must_use]
    pub const fn pace(&self) -> Option<&Limit> {
        self.pace.as_ref()
    }

    /// The allowance that each redeem spends.
    #[must_use]
    pub const fn allowance(&self) -> Option<&Limit> {
        self.allowance.as_ref()
    }

    pub(crate) const fn token_idle(&self) -> Option<TimeDelta> {
        self.idle
    }

    pub(crate) const fn starting(&self) -> Start {
        self.start
    }

    pub(crate) const fn slot_rule(&self) -> SlotRule {
        self.slot
    }

    /// Checks that the parts fit together and that the guess budget holds.
    ///
    /// # Errors
    /// [`PolicyError`], which names the purpose and what does not fit.
    pub fn check(&self) -> Result<(), PolicyError> {
        let refuse = |fault| {
            Err(PolicyError {
                purpose: self.purpose.as_str(),
                fault,
            })
        };
        let bits = self.format.entropy_bits();
        if bits < LEAST_BITS_TO_FIND
            && !self.accepts_short
            && !matches!(self.lookup, Lookup::ById { .. })
        {
            return refuse(PolicyFault::ShortToken);
        }
        if matches!(self.lookup, Lookup::ById { attempts: 0 }) {
            return refuse(PolicyFault::NoAttempts);
        }
        if [self.lifetime, self.idle]
            .into_iter()
            .flatten()
            .any(|span| span < TimeDelta::microseconds(1) || span > LONGEST)
        {
            return refuse(PolicyFault::Lifetime);
        }
        if self.usage == Usage::Bearer
            && (self.lookup != Lookup::ByItself || self.start != Start::Ready)
        {
            return refuse(PolicyFault::Bearer);
        }
        if self.idle.is_some() && self.usage != Usage::Bearer {
            return refuse(PolicyFault::IdleOnce);
        }
        if self.lookup == Lookup::ByItself && (self.pace.is_some() || self.allowance.is_some()) {
            return refuse(PolicyFault::LimitsByItself);
        }
        match self.guess_bound().check(self.accepted_bound) {
            Ok(()) => Ok(()),
            Err(exceeded) => refuse(PolicyFault::GuessBound(exceeded)),
        }
    }

    /// The bound on an attacker's success within a year, who stays under the policy's limits.
    ///
    /// Without any limit the attacker gets one guess a microsecond.
    #[must_use]
    pub fn guess_bound(&self) -> GuessBound {
        const UNLIMITED: u64 = 366 * 86_400 * 1_000_000;
        let limits = [self.pace, self.allowance].into_iter().flatten();
        let guesses = limits
            .map(|limit| limit.most_in_a_year())
            .min()
            .unwrap_or(UNLIMITED);
        GuessBound::new(guesses, 1, self.format.code_space())
    }

    /// Covers what decides the meaning of a proof. Lifetimes and limits are left out: an
    /// application may change those without refusing what it issued before.
    pub(crate) fn fingerprint(&self) -> [u8; 16] {
        let usage = match self.usage {
            Usage::Bearer => 1,
            Usage::Once => 2,
        };
        let start = match self.start {
            Start::Ready => [0, 0, 0],
            Start::Waiting {
                number,
                binds_subject,
            } => [1, u8::from(number), u8::from(binds_subject)],
        };
        let hash = Fields::new(Sha256::new(), "ott policy v1")
            .text(Field::Purpose, self.purpose.as_str())
            .lookup(self.lookup)
            .bytes(Field::Usage, &[usage])
            .bytes(Field::Start, &start)
            .finish();
        first_half(hash.finalize().into())
    }
}

/// Longer spans are a mistake, and their sums with a date overflow.
const LONGEST: TimeDelta = TimeDelta::days(366 * 100);

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
    /// The guess budget is too large.
    #[error(transparent)]
    GuessBound(GuessBoundExceeded),
    /// A token that is redeemed once cannot idle out.
    #[error("only a bearer token idles out")]
    IdleOnce,
    /// A token that is found by itself says nothing of whose limits to spend.
    #[error("a token that is found by itself cannot have limits of its own")]
    LimitsByItself,
    /// A lifetime or idle time that is not between one microsecond and a hundred years.
    #[error("a lifetime is at least one microsecond and at most a hundred years")]
    Lifetime,
    /// No attempt at all.
    #[error("a token that nobody may try is useless")]
    NoAttempts,
    /// Under 112 bits, and found without a handle.
    #[error(
        "a token that finds its record without a handle has at least 112 bits; accept a shorter one by name"
    )]
    ShortToken,
}
