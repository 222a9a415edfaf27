//! Building the engine: nothing starts that exceeds the guess budget, or cannot work.

use core::fmt;
use std::sync::Arc;

use token_store::{
    FactorStore, Tokens,
    ott_core::{GuessBound, LimitKind},
};

use crate::{
    build_error::BuildError, descriptor::Odds, devices::KnownDevices, engine::TwoFactor,
    limits::Limits, owner::Owner, prompts::Prompts, provider::Provider, recovery::RecoveryCodes,
    rows::Rows, trusted::TrustedDevices,
};

/// Builds [`TwoFactor`].
pub struct TwoFactorBuilder {
    rows: Rows,
    providers: Vec<Arc<dyn Provider>>,
    limits: Limits,
    codes: Option<RecoveryCodes>,
    devices: Option<KnownDevices>,
    trusted: Option<TrustedDevices>,
    owner: Option<Owner>,
    prompts: Vec<Prompts>,
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
            trusted: None,
            owner: None,
            prompts: Vec::new(),
            accepted_bound: None,
        }
    }
}

impl TwoFactorBuilder {
    /// The store for factors that it started with, for services that need it too.
    #[must_use]
    pub fn factor_store(&self) -> Arc<dyn FactorStore> {
        Arc::clone(&self.rows.store)
    }

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

    /// Asks on another device, by a provider whose id is `prompt` where the prompts have no other. Give it what you keep:
    /// what is set on a copy afterwards does not reach the engine.
    #[must_use]
    pub fn prompts(mut self, prompts: &Prompts) -> Self {
        self.prompts.push(prompts.clone());
        self.provider(prompts.provider())
    }

    /// Has a reserve for known devices. It costs guess budget: [`Limits::known_devices`].
    #[must_use]
    pub fn known_devices(self, devices: &KnownDevices) -> Self {
        Self {
            devices: Some(devices.clone()),
            ..self
        }
    }

    /// Lets devices be trusted, on which nothing is asked for beside the password. Their tokens are too long to be
    /// guessed, so they cost no guess budget; who steals one needs no guess.
    #[must_use]
    pub fn trusted_devices(self, devices: &TrustedDevices) -> Self {
        Self {
            trusted: Some(devices.clone()),
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
    /// [`BuildError`] if two providers share an id, if there are several prompts, if prompts or recovery codes are over
    /// other tokens or another store, if the tokens lack a policy of a provider, if trusted
    /// and known devices share a policy, if the store
    /// for limits drops what is spent, or if an attacker who knows one account's password and stays under
    /// all limits guesses right with more than 10⁻³ a year: it names guesses and figure.
    pub fn build(mut self) -> Result<TwoFactor, BuildError> {
        self.check_providers()?;
        self.check_prompts()?;
        self.check_services()?;
        let bound = self.guess_bound();
        bound.check(self.accepted_bound)?;
        Ok(TwoFactor {
            rows: self.rows,
            providers: self.providers,
            limits: self.limits,
            sheets: self.codes.map(|codes| codes.sheets),
            devices: self.devices,
            trusted: self.trusted.map(|devices| devices.all),
            telling: self.owner.map(|owner| owner.telling),
            prompts: self.prompts.pop(),
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

    /// One subject is asked so often, whoever asks: several prompts would count in each other's limits.
    fn check_prompts(&self) -> Result<(), BuildError> {
        match self.prompts.as_slice() {
            [] => Ok(()),
            [one] if one.rows.is_over(&self.rows) => Ok(()),
            [_] => Err(BuildError::PromptsElsewhere),
            _ => Err(BuildError::PromptsTwice),
        }
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
        let elsewhere = |codes: &RecoveryCodes| !codes.sheets.rows.is_over(&self.rows);
        if self.codes.as_ref().is_some_and(elsewhere) {
            return Err(BuildError::RecoveryElsewhere);
        }
        let codes = |codes: &Option<RecoveryCodes>| codes.as_ref().map(|it| *it.policy());
        let devices = |devices: &Option<KnownDevices>| devices.as_ref().map(|it| *it.policy());
        let trusted = |trusted: &Option<TrustedDevices>| trusted.as_ref().map(|it| *it.policy());
        // Ending the ones would end the others.
        if self.trusted.is_some() && trusted(&self.trusted) == devices(&self.devices) {
            return Err(BuildError::TrustPolicy);
        }
        let Some(owner) = &self.owner else {
            return Ok(());
        };
        if codes(&self.codes) != codes(&owner.codes)
            || devices(&self.devices) != devices(&owner.devices)
            || trusted(&self.trusted) != trusted(&owner.trusted)
        {
            return Err(BuildError::OwnerLacks);
        }
        Ok(())
    }

    /// Every guess is paid for by the account, whichever policy or provider it is tried at: by what everybody
    /// shares, and, for who stole a known device, by what those have beside it.
    fn guess_bound(&self) -> GuessBound {
        let mut budget = self.rows.tokens.account_budget();
        // One pace for all providers, at the best odds among them. What nobody guesses spends none of it.
        let odds = self
            .providers
            .iter()
            .map(|provider| provider.descriptor().odds)
            .filter(Odds::is_guessable);
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
