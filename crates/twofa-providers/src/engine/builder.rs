//! Building the engine: nothing starts that exceeds the guess budget, or cannot work.

use core::fmt;
use std::sync::Arc;

use token_store::{
    FactorStore, Tokens,
    ott_core::{GuessBound, LimitKind},
};

use super::TwoFactor;
use crate::{
    build_error::BuildError, devices::KnownDevices, limits::Limits, owner::Owner,
    provider::Provider, recovery::RecoveryCodes, rows::Rows,
};

/// Builds [`TwoFactor`].
pub struct TwoFactorBuilder {
    rows: Rows,
    providers: Vec<Arc<dyn Provider>>,
    limits: Limits,
    codes: Option<RecoveryCodes>,
    devices: Option<KnownDevices>,
    owner: Option<Owner>,
    accepted_bound: Option<u64>,
}

impl TwoFactor {
    /// Starts with tokens (their keys, limits, clock and events) and a store for factors.
    pub fn builder(tokens: Arc<Tokens>, factors: Arc<dyn FactorStore>) -> TwoFactorBuilder {
        TwoFactorBuilder {
            rows: Rows {
                tokens,
                store: factors,
            },
            providers: Vec::new(),
            limits: Limits::default(),
            codes: None,
            devices: None,
            owner: None,
            accepted_bound: None,
        }
    }
}

impl TwoFactorBuilder {
    /// Adds a provider.
    #[must_use]
    pub fn provider(mut self, provider: impl Provider + 'static) -> Self {
        self.providers.push(Arc::new(provider));
        self
    }

    /// Takes recovery codes, by a provider called `recovery`.
    #[must_use]
    pub fn recovery_codes(mut self, codes: &RecoveryCodes) -> Self {
        self.codes = Some(codes.clone());
        self.provider(codes.provider())
    }

    /// Has a reserve for known devices. It costs guess budget: [`Limits::known_devices`].
    #[must_use]
    pub fn known_devices(self, devices: &KnownDevices) -> Self {
        Self {
            devices: Some(devices.clone()),
            ..self
        }
    }

    /// Tells owners what happened to their accounts.
    #[must_use]
    pub fn owner(self, owner: &Owner) -> Self {
        Self {
            owner: Some(owner.clone()),
            ..self
        }
    }

    /// Other limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Accepts a guess bound above 10⁻³ a year, by its figure in parts per billion.
    #[must_use]
    pub fn accepting_guess_bound(self, parts_per_billion: u64) -> Self {
        Self {
            accepted_bound: Some(parts_per_billion),
            ..self
        }
    }

    /// Builds.
    ///
    /// # Errors
    /// [`BuildError`] if two providers share an id, if the tokens lack a policy of a provider, if the store
    /// for limits drops what is spent, or if an attacker who knows one account's password and stays under
    /// all limits guesses right with more than 10⁻³ a year: it names guesses and figure.
    pub fn build(self) -> Result<TwoFactor, BuildError> {
        self.check_providers()?;
        self.check_services()?;
        let bound = self.guess_bound();
        bound.check(self.accepted_bound)?;
        Ok(TwoFactor {
            rows: self.rows,
            providers: self.providers,
            limits: self.limits,
            codes: self.codes,
            devices: self.devices,
            owner: self.owner,
            bound,
        })
    }

    fn check_providers(&self) -> Result<(), BuildError> {
        let known = self.rows.tokens.policies();
        for (at, provider) in self.providers.iter().enumerate() {
            let descriptor = provider.descriptor();
            let mut earlier = self.providers.iter().take(at);
            if earlier.any(|other| other.descriptor().id == descriptor.id) {
                return Err(BuildError::ProviderTwice(descriptor.id.clone()));
            }
            let mut policies = descriptor.policies.iter();
            if let Some(unknown) = policies.find(|policy| !known.contains(policy)) {
                return Err(BuildError::PolicyUnknown(*unknown.purpose()));
            }
        }
        Ok(())
    }

    fn check_services(&self) -> Result<(), BuildError> {
        let limits = self.rows.tokens.limit_store();
        for (kind, name) in [
            (LimitKind::Allowance, "allowance"),
            (LimitKind::Ceiling, "ceiling"),
            (LimitKind::Pace, "pace"),
        ] {
            if !limits.keeps(kind) {
                return Err(BuildError::LimitKind(name));
            }
        }
        let Some(owner) = &self.owner else {
            return Ok(());
        };
        let codes = |codes: &Option<RecoveryCodes>| codes.as_ref().map(|it| *it.policy());
        let devices = |devices: &Option<KnownDevices>| devices.as_ref().map(|it| *it.policy());
        if codes(&self.codes) != codes(&owner.codes)
            || devices(&self.devices) != devices(&owner.devices)
        {
            return Err(BuildError::OwnerLacks);
        }
        Ok(())
    }

    /// Every guess is paid for by the account, whichever policy or provider it is tried at: by what everybody
    /// shares, and, for who stole a known device, by what those have beside it.
    fn guess_bound(&self) -> GuessBound {
        let mut budget = self.rows.tokens.account_budget();
        // One pace for all providers, at the best odds among them.
        let odds = self
            .providers
            .iter()
            .map(|provider| provider.descriptor().odds);
        let best = odds.max_by_key(|odds| GuessBound::new(1_000_000, odds.valid, odds.code_space));
        if let Some(odds) = best {
            budget = budget.spending(Some(&self.limits.pace), odds.valid, odds.code_space);
        }
        if self.devices.is_some() {
            budget = budget.reserve(&self.limits.known_devices);
        }
        budget.bound()
    }
}

impl fmt::Debug for TwoFactorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwoFactorBuilder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
