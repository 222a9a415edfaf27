//! The engine that an application holds.

mod builder;
mod devices;
mod not_me;
mod prove;
mod renew;
mod spending;
mod telling;

use std::sync::Arc;

use token_store::{
    FactorState, FactorStore, StoreError, StoredFactor, Tokens, What,
    ott_core::{
        Policy, Reason, Subject,
        chrono::{DateTime, Utc},
    },
    seal::{self, SealError, SealedFor},
};

pub(crate) use self::telling::{Origin, Told};
pub use self::{
    builder::TwoFactorBuilder,
    devices::{DeviceView, MOST_KNOWN_DEVICES, RememberedDevice},
    not_me::NotMe,
    telling::AddressChange,
};
use crate::{
    Attempt, Context, Limits, Notices, Occasion, OpenFactor, Provider, ProviderError, Requested,
    Response, TwoFactorError, Verified,
    factors::{is_guarded, is_stale, read_secret},
    recovery,
};

/// The second factors of an application: offers, enrols, verifies and removes them.
///
/// It opens seals, spends the limits before anything is compared, asks the provider, and burns what
/// the provider's claim names in one step of the store.
///
/// One guess at one factor is one guess: where a response names no factor and several could have
/// made it, each that it is compared with is paid for.
pub struct TwoFactor {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) factors: Arc<dyn FactorStore>,
    pub(crate) providers: Vec<Arc<dyn Provider>>,
    pub(crate) limits: Limits,
    pub(crate) recovery: Option<Policy>,
    pub(crate) devices: Option<Policy>,
    pub(crate) notices: Option<Notices>,
}

impl TwoFactor {
    /// Sends what the person needs to answer: a code by e-mail.
    ///
    /// With the flow's earlier handle it is sent again, and what was sent before is void.
    ///
    /// # Errors
    /// [`TwoFactorError`].
    pub async fn request(&self, attempt: &Attempt<'_>) -> Result<Requested, TwoFactorError> {
        self.send(attempt, Occasion::Verify).await
    }

    pub(crate) async fn send(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
    ) -> Result<Requested, TwoFactorError> {
        let (provider, factors) = self.candidates(attempt, occasion).await?;
        let asks = provider.descriptor().request;
        let factor = factors.first().filter(|_| asks).ok_or(Reason::Unknown)?;
        self.pay_request(attempt).await?;
        let requested = provider
            .request(&self.context(attempt, occasion, factor.as_ref()))
            .await;
        requested.map_err(|error| self.provider_failed(error))
    }

    /// Verifies a response, and burns what proved it.
    ///
    /// Of any number of concurrent calls with one code, at most one succeeds.
    ///
    /// # Errors
    /// [`TwoFactorError`]. Whatever it says, nothing was proved.
    pub async fn verify(
        &self,
        attempt: &Attempt<'_>,
        response: &Response<'_>,
    ) -> Result<Verified, TwoFactorError> {
        let verified = self.prove(attempt, Occasion::Verify, response).await?;
        let what = match verified.factor {
            Some(factor) => What::FactorVerified(factor),
            None => What::ProviderVerified(verified.provider),
        };
        self.tokens.emit(Some(attempt.subject), what);
        if verified.provider == recovery::ID {
            self.tell_recovery_used(attempt).await;
        }
        Ok(verified)
    }

