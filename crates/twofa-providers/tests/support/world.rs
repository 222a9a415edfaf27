//! What the tests share: an engine over a store that fails on demand, a counted provider, an outbox.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use async_trait::async_trait;
use twofa_providers::{
    Attempt, Claim, Context, Descriptor, EmailProvider, EnrolDetails, Enrolled, Enrolment, Limits,
    Odds, OpenFactor, Provider, ProviderError, Requested, Response, TotpProvider, TwoFactor,
    TwoFactorBuilder, TwoFactorError, Verified, VerifyError,
    oath_otp::{Secret, Totp},
    token_delivery::Outbox,
    token_store::{
        Clock, FactorId, FactorStore, ManualClock, Tokens,
        ott_core::{
            Channel, Destination, Handle, KeyRing, Policy, Purpose, Reason, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

pub(crate) use super::watched::{Log, Watched, alice, key_1, key_2, start, subject, wrong};

pub(crate) const EMAIL_CODE: Policy = Policy::code(Purpose::new("email-code"));
pub(crate) const DEVICE: Policy = Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30));
pub(crate) const NOT_ME: Policy = Policy::link(Purpose::new("not-me")).lifetime(TimeDelta::days(7));
pub(crate) const RECOVERY: Policy = Policy::recovery(Purpose::new("recovery-code"));

/// Counts the responses that a provider compared.
pub(crate) struct Counted<P> {
    provider: P,
    evaluated: Arc<AtomicU64>,
}

#[async_trait]
impl<P: Provider> Provider for Counted<P> {
    fn descriptor(&self) -> &Descriptor {
        self.provider.descriptor()
    }

    fn enrols(&self) -> bool {
        self.provider.enrols()
    }

    fn channel(&self) -> Option<Channel> {
        self.provider.channel()
    }

    fn destination(&self, factor: &OpenFactor) -> Option<Destination> {
        self.provider.destination(factor)
    }

    fn odds(&self) -> Odds {
        self.provider.odds()
    }

    async fn available(
        &self,
        subject: &Subject,
        factors: &[OpenFactor],
    ) -> Result<bool, ProviderError> {
        self.provider.available(subject, factors).await
    }

    fn enrol(&self, details: &EnrolDetails<'_>) -> Result<Option<Enrolment>, ProviderError> {
        self.provider.enrol(details)
    }

    async fn request(&self, context: &Context<'_>) -> Result<Requested, ProviderError> {
        self.provider.request(context).await
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        let claim = self.provider.verify(context, response).await;
        let malformed = matches!(
            &claim,
            Err(VerifyError::Rejected(rejected)) if rejected.reason() == Reason::Malformed
        );
        self.evaluated
            .fetch_add(u64::from(!malformed), Ordering::Relaxed);
        claim
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<Watched>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) log: Log,
    pub(crate) outbox: Outbox,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) engine: TwoFactor,
    evaluated: Arc<AtomicU64>,
}

