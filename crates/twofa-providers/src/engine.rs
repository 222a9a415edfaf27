//! The engine that an application holds.

use std::sync::Arc;

use token_store::{
    Advanced, Charge, FactorId, FactorState, FactorStore, Spent, StoreError, StoredFactor, Tokens,
    What,
    ott_core::{
        Channel, GuessBound, Handle, LimitKey, Reason, Rejected, Subject,
        chrono::{DateTime, Utc},
    },
    seal::{self, SealError, SealedFor},
};

use crate::{
    BuildError, Claim, Context, Limits, Occasion, OpenFactor, Provider, ProviderError, Requested,
    Response, TwoFactorError, Verified, VerifyError,
    factors::{is_guarded, is_stale, read_secret},
    limits::Price,
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
}

/// Builds [`TwoFactor`].
pub struct TwoFactorBuilder {
    tokens: Arc<Tokens>,
    factors: Arc<dyn FactorStore>,
    providers: Vec<Arc<dyn Provider>>,
    limits: Limits,
    accepted_bound: Option<u64>,
}

impl TwoFactorBuilder {
    /// Adds a provider.
    #[must_use]
    pub fn provider(mut self, provider: impl Provider + 'static) -> Self {
        self.providers.push(Arc::new(provider));
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
    /// [`BuildError`] if two providers share an id, or if an attacker who knows the password and
    /// stays under the limits guesses right with more than 10⁻³ a year: it names the figure.
    pub fn build(self) -> Result<TwoFactor, BuildError> {
        let Self {
            tokens,
            factors,
            providers,
            limits,
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
        // Every guess is paid for by the subject, at whichever factor the odds are best.
        let guesses = limits
            .pace
            .most_in_a_year()
            .min(limits.allowance.most_in_a_year());
        let odds = providers.iter().map(|provider| provider.odds());
        let bounds = odds.map(|odds| GuessBound::new(guesses, odds.valid, odds.code_space));
        bounds.max().unwrap_or_default().check(accepted_bound)?;
        Ok(TwoFactor {
            tokens,
            factors,
            providers,
            limits,
        })
    }
}

/// A try at a second factor: whose, with what, from where.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) provider: &'a str,
    pub(crate) factor: Option<FactorId>,
    pub(crate) handle: Option<&'a Handle>,
    pub(crate) epoch: Option<u64>,
    pub(crate) address: Option<&'a str>,
    pub(crate) used_channels: &'a [Channel],
}

impl<'a> Attempt<'a> {
    /// A try of this subject with the provider of this id.
    #[must_use]
    pub const fn new(subject: &'a Subject, provider: &'a str) -> Self {
        Self {
            subject,
            provider,
            factor: None,
            handle: None,
            epoch: None,
            address: None,
            used_channels: &[],
        }
    }

    /// At this factor, and no other.
    #[must_use]
    pub const fn factor(self, factor: FactorId) -> Self {
        Self {
            factor: Some(factor),
            ..self
        }
    }

    /// In the flow that [`TwoFactor::request`] started.
    #[must_use]
    pub const fn handle(self, handle: &'a Handle) -> Self {
        Self {
            handle: Some(handle),
            ..self
        }
    }

    /// Under this credential epoch of the account.
    #[must_use]
    pub const fn epoch(self, epoch: u64) -> Self {
        Self {
            epoch: Some(epoch),
            ..self
        }
    }

    /// From this network address, normalised by the caller (an IPv6 address as its /64).
    #[must_use]
    pub const fn address(self, address: &'a str) -> Self {
        Self {
            address: Some(address),
            ..self
        }
    }