    /// The provider, and the factors that the attempt may mean, opened; `None` stands for the subject
    /// as a whole, where the provider has nothing to enrol.
    async fn candidates(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
    ) -> Result<(Arc<dyn Provider>, Vec<Option<OpenFactor>>), TwoFactorError> {
        let provider = self.provider(attempt.provider).ok_or(Reason::Unknown)?;
        let channel = provider.channel();
        if channel.is_some_and(|channel| attempt.used_channels.contains(&channel))
            || attempt.used_providers.contains(&attempt.provider)
        {
            return Err(Reason::Binding.into());
        }
        if !provider.enrols() {
            let whole = occasion == Occasion::Verify && attempt.factor.is_none();
            return Ok((provider, whole.then_some(None).into_iter().collect()));
        }
        let wanted = match occasion {
            Occasion::Confirm => FactorState::Pending,
            Occasion::Verify => FactorState::Active,
        };
        let stored = self.stored(attempt.subject).await?;
        let guarded = is_guarded(&stored);
        let now = self.now();
        let meant = stored.into_iter().filter(|factor| {
            factor.kind == attempt.provider
                && factor.state == wanted
                && !is_stale(factor, now)
                && attempt.factor.is_none_or(|wanted| wanted == factor.id)
        });
        let factors = meant
            .map(|factor| self.open(factor))
            .collect::<Result<Vec<_>, _>>()?;
        if occasion == Occasion::Confirm && guarded && factors.iter().any(|factor| !factor.proved) {
            // Enrolled before there was a factor to prove: by whom, nobody knows.
            return Err(TwoFactorError::ProofNeeded);
        }
        Ok((provider, factors.into_iter().map(Some).collect()))
    }

    pub(crate) fn provider(&self, id: &str) -> Option<Arc<dyn Provider>> {
        self.providers
            .iter()
            .find(|provider| provider.descriptor().id == id)
            .cloned()
    }

    pub(crate) async fn stored(
        &self,
        subject: &Subject,
    ) -> Result<Vec<StoredFactor>, TwoFactorError> {
        let stored = self.factors.factors(subject).await;
        stored.map_err(|error| self.outage("factors", error))
    }

    /// Opens a factor's seal. One that does not open is an outage: the row was edited, and a person
    /// whose factor it is must not be told that there is none.
    pub(crate) fn open(&self, stored: StoredFactor) -> Result<OpenFactor, TwoFactorError> {
        let context = SealedFor {
            subject: &stored.subject,
            factor: &stored.id,
            kind: &stored.kind,
        };
        let keys = self.tokens.issuer().keys();
        let opened = seal::open(keys, &context, &stored.sealed);
        match opened.and_then(|plain| read_secret(plain).ok_or(SealError::Broken)) {
            Ok((proved, secret)) => Ok(OpenFactor {
                id: stored.id,
                label: stored.label,
                last: stored.last,
                proved,
                old_seal: seal::needs_renewal(keys, &stored.sealed).then_some(stored.sealed),
                secret,
            }),
            Err(SealError::KeyMissing(key)) => {
                self.tokens
                    .emit(Some(&stored.subject), What::KeyMissing(key));
                Err(TwoFactorError::KeyMissing(key))
            }
            Err(error) => {
                self.tokens.emit(
                    Some(&stored.subject),
                    What::FactorRefused(stored.id, Reason::TagForged),
                );
                Err(TwoFactorError::Unavailable(error.into()))
            }
        }
    }

    fn context<'a>(
        &self,
        attempt: &Attempt<'a>,
        occasion: Occasion,
        factor: Option<&'a OpenFactor>,
    ) -> Context<'a> {
        let Attempt {
            subject,
            epoch,
            handle,
            ..
        } = *attempt;
        Context {
            subject,
            factor,
            occasion,
            epoch,
            handle,
            now: self.tokens.now(),
        }
    }

    /// An outage of a store, told to the events.
    pub(crate) fn outage(&self, verb: &'static str, error: StoreError) -> TwoFactorError {
        self.tokens.emit(None, What::StoreFailed(verb));
        error.into()
    }

    pub(crate) fn provider_failed(&self, error: ProviderError) -> TwoFactorError {
        if matches!(error, ProviderError::Secret | ProviderError::Unavailable(_)) {
            self.tokens.emit(None, What::StoreFailed("provider"));
        }
        error.into()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.tokens.now()
    }
}

impl core::fmt::Debug for TwoFactor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let providers: Vec<_> = self
            .providers
            .iter()
            .map(|provider| provider.descriptor().id)
            .collect();
        f.debug_struct("TwoFactor")
            .field("providers", &providers)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
