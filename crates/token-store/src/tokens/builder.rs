//! Building `Tokens`: nothing starts that exceeds the guess budget.

use std::sync::Arc;

use ott_core::{
    Issuer, KeyRing, Policy, PolicyError, Purpose,
    chrono::{DateTime, Utc},
};

use crate::{Clock, EventSink, LimitStore, NoEvents, SystemClock, TokenStore, Tokens};

/// Builds [`Tokens`].
pub struct TokensBuilder<S> {
    issuer: Issuer,
    policies: Vec<Policy>,
    limits: Arc<dyn LimitStore>,
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
            limits: Arc::clone(&store) as Arc<dyn LimitStore>,
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
        Self { limits, ..self }
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
    /// [`BuildError`] if a policy's parts do not fit, if it exceeds the guess budget, or if two
    /// share a purpose.
    pub fn build(self) -> Result<Tokens<S>, BuildError> {
        for (at, policy) in self.policies.iter().enumerate() {
            policy.check()?;
            let earlier = self.policies.iter().take(at);
            if earlier
                .into_iter()
                .any(|other| other.purpose() == policy.purpose())
            {
                return Err(BuildError::PurposeTwice(*policy.purpose()));
            }
        }
        let Self {
            issuer,
            policies,
            limits,
            clock,
            events,
            store,
        } = self;
        Ok(Tokens {
            issuer: Arc::new(issuer),
            policies,
            limits,
            clock,
            events,
            store,
        })
    }
}

/// Why no [`Tokens`] was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A policy's parts do not fit, or it exceeds the guess budget.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Two policies share a purpose.
    #[error("two policies share the purpose `{}`", .0.as_str())]
    PurposeTwice(Purpose),
}

impl<S: TokenStore + 'static> Tokens<S> {
    /// The same, for holders that do not care which store it is.
    #[must_use]
    pub fn into_shared(self) -> Arc<Tokens> {
        let Self {
            issuer,
            policies,
            limits,
            clock,
            events,
            store,
        } = self;
        Arc::new(Tokens {
            issuer,
            policies,
            limits,
            clock,
            events,
            store: store as Arc<dyn TokenStore>,
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
