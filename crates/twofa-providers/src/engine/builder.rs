//! Building the engine: nothing starts that exceeds the guess budget.

use std::sync::Arc;

use token_store::{
    FactorStore, Tokens,
    ott_core::{GuessBound, Policy},
};

use crate::{
    BuildError, Limits, Notices, Provider, TwoFactor, notices,
    recovery::{self, RecoveryProvider},
};

/// Builds [`TwoFactor`].
pub struct TwoFactorBuilder {
    tokens: Arc<Tokens>,
    factors: Arc<dyn FactorStore>,
    providers: Vec<Arc<dyn Provider>>,
    limits: Limits,
    recovery: Option<Policy>,
    devices: Option<Policy>,
    notices: Option<Notices>,
    accepted_bound: Option<u64>,
}

impl TwoFactorBuilder {
    /// Adds a provider.
    #[must_use]
    pub fn provider(mut self, provider: impl Provider + 'static) -> Self {
        self.providers.push(Arc::new(provider));
        self
    }

    /// Adds recovery codes, under a policy that the tokens were built with, such as
    /// `Policy::recovery(Purpose::new("recovery-code"))`.
    ///
    /// Their provider is `recovery`; see [`TwoFactor::renew_recovery_codes`].
    #[must_use]
    pub fn recovery_codes(mut self, policy: &Policy) -> Self {
        let provider = RecoveryProvider::new(Arc::clone(&self.tokens), policy);
        self.recovery = Some(*policy);
        self.provider(provider)
    }

    /// Adds known devices, under a policy that the tokens were built with, such as
    /// `Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30))`.
    ///
    /// See [`TwoFactor::remember_device`]. It costs guess budget: [`Limits::known_devices`].
    #[must_use]
    pub const fn known_devices(mut self, policy: &Policy) -> Self {
        self.devices = Some(*policy);
        self
    }

    /// Tells owners what happened to their accounts.
    #[must_use]
    pub fn notices(mut self, notices: Notices) -> Self {
        self.notices = Some(notices);
        self
    }

    /// Other limits.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Accepts a guess bound above 10⁻³ a year, by its figure in parts per billion.
    #[must_use]
    pub const fn accepting_guess_bound(mut self, parts_per_billion: u64) -> Self {
        self.accepted_bound = Some(parts_per_billion);
        self
    }

    /// Builds.
    ///
    /// # Errors
    /// [`BuildError`] if two providers share an id, if a policy does not fit its use, or if an attacker who knows the password and
    /// stays under the limits guesses right with more than 10⁻³ a year: it names the figure.
    pub fn build(self) -> Result<TwoFactor, BuildError> {
        let Self {
            tokens,
            factors,
            providers,
            limits,
            recovery,
            devices,
            notices,
            accepted_bound,
        } = self;
        for (at, provider) in providers.iter().enumerate() {
            let id = provider.descriptor().id;
            if providers
                .iter()
                .take(at)
                .any(|other| other.descriptor().id == id)
            {
                return Err(BuildError::ProviderTwice(id));
            }
        }
        if recovery.is_some_and(|policy| !recovery::fits(&policy)) {
            return Err(BuildError::RecoveryPolicy);
        }
        if devices.is_some_and(|policy| !super::devices::fits(&policy)) {
            return Err(BuildError::DevicePolicy);
        }
        let not_me = notices.as_ref().and_then(|notices| notices.not_me);
        let known = |policy: &Policy| tokens.policies().contains(policy);
        if not_me.is_some_and(|link| !notices::fits(&link.policy) || !known(&link.policy)) {
            return Err(BuildError::NotMePolicy);
        }
        // Every guess is paid for by the subject, at whichever factor the odds are best: by what
        // everybody shares, and, for who stole a known device, by what those have beside it.
        let shared = limits
            .pace
            .most_in_a_year()
            .min(limits.allowance.most_in_a_year());
        let reserve = devices.map_or(0, |_| limits.known_devices.most_in_a_year());
        let guesses = shared.saturating_add(reserve);
        let odds = providers.iter().map(|provider| provider.odds());
        let bounds = odds.map(|odds| GuessBound::new(guesses, odds.valid, odds.code_space));
        bounds.max().unwrap_or_default().check(accepted_bound)?;
        Ok(TwoFactor {
            tokens,
            factors,
            providers,
            limits,
            recovery,
            devices,
            notices,
        })
    }
}

impl TwoFactor {
    /// Starts with tokens (their keys, limits, clock and events) and a store for factors.
    pub fn builder(tokens: Arc<Tokens>, factors: Arc<dyn FactorStore>) -> TwoFactorBuilder {
        TwoFactorBuilder {
            tokens,
            factors,
            providers: Vec::new(),
            limits: Limits::default(),
            recovery: None,
            devices: None,
            notices: None,
            accepted_bound: None,
        }
    }
}

impl core::fmt::Debug for TwoFactorBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TwoFactorBuilder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
