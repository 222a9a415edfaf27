//! How the tokens of one purpose behave.

use token_store::ott_core::{Format, Policy, Purpose, chrono::TimeDelta};

/// What is drawn of a token that is pasted: 178 bits.
const PASTED: u8 = 30;

/// How many an owner makes at most, of tokens that they make by hand.
const MADE: usize = 100;

/// How the tokens of one purpose behave: a constant of the application.
///
/// | made by | token | lifetime | idle | of an owner |
/// | --- | --- | --- | --- | --- |
/// | [`Kind::session`] | 258 bits, base64url | 30 days | 7 days | any number |
/// | [`Kind::access_token`] | prefix, 178 bits, checksum | 90 days | – | 100 |
/// | [`Kind::app_password`] | 120 bits in groups of four, typed forgivingly | until revoked | 365 days | 100 |
/// | [`Kind::api_key`] | prefix, 178 bits, checksum | until revoked | – | 100 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    policy: Policy,
    pub(crate) rotated: Option<(Policy, TimeDelta)>,
    pub(crate) notices: Option<(Policy, TimeDelta)>,
    pub(crate) networks: Option<Policy>,
    pub(crate) most: Option<usize>,
}

impl Kind {
    /// Under this policy of bearer tokens that are found by themselves; any number of an owner.
    #[must_use]
    pub const fn of(policy: Policy) -> Self {
        Self {
            policy,
            rotated: None,
            notices: None,
            networks: None,
            most: None,
        }
    }

    /// A session, for a cookie: 30 days, and 7 days without a use.
    #[must_use]
    pub const fn session(purpose: Purpose) -> Self {
        Self::of(Policy::bearer(purpose, TimeDelta::days(30)).idle(TimeDelta::days(7)))
    }

    /// A personal access token, which its owner pastes into a program: 90 days. The prefix lets secret scanners find it:
    /// [`registration`](crate::registration).
    #[must_use]
    pub const fn access_token(purpose: Purpose, prefix: &'static str) -> Self {
        let format = Format::alphanumeric(PASTED).prefixed(prefix);
        Self::of(Policy::bearer(purpose, TimeDelta::days(90)).format(format)).at_most(MADE)
    }

    /// A password for one app, which its owner types where nothing else can be typed: until revoked, or a year without a
    /// use.
    #[must_use]
    pub const fn app_password(purpose: Purpose) -> Self {
        let policy = Policy::bearer(purpose, TimeDelta::days(1)).until_revoked();
        Self::of(policy.format(Format::RECOVERY).idle(TimeDelta::days(365))).at_most(MADE)
    }

    /// A key of a program: until revoked, with a prefix as an access token.
    #[must_use]
    pub const fn api_key(purpose: Purpose, prefix: &'static str) -> Self {
        let Self { policy, .. } = Self::access_token(purpose, prefix);
        Self::of(policy.until_revoked()).at_most(MADE)
    }

    /// Another lifetime.
    #[must_use]
    pub const fn lifetime(self, lifetime: TimeDelta) -> Self {
        Self {
            policy: self.policy.lifetime(lifetime),
            ..self
        }
    }

    /// Another time without a use after which it ends.
    #[must_use]
    pub const fn idle(self, idle: TimeDelta) -> Self {
        Self {
            policy: self.policy.idle(idle),
            ..self
        }
    }

    /// An owner has at most so many live ones: [`NewError::TooMany`](crate::NewError::TooMany) refuses one more. A list, a
    /// page and "revoke all" read each of them. Older ones that a rotation left for its overlap do not count.
    ///
    /// Issuing lists the owner's tokens twice then.
    #[must_use]
    pub const fn at_most(self, tokens: usize) -> Self {
        Self {
            most: Some(tokens),
            ..self
        }
    }

    /// Another format. Call it before [`Kind::rotating`].
    #[must_use]
    pub const fn format(self, format: Format) -> Self {
        Self {
            policy: self.policy.format(format),
            ..self
        }
    }

    /// Its tokens rotate: the old one and the new one live together for so long. Old ones have a purpose of their own.
    #[must_use]
    pub const fn rotating(self, old: Purpose, overlap: TimeDelta) -> Self {
        let policy = Policy::bearer(old, overlap).format(*self.policy.token_format());
        Self {
            rotated: Some((policy, overlap)),
            ..self
        }
    }

    /// Its owner is told so long before a token expires. That it was told is kept under a purpose of its own.
    #[must_use]
    pub const fn noticing(self, told: Purpose, before: TimeDelta) -> Self {
        let policy = Policy::parked(told).until_revoked();
        Self {
            notices: Some((policy, before)),
            ..self
        }
    }

    /// Where a token was last used from is kept, under a purpose of its own, as often as the last use.
    #[must_use]
    pub const fn noting_networks(self, noted: Purpose) -> Self {
        Self {
            networks: Some(Policy::parked(noted).until_revoked()),
            ..self
        }
    }

    /// The policy of its tokens.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Every policy that it needs: give them to the builder of the tokens.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        let rotated = self.rotated.iter().map(|(policy, _)| policy);
        let notices = self.notices.iter().map(|(policy, _)| policy);
        let all = [&self.policy].into_iter().chain(rotated).chain(notices);
        all.chain(&self.networks)
    }
}