/// An authenticator app: the secret that was shown once.
pub(crate) struct App {
    pub(crate) factor: FactorId,
    secret: Secret,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let store = Arc::new(Watched::default());
        let clock = Arc::new(ManualClock::new(start()));
        Self::over(key_1(), store, clock, limits, |builder| builder)
    }

    /// Another process over the same store and clock, which remembers devices.
    pub(crate) fn beside_knowing(&self, keys: KeyRing) -> Self {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Self::over(keys, store, clock, Limits::default(), |builder| {
            builder.known_devices(&DEVICE)
        })
    }

    /// One that remembers devices.
    pub(crate) fn knowing(limits: Limits) -> Self {
        let store = Arc::new(Watched::default());
        let clock = Arc::new(ManualClock::new(start()));
        Self::over(key_1(), store, clock, limits, |builder| {
            builder.known_devices(&DEVICE)
        })
    }

    /// One that is built further.
    pub(crate) fn built(
        limits: Limits,
        build: impl FnOnce(TwoFactorBuilder) -> TwoFactorBuilder,
    ) -> Self {
        let store = Arc::new(Watched::default());
        let clock = Arc::new(ManualClock::new(start()));
        Self::over(key_1(), store, clock, limits, build)
    }

    /// Another process over the same store and clock.
    pub(crate) fn beside(&self, keys: KeyRing) -> Self {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Self::over(keys, store, clock, Limits::default(), |builder| builder)
    }

    fn over(
        keys: KeyRing,
        store: Arc<Watched>,
        clock: Arc<ManualClock>,
        limits: Limits,
        build: impl FnOnce(TwoFactorBuilder) -> TwoFactorBuilder,
    ) -> Self {
        let (log, outbox) = (Log::default(), Outbox::new(10));
        let tokens = Tokens::builder_shared(keys, Arc::clone(&store))
            .policy(&EMAIL_CODE)
            .policy(&RECOVERY)
            .policy(&DEVICE)
            .policy(&NOT_ME)
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .events(Arc::new(log.clone()))
            .build()
            .expect("a policy that fits")
            .into_shared();
        let evaluated = Arc::default();
        let email = EmailProvider::new(Arc::clone(&tokens), &EMAIL_CODE, Arc::new(outbox.clone()));
        let totp = Counted {
            provider: TotpProvider::new("Example").expect("an issuer"),
            evaluated: Arc::clone(&evaluated),
        };
        let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
        let engine = TwoFactor::builder(Arc::clone(&tokens), factors)
            .provider(totp)
            .provider(email)
            .recovery_codes(&RECOVERY)
            .limits(limits);
        let engine = build(engine)
            .build()
            .expect("a guess bound below the highest");
        Self {
            store,
            clock,
            log,
            outbox,
            tokens,
            engine,
            evaluated,
        }
    }

    /// How many codes of authenticator apps were compared.
    pub(crate) fn evaluated(&self) -> u64 {
        self.evaluated.load(Ordering::Relaxed)
    }

    pub(crate) fn pass(&self, time: TimeDelta) {
        self.clock.advance(time);
    }

    pub(crate) async fn try_enrol(
        &self,
        owner: &Subject,
        label: &str,
        proof: Option<&Verified>,
    ) -> Result<Enrolled, TwoFactorError> {
        let details = EnrolDetails {
            subject: owner,
            account: "alice@example.org",
            destination: None,
        };
        self.engine.enrol("totp", &details, label, proof).await
    }

    /// Enrols an authenticator app, unconfirmed.
    pub(crate) async fn enrol(&self, owner: &Subject, proof: Option<&Verified>) -> App {
        let enrolled = self
            .try_enrol(owner, "phone", proof)
            .await
            .expect("enrolled");
        App::new(&enrolled)
    }

    /// Enrols and confirms an authenticator app, with the code of the present step.
    pub(crate) async fn confirmed(&self, owner: &Subject, proof: Option<&Verified>) -> App {
        let app = self.enrol(owner, proof).await;
        let _ = self
            .confirm(owner, &app, &self.code(&app))
            .await
            .expect("confirmed");
        app
    }

    pub(crate) async fn confirm(
        &self,
        owner: &Subject,
        app: &App,
        typed: &str,
    ) -> Result<Verified, TwoFactorError> {
        let attempt = Attempt::new(owner, "totp").factor(app.factor);
        self.engine.confirm(&attempt, &Response::typed(typed)).await
    }

    /// Verifies with whichever authenticator app made the code.
    pub(crate) async fn verify(
        &self,
        owner: &Subject,
        typed: &str,
    ) -> Result<Verified, TwoFactorError> {
        let attempt = Attempt::new(owner, "totp");
        self.engine.verify(&attempt, &Response::typed(typed)).await
    }

    /// The code that an app shows now.
    pub(crate) fn code(&self, app: &App) -> String {
        self.code_ago(app, 0)
    }

    /// The code that an app showed so many seconds ago.
    pub(crate) fn code_ago(&self, app: &App, seconds: u64) -> String {
        let now = u64::try_from(self.clock.now().timestamp()).expect("after 1970");
        let code = Totp::default().generate(&app.secret, now.saturating_sub(seconds));
        code.expose_secret().to_owned()
    }

    /// A code that no app shows now or showed a step ago.
    pub(crate) fn wrong_code(&self, apps: &[&App]) -> String {
        let shown: Vec<_> = apps
            .iter()
            .flat_map(|app| [self.code(app), self.code_ago(app, 30)])
            .collect();
        let mut codes = ["000000", "111111", "222222", "333333", "444444"].into_iter();
        codes
            .find(|code| !shown.iter().any(|shown| shown == code))
            .expect("four codes are not five")
            .to_owned()
    }

    /// A new proof of the app's owner, by the code of the next step.
    pub(crate) async fn proof(&self, owner: &Subject, app: &App) -> Verified {
        self.pass(TimeDelta::seconds(30));
        let attempt = Attempt::new(owner, "totp").factor(app.factor);
        let typed = self.code(app);
        let verified = self.engine.verify(&attempt, &Response::typed(&typed)).await;
        verified.expect("the right code")
    }

    /// Enrols an e-mail factor, unconfirmed.
    pub(crate) async fn enrol_email(
        &self,
        owner: &Subject,
        address: &str,
        proof: Option<&Verified>,
    ) -> FactorId {
        let address = Destination::email(address).expect("an address");
        let details = EnrolDetails {
            subject: owner,
            account: "alice",
            destination: Some(&address),
        };
        let enrolled = self.engine.enrol("email", &details, "mail", proof).await;
        enrolled.expect("enrolled").factor
    }

    /// Enrols and confirms an e-mail factor.
    pub(crate) async fn confirmed_email(
        &self,
        owner: &Subject,
        address: &str,
        proof: Option<&Verified>,
    ) -> FactorId {
        let factor = self.enrol_email(owner, address, proof).await;
        let attempt = Attempt::new(owner, "email").factor(factor);
        let requested = self
            .engine
            .request_confirmation(&attempt)
            .await
            .expect("sent");
        let handle = requested.handle.expect("a flow");
        let typed = self.sent();
        let attempt = attempt.handle(&handle);
        let confirmed = self
            .engine
            .confirm(&attempt, &Response::typed(&typed))
            .await;
        let _ = confirmed.expect("confirmed");
        factor
    }

    /// Tries a recovery code.
    pub(crate) async fn recover(
        &self,
        owner: &Subject,
        typed: &str,
    ) -> Result<Verified, TwoFactorError> {
        let attempt = Attempt::new(owner, "recovery");
        self.engine.verify(&attempt, &Response::typed(typed)).await
    }

    /// A new set of recovery codes.
    pub(crate) async fn codes(&self, proof: &Verified) -> Vec<String> {
        let codes = self.engine.renew_recovery_codes(proof).await;
        let codes = codes.expect("a new set");
        codes.expose_secrets().map(str::to_owned).collect()
    }

    /// The code that was sent last.
    pub(crate) fn sent(&self) -> String {
        self.outbox
            .last()
            .expect("a message")
            .expose_token()
            .to_owned()
    }
}

impl App {
    pub(crate) fn new(enrolled: &Enrolled) -> Self {
        let shown = enrolled.shown.as_ref().expect("something to scan");
        Self {
            factor: enrolled.factor,
            secret: Secret::from_base32(shown.base32.expose_secret()).expect("base32"),
        }
    }
}

pub(crate) fn reason<T: core::fmt::Debug>(result: Result<T, TwoFactorError>) -> Reason {
    match result {
        Err(TwoFactorError::Rejected(rejected)) => rejected.reason(),
        other => panic!("not a refusal: {other:?}"),
    }
}

pub(crate) fn is_throttled<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::Throttled { .. }))
}

pub(crate) fn is_outage<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::Unavailable(_)))
}

pub(crate) fn needs_proof<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::ProofNeeded))
}
