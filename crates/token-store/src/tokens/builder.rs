//! Building `Tokens`: nothing starts that exceeds the guess budget.

use std::sync::Arc;

use ott_core::{
    GuessBoundExceeded, Issuer, KeyRing, Limit, LimitKind, Policy, PolicyError, Purpose,
    chrono::{DateTime, Utc},
};

use crate::{Clock, EventSink, LimitStore, NoEvents, SystemClock, TokenStore, Tokens};

/// Builds [`Tokens`].
pub struct TokensBuilder<S> {
    issuer: Issuer,
    policies: Vec<Policy>,
    allowance: Limit,
    accepted_bound: Option<u64>,
    limits: Arc<dyn LimitStore>,
    together: bool,
    clock: Arc<dyn Clock>,
    events: Arc<dyn EventSink>,
    store: Arc<S>,
}

impl<S: TokenStore + LimitStore + 'static> Tokens<S> {
    /// Starts with keys and a store, which keeps the limits too.
    pub fn builder(keys: KeyRing, store: S) -> TokensBuilder<S> {
        Self::builder_shared(keys, Arc::new(store))
    }

    /// As [`Tokens::builder`], with a store that others hold too.
    pub fn builder_shared(keys: KeyRing, store: Arc<S>) -> TokensBuilder<S> {
        TokensBuilder {
            issuer: Issuer::new(keys),
            policies: Vec::new(),
            allowance: Limit::ALLOWANCE,
            accepted_bound: None,
            limits: Arc::clone(&store) as Arc<dyn LimitStore>,
            together: true,
            clock: Arc::new(SystemClock),
            events: Arc::new(NoEvents),
            store,
        }
    }
}

impl<S: TokenStore + 'static> TokensBuilder<S> {
    /// Adds a policy. A token of a policy that was not added is neither issued nor redeemed.
    #[must_use]
    pub fn policy(mut self, policy: &Policy) -> Self {
        self.policies.push(*policy);
        self
    }

    /// Another store for the limits.
    #[must_use]
    pub fn limits(self, limits: Arc<dyn LimitStore>) -> Self {
        Self {
            limits,
            together: false,
            ..self
        }
    }

    /// Another allowance of an account, which all policies share that spend it.
    #[must_use]
    pub fn allowance(self, allowance: Limit) -> Self {
        Self { allowance, ..self }
    }

    /// Accepts a guess bound of an account above 10⁻³ a year, by its figure in parts per billion.
    #[must_use]
    pub fn accepting_guess_bound(self, parts_per_billion: u64) -> Self {
        Self {
            accepted_bound: Some(parts_per_billion),
            ..self
        }
    }

    /// Another clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Where events go.
    #[must_use]
    pub fn events(self, events: Arc<dyn EventSink>) -> Self {
        Self { events, ..self }
    }

    /// Refuses what was issued earlier: see [`Issuer::not_before`].
    #[must_use]
    pub fn not_before(self, time: DateTime<Utc>) -> Self {
        Self {
            issuer: self.issuer.not_before(time),
            ..self
        }
    }

    /// Builds.
    ///
    /// # Errors
    /// [`BuildError`] if a policy's parts do not fit, if two share a purpose, if the store of the limits
    /// does not keep what they count, or if an account exceeds the guess budget: over all policies
    /// together an attacker who stays under the limits guesses right with more than 10⁻³ a year. It
    /// names the figure.
    pub fn build(self) -> Result<Tokens<S>, BuildError> {
        let Self {
            issuer,
            policies,
            allowance,
            accepted_bound,
            limits,
            together,
            clock,
            events,
            store,
        } = self;
        if allowance.kind() != LimitKind::Allowance {
            return Err(BuildError::NoAllowance);
        }
        for (at, policy) in policies.iter().enumerate() {
            policy.check()?;
            let purpose = *policy.purpose();
            let mut earlier = policies.iter().take(at);
            if earlier.any(|other| *other.purpose() == purpose) {
                return Err(BuildError::PurposeTwice(purpose));
            }
            let paced = policy.pace().is_some() || policy.request_pace().is_some();
            let counted = [
                (LimitKind::Pace, paced),
                (LimitKind::Allowance, policy.spends_allowance()),
            ];
            for (kind, counts) in counted {
                if counts && !limits.keeps(kind) {
                    return Err(BuildError::LimitNotKept(purpose, kind));
                }
            }
        }
        let tokens = Tokens {
            issuer: Arc::new(issuer),
            policies: policies.into(),
            allowance,
            limits,
            together,
            clock,
            events,
            store,
        };
        tokens.guess_bound().check(accepted_bound)?;
        Ok(tokens)
    }
}

/// Why no [`Tokens`] was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// What can be guessed at one account is too much.
    #[error(transparent)]
    GuessBound(#[from] GuessBoundExceeded),
    /// The store of the limits drops what this policy counts on.
    #[error("the store of the limits does not keep what the policy `{}` counts on: {}", .0.as_str(), kind(*.1))]
    LimitNotKept(Purpose, LimitKind),
    /// A pace or a ceiling in the allowance's place.
    #[error("the allowance of an account is made by `Limit::allowance`")]
    NoAllowance,
    /// A policy's parts do not fit.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Two policies share a purpose.
    #[error("two policies share the purpose `{}`", .0.as_str())]
    PurposeTwice(Purpose),
}

const fn kind(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::Allowance => "an allowance",
        LimitKind::Ceiling => "a ceiling",
        LimitKind::Pace => "a pace",
    }
}

impl<S: TokenStore + 'static> Tokens<S> {
    /// The same, for holders that do not care which store it is. Both share everything.
    #[must_use]
    pub fn shared(&self) -> Arc<Tokens> {
        Arc::new(Tokens {
            issuer: Arc::clone(&self.issuer),
            policies: Arc::clone(&self.policies),
            allowance: self.allowance,
            limits: Arc::clone(&self.limits),
            together: self.together,
            clock: Arc::clone(&self.clock),
            events: Arc::clone(&self.events),
            store: Arc::clone(&self.store) as Arc<dyn TokenStore>,
        })
    }
}

impl<S> core::fmt::Debug for TokensBuilder<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TokensBuilder")
            .field("policies", &self.policies)
            .finish_non_exhaustive()
    }
}
