//! The engine that an application holds.

mod burn;
mod candidates;
mod evidence;
mod judging;
mod paid;
mod paying;
mod prove;
mod request;
mod seals;

use core::fmt;
use std::sync::Arc;

use token_store::{
    StoredFactor, Tokens,
    events::STORE_FAILED,
    ott_core::{GuessBound, Reason, Subject},
};

use crate::{
    attempt::Attempt,
    context::{Context, Occasion},
    descriptor::{Descriptor, Proves},
    device_tokens::DeviceTokens,
    devices::KnownDevices,
    error::TwoFactorError,
    events::DELIVERY_FAILED,
    guard::Guarded,
    limits::Limits,
    open_factor::OpenFactor,
    prompts::Prompts,
    provider::Provider,
    provider_error::ProviderError,
    rows::Rows,
    sheets::Sheets,
    telling::{Telling, Told},
};

/// The second factors of an application: offers, enrols, verifies and removes them.
///
/// It opens seals, spends the limits, asks the provider, and burns what the provider's claim names in one step of the store.
///
/// Where the factor store [charges the limits of the tokens](token_store::FactorStore::charged_factors), a provider that
/// [compares by itself](Descriptor::compares_by_itself) is asked between two round trips instead: one looks at factors and
/// limits, one asks the limits again and burns the code or charges it. Nobody is told what was compared before
/// that step has answered.
///
/// One guess at one factor is one guess: where a response names no factor and several could have
/// made it, each that it is compared with is paid for.
pub struct TwoFactor {
    pub(crate) rows: Rows,
    pub(crate) providers: Vec<Arc<dyn Provider>>,
    pub(crate) limits: Limits,
    pub(crate) sheets: Option<Sheets>,
    pub(crate) devices: Option<KnownDevices>,
    pub(crate) trusted: Option<DeviceTokens>,
    pub(crate) telling: Option<Arc<Telling>>,
    pub(crate) prompts: Option<Prompts>,
    pub(crate) bound: GuessBound,
}

impl TwoFactor {
    /// The providers that a subject may enrol with.
    pub fn providers(&self) -> impl Iterator<Item = &Descriptor> {
        let all = self.providers.iter().map(|provider| provider.descriptor());
        all.filter(|descriptor| descriptor.proves == Proves::Factor)
    }

    /// What an attacker has in a year who knows one account's password, never runs into a limit and stole a
    /// known device: guesses, and the chance that one is right. It covers every policy of the tokens and
    /// every provider. The token of a [trusted device](crate::TrustedDevices) is not guessed; whoever stole one needs no
    /// guess.
    #[must_use]
    pub const fn guess_bound(&self) -> GuessBound {
        self.bound
    }

    pub(crate) fn provider(&self, id: &str) -> Result<&Arc<dyn Provider>, TwoFactorError> {
        let mut all = self.providers.iter();
        let found = all.find(|provider| provider.descriptor().id == id);
        found.ok_or_else(|| Reason::Unknown.into())
    }

    pub(crate) fn telling(&self) -> Option<&Telling> {
        self.telling.as_deref()
    }

    pub(crate) fn guarded(&self) -> Guarded<'_> {
        Guarded {
            rows: &self.rows,
            sheets: self.sheets.as_ref(),
            trusted: self.trusted.as_ref(),
        }
    }

    pub(crate) async fn tell(&self, told: &Told<'_>) {
        if let Some(telling) = self.telling() {
            telling.tell(told).await;
        }
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.rows.tokens
    }

    /// What a provider sees of an attempt.
    pub(crate) fn context<'a>(
        &'a self,
        attempt: &Attempt<'a>,
        occasion: Occasion,
        factor: Option<&'a OpenFactor>,
    ) -> Context<'a> {
        Context {
            tokens: &self.rows.tokens,
            subject: attempt.subject,
            provider: attempt.provider,
            id: factor.map(OpenFactor::id),
            factor,
            occasion,
            epoch: attempt.epoch,
            sign_in: attempt.sign_in,
            operation: attempt.operation,
            handle: attempt.handle,
            network: attempt.network,
            origin: attempt.origin,
            known_device: false,
            now: self.rows.now(),
        }
    }

    /// A provider's outage, told to the events.
    pub(crate) fn provider_failed(
        &self,
        provider: &Descriptor,
        subject: &Subject,
        error: ProviderError,
    ) -> TwoFactorError {
        let name = match &error {
            ProviderError::Delivery(_) => DELIVERY_FAILED,
            ProviderError::Secret | ProviderError::Unavailable(_) => STORE_FAILED,
            ProviderError::Misuse(_) | ProviderError::Tokens(_) => return error.into(),
        };
        let event = self.rows.event(name, subject).verb("provider");
        let event = event.provider(&provider.id);
        self.rows.emit(match provider.policies.first() {
            Some(policy) if name == DELIVERY_FAILED => event.purpose(policy.purpose()),
            _ => event,
        });
        error.into()
    }
}

/// Whether it is this provider's, and stands there.
pub(crate) fn is_of(factor: &StoredFactor, provider: &Descriptor) -> bool {
    factor.provider == *provider.id
}

impl fmt::Debug for TwoFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self
            .providers
            .iter()
            .map(|provider| &provider.descriptor().id)
            .collect();
        f.debug_struct("TwoFactor")
            .field("providers", &ids)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