    /// After steps that used these channels: none of them counts again.
    #[must_use]
    pub const fn used_channels(self, channels: &'a [Channel]) -> Self {
        Self {
            used_channels: channels,
            ..self
        }
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
            accepted_bound: None,
        }
    }

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
        let factor = factors.first().ok_or(Reason::Unknown)?;
        self.spend(
            attempt,
            &self.limits.of_request(attempt.subject, attempt.address),
        )
        .await?;
        let requested = provider
            .request(&self.context(attempt, occasion, factor))
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
        let (factor, provider, channel) = self.prove(attempt, Occasion::Verify, response).await?;
        self.tokens
            .emit(Some(attempt.subject), What::FactorVerified(factor));
        Ok(Verified {
            subject: attempt.subject.clone(),
            factor,
            provider,
            channel,
            at: self.tokens.now(),
        })
    }

    /// Tries the response at each candidate in turn, paying for each.
    pub(crate) async fn prove(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        response: &Response<'_>,
    ) -> Result<(FactorId, &'static str, Option<Channel>), TwoFactorError> {
        let (provider, factors) = self.candidates(attempt, occasion).await?;
        let id = provider.descriptor().id;
        let mut refusal = TwoFactorError::from(Reason::Unknown);
        let mut paid = Vec::new();
        for factor in &factors {
            let price = self
                .limits
                .of_guess(attempt.subject, &factor.id, attempt.address);
            match self
                .prove_one(attempt, occasion, &*provider, factor, response, &price)
                .await
            {
                Ok(()) => {
                    self.give_back_all(&price, &paid).await;
                    return Ok((factor.id, id, provider.channel()));
                }
                Err(NotProved::Refused(rejected, cost)) => {
                    self.tokens.emit(
                        Some(attempt.subject),
                        What::FactorRefused(factor.id, rejected.reason()),
                    );
                    refusal = TwoFactorError::Rejected(rejected);
                    if cost == Cost::Paid {
                        paid.push(price.ceiling);
                    }
                }
                Err(NotProved::Failed(error)) => return Err(error),
            }
        }
        Err(refusal)
    }

    async fn prove_one(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        provider: &dyn Provider,
        factor: &OpenFactor,
        response: &Response<'_>,
        price: &Price,
    ) -> Result<(), NotProved> {
        self.spend_guess(attempt, factor, price).await?;
        let verified = provider
            .verify(&self.context(attempt, occasion, factor), response)
            .await;
        let claim = match verified {
            Ok(claim) => claim,
            Err(VerifyError::Provider(error)) => return Err(self.provider_failed(error).into()),
            Err(VerifyError::Rejected(rejected)) if rejected.reason() == Reason::Malformed => {
                // Nothing was compared, so nothing was learnt: a slip of the finger is free.
                self.give_back(&price.whole(), 1).await;
                return Err(NotProved::Refused(rejected, Cost::Free));
            }
            Err(VerifyError::Rejected(rejected)) => {
                return Err(NotProved::Refused(rejected, Cost::Paid));
            }
        };
        match self.burn(attempt, occasion, factor, claim).await {
            Err(TwoFactorError::Rejected(rejected)) => {
                Err(NotProved::Refused(rejected, Cost::Paid))
            }
            Err(TwoFactorError::KeyMissing(key)) => {
                // The store compared nothing.
                self.give_back(&price.whole(), 1).await;
                Err(TwoFactorError::KeyMissing(key).into())
            }
            burnt => Ok(burnt?),
        }
    }

    /// After a success: clears the factor's ceiling, and gives back what this very try spent, at the
    /// candidates before it too. Else who uses the second of two authenticators would, by nothing
    /// but successes, disable the first and run out of tries.
    async fn give_back_all(&self, price: &Price, paid: &[Charge]) {
        let tries = u32::try_from(paid.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        self.give_back(&price.timed, tries).await;
        self.give_back(paid, 1).await;
        let cleared = self.tokens.limits().clear(&price.ceiling.key).await;
        cleared.unwrap_or_else(|_| self.tokens.emit(None, What::StoreFailed("clear")));
    }

    /// The answer stands whether or not this succeeds: losing a proof for a limit that was not given
    /// back would help nobody.
    async fn give_back(&self, charges: &[Charge], times: u32) {
        if charges.is_empty() {
            return;
        }
        let refunded = self.tokens.limits().refund(charges, times).await;
        refunded.unwrap_or_else(|_| self.tokens.emit(None, What::StoreFailed("refund")));
    }

    /// Performs a claim: the one place where a code stops being good.
    async fn burn(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
        factor: &OpenFactor,
        claim: Claim,
    ) -> Result<(), TwoFactorError> {
        let now = self.tokens.now();
        let counter = match claim {
            Claim::Advance {
                factor: claimed,
                counter,
            } if claimed == factor.id => Some(counter),
            Claim::Advance { .. } => {
                return Err(TwoFactorError::Misuse("a provider claimed another factor"));
            }
            Claim::Redeem { policy, presented } => {
                let tokens = self.tokens.without_limits("the engine spent its own");
                let record = tokens.redeem(&policy, &presented).await?;
                if record.stored().owner().as_ref() != Some(attempt.subject) {
                    return Err(TwoFactorError::Misuse("a provider claimed another's token"));
                }
                None
            }
        };
        let advanced = match (occasion, counter) {
            (Occasion::Confirm, _) => self.factors.confirm(&factor.id, counter, now).await,
            (Occasion::Verify, Some(counter)) => {
                self.factors.advance(&factor.id, counter, now).await
            }
            (Occasion::Verify, None) => Ok(Advanced::Accepted),
        };
        match advanced.map_err(|error| self.outage("advance", error))? {
            Advanced::Accepted => Ok(()),
            Advanced::Replayed => Err(Reason::Spent.into()),
            // Removed, disabled or confirmed by somebody else in the meantime.
            Advanced::Absent => Err(Reason::Revoked.into()),
        }
    }

    /// The provider, and the factors that the attempt may mean, opened.
    async fn candidates(
        &self,
        attempt: &Attempt<'_>,
        occasion: Occasion,
    ) -> Result<(Arc<dyn Provider>, Vec<OpenFactor>), TwoFactorError> {
        let provider = self.provider(attempt.provider).ok_or(Reason::Unknown)?;
        if provider
            .channel()
            .is_some_and(|channel| attempt.used_channels.contains(&channel))
        {
            return Err(Reason::Binding.into());
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
        Ok((provider, factors))
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
        let opened = seal::open(self.tokens.issuer().keys(), &context, &stored.sealed);
        match opened.and_then(|plain| read_secret(&plain).ok_or(SealError::Broken)) {
            Ok((proved, secret)) => Ok(OpenFactor {
                id: stored.id,
                label: stored.label,
                last: stored.last,
                proved,
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
        factor: &'a OpenFactor,
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

    async fn spend_guess(
        &self,
        attempt: &Attempt<'_>,
        factor: &OpenFactor,
        price: &Price,
    ) -> Result<(), NotProved> {
        match self.spend(attempt, &price.whole()).await {
            Err(Overspent::Locked(key)) if key == price.ceiling.key => {
                self.disable(attempt.subject, &factor.id).await?;
                let exhausted = Rejected::new(Reason::Exhausted);
                Err(NotProved::Refused(exhausted, Cost::Free))
            }
            other => Ok(other.map_err(TwoFactorError::from)?),
        }
    }

    async fn spend(&self, attempt: &Attempt<'_>, charges: &[Charge]) -> Result<(), Overspent> {
        let spent = self.tokens.limits().spend(charges, self.now()).await;
        let (key, at) = match spent.map_err(|error| self.outage("spend", error))? {
            Spent::Allowed => return Ok(()),
            Spent::Locked(key) => (key, None),
            Spent::RetryAt(key, at) => (key, Some(at)),
        };
        self.tokens
            .emit(Some(attempt.subject), What::Throttled("second-factor", at));
        // Nothing will be compared: who hammers a reached limit must not use up the subject's pace.
        // What the address spent stays spent.
        let of_subject = charges.iter().skip(usize::from(attempt.address.is_some()));
        let before = of_subject.take_while(|charge| charge.key != key).copied();
        let refused_by_address = charges.first().is_some_and(|first| first.key == key);
        if !refused_by_address {
            self.give_back(&before.collect::<Vec<_>>(), 1).await;
        }
        Err(at.map_or(Overspent::Locked(key), Overspent::RetryAt))
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

/// Whether a refusal was paid for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cost {
    Free,
    Paid,
}

/// Why one candidate did not prove it: the next may, or nothing goes on.
enum NotProved {
    Refused(Rejected, Cost),
    Failed(TwoFactorError),
}

impl From<TwoFactorError> for NotProved {
    fn from(error: TwoFactorError) -> Self {
        Self::Failed(error)
    }
}

/// Why nothing was spent.
enum Overspent {
    Failed(TwoFactorError),
    Locked(LimitKey),
    RetryAt(DateTime<Utc>),
}

impl From<TwoFactorError> for Overspent {
    fn from(error: TwoFactorError) -> Self {
        Self::Failed(error)
    }
}

impl From<Overspent> for TwoFactorError {
    fn from(overspent: Overspent) -> Self {
        match overspent {
            Overspent::Failed(error) => error,
            Overspent::Locked(_) => Self::Throttled { retry_at: None },
            Overspent::RetryAt(at) => Self::Throttled { retry_at: Some(at) },
        }
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

impl core::fmt::Debug for TwoFactorBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TwoFactorBuilder")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
