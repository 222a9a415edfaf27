//! How tokens of one purpose behave.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use crate::{
    Format, GuessBound, Limit, Lookup, Matching, Purpose, SlotRule, Start, Usage,
    fields::{Field, Fields},
    record_id::first_half,
    time::YEAR_MICROS,
};

/// How tokens of one purpose behave: a constant of the application.
///
/// ```
/// use ott_core::{Policy, Purpose};
/// /// Behind the password.
/// const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
/// /// Anyone can ask for one.
/// const SIGN_UP: Policy = Policy::readable(Purpose::new("sign-up"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) purpose: Purpose,
    pub(crate) format: Format,
    pub(crate) lifetime: Option<TimeDelta>,
    pub(crate) idle: Option<TimeDelta>,
    pub(crate) horizon: TimeDelta,
    pub(crate) lookup: Lookup,
    pub(crate) start: Start,
    pub(crate) usage: Usage,
    pub(crate) slot: SlotRule,
    pub(crate) pace: Option<Limit>,
    pub(crate) allowance: bool,
    pub(crate) requests: Option<Limit>,
    pub(crate) accepts_short: bool,
}

impl Policy {
    /// A code that a person types: 6 digits, 10 minutes, 5 attempts, once.
    ///
    /// For the step behind a first factor, such as the password: each redeem spends a pace and the
    /// account's allowance, so where anyone could start the flow, anyone could use up the owner's
    /// allowance. There take [`Policy::readable`]. It is sent 5 times, then once per 10 minutes.
    #[must_use]
    pub const fn code(purpose: Purpose) -> Self {
        Self {
            purpose,
            format: Format::DIGITS_6,
            lifetime: Some(TimeDelta::minutes(10)),
            idle: None,
            horizon: TimeDelta::zero(),
            lookup: Lookup::ByHandle { attempts: 5 },
            start: Start::Ready,
            usage: Usage::Once,
            slot: SlotRule::Flow,
            pace: Some(Limit::PACE),
            allowance: true,
            requests: Some(Limit::REQUESTS),
            accepts_short: false,
        }
    }

    /// A code for flows that anyone can start: 8 consonants, 10 minutes, 5 attempts, once, and a
    /// pace that makes wait but never locks.
    #[must_use]
    pub const fn readable(purpose: Purpose) -> Self {
        Self {
            format: Format::READABLE_8,
            allowance: false,
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
            allowance: false,
            ..Self::code(purpose)
        }
    }

    /// Saved recovery codes: 120 bits, until used or replaced, found within the subject. A service that ends the older
    /// set itself, as `RecoveryCodes` of `twofa-providers` does, takes [`SlotRule::Nothing`].
    #[must_use]
    pub const fn recovery(purpose: Purpose) -> Self {
        Self {
            format: Format::RECOVERY,
            lifetime: None,
            lookup: Lookup::BySubject,
            slot: SlotRule::Subject,
            allowance: false,
            requests: None,
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
            requests: None,
            ..Self::link(purpose)
        }
    }

    /// What a flow keeps between two requests: found by its handle and the account, taken up once;
    /// 10 minutes. There is no token.
    #[must_use]
    pub const fn parked(purpose: Purpose) -> Self {
        Self {
            format: Format::LINK,
            lookup: Lookup::Parked,
            pace: None,
            allowance: false,
            requests: None,
            ..Self::code(purpose)
        }
    }

    /// A request that somebody approves elsewhere, repeating a number of two digits: parked, and
    /// taken up by the waiting side after the approval; 10 minutes, once.
    #[must_use]
    pub const fn prompt(purpose: Purpose) -> Self {
        Self {
            start: Start::Waiting {
                number: Matching::TwoDigits,
                binds_subject: false,
            },
            ..Self::parked(purpose)
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

    /// How long a retired key's tokens are still looked for after the key was retired, where that is
    /// longer than the lifetime: after a lifetime was shortened, the lifetime from before.
    #[must_use]
    pub const fn horizon(self, horizon: TimeDelta) -> Self {
        Self { horizon, ..self }
    }

    /// Another pace of redeems, counted for this purpose and account; `None` for none.
    #[must_use]
    pub const fn paced(self, pace: Option<Limit>) -> Self {
        Self { pace, ..self }
    }

    /// Behind a first factor alone: whether each redeem spends the account's allowance, which all such policies
    /// share. Where nothing stands before it, anybody can use up the allowance: see [`Policy::code`].
    #[must_use]
    pub const fn spending_allowance(self, allowance: bool) -> Self {
        Self { allowance, ..self }
    }

    /// Another pace of what is issued to one account; `None` for none.
    #[must_use]
    pub const fn requests(self, requests: Option<Limit>) -> Self {
        Self { requests, ..self }
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

    /// Whether each redeem spends the account's allowance.
    #[must_use]
    pub const fn spends_allowance(&self) -> bool {
        self.allowance
    }

    /// The pace that each issue spends.
    #[must_use]
    pub const fn request_pace(&self) -> Option<&Limit> {
        self.requests.as_ref()
    }

    /// What its records start as.
    #[must_use]
    pub const fn starting(&self) -> Start {
        self.start
    }

    /// How long after its retirement a key may have made what is still presented.
    pub(crate) fn key_horizon(&self) -> Option<TimeDelta> {
        self.lifetime.map(|lifetime| lifetime.max(self.horizon))
    }

    /// After how long without a use its tokens die; `None` for never.
    #[must_use]
    pub const fn idle_time(&self) -> Option<TimeDelta> {
        self.idle
    }

    pub(crate) const fn slot_rule(&self) -> SlotRule {
        self.slot
    }

    /// The bound on an attacker's success within a year, who stays under the policy's own pace, the
    /// account's allowance aside: [`AccountBudget`](crate::AccountBudget) has the whole.
    ///
    /// Without any pace the attacker gets one guess a microsecond.
    #[must_use]
    pub fn guess_bound(&self) -> GuessBound {
        let unlimited = YEAR_MICROS.unsigned_abs();
        let guesses = self.pace.map_or(unlimited, |pace| pace.most_in_a_year());
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
            } => [1, number.code(), u8::from(binds_subject)],
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
