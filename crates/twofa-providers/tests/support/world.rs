//! What the tests share: an engine over a store that fails on demand, a counted provider, an outbox.
#![allow(dead_code, unused_imports, reason = "each test file uses a part of it")]

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use async_trait::async_trait;
use twofa_providers::{
    Asked, Attempt, Claim, CodeProvider, Context, Descriptor, EnrolDetails, Enrolled, Enrolment,
    Existing, Holder, Import, Imported, KnownDevices, Limits, Notices, Owner, Proof, Proofs,
    Provider, ProviderError, RecoveryCodes, Response, TotpProvider, TwoFactor, TwoFactorBuilder,
    TwoFactorError, VerifyError,
    oath_otp::{Secret, Totp},
    token_delivery::Outbox,
    token_store::{
        Clock, FactorId, FactorStore, ManualClock, Tokens,
        ott_core::{
            Destination, Handle, KeyRing, Limit, Policy, Purpose, Reason, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

pub(crate) use super::watched::{Log, Watched, alice, key_1, key_2, start, subject, wrong};

pub(crate) const EMAIL_CODE: Policy = Policy::code(Purpose::new("email-code"));
pub(crate) const DEVICE: Policy = Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30));
pub(crate) const NOT_ME: Policy = Policy::link(Purpose::new("not-me")).lifetime(TimeDelta::days(7));
pub(crate) const PARKED: Policy = Policy::parked(Purpose::new("second-factor-proof"));
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

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        self.provider.form(context, response)
    }

    async fn request(&self, context: &Context<'_>) -> Result<Asked, ProviderError> {
        self.provider.request(context).await
    }

    async fn enrol(
        &self,
        context: &Context<'_>,
        details: &EnrolDetails<'_>,
    ) -> Result<Enrolment, ProviderError> {
        self.provider.enrol(context, details).await
    }

    fn import(&self, existing: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        self.provider.import(existing)
    }

    async fn available(&self, context: &Context<'_>) -> Result<bool, ProviderError> {
        self.provider.available(context).await
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        self.evaluated.fetch_add(1, Ordering::Relaxed);
        self.provider.verify(context, response).await
    }
}

/// What a world is made of beside its store.
#[derive(Clone, Default)]
pub(crate) struct Plan {
    pub(crate) limits: Limits,
    /// The account's, where it is not the default.
    pub(crate) allowance: Option<Limit>,
    pub(crate) knows_devices: bool,
    pub(crate) notices: Option<Notices>,
}

pub(crate) struct World {
    pub(crate) store: Arc<Watched>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) log: Log,
    pub(crate) outbox: Outbox,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) engine: TwoFactor,
    pub(crate) recovery: RecoveryCodes,
    pub(crate) proofs: Proofs,
    known: Option<KnownDevices>,
    told: Option<Owner>,
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
        Self::planned(&Plan {
            limits,
            ..Plan::default()
        })
    }

    /// One that remembers devices.
    pub(crate) fn knowing(limits: Limits) -> Self {
        Self::planned(&Plan {
            limits,
            knows_devices: true,
            ..Plan::default()
        })
    }

    pub(crate) fn planned(plan: &Plan) -> Self {
        let store = Arc::new(Watched::default());
        let clock = Arc::new(ManualClock::new(start()));
        Self::over(key_1(), store, clock, plan)
    }

    /// Another process over the same store and clock.
    pub(crate) fn beside(&self, keys: KeyRing) -> Self {
        self.beside_planned(keys, &Plan::default())
    }

    /// Another process over the same store and clock, which remembers devices.
    pub(crate) fn beside_knowing(&self, keys: KeyRing) -> Self {
        let plan = Plan {
            knows_devices: true,
            ..Plan::default()
        };
        self.beside_planned(keys, &plan)
    }

    fn beside_planned(&self, keys: KeyRing, plan: &Plan) -> Self {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Self::over(keys, store, clock, plan)
    }

    fn over(keys: KeyRing, store: Arc<Watched>, clock: Arc<ManualClock>, plan: &Plan) -> Self {
        let (log, outbox) = (Log::default(), Outbox::new(10));
        let mut builder = Tokens::builder_shared(keys, Arc::clone(&store))
            .policy(&EMAIL_CODE)
            .policy(&RECOVERY)
            .policy(&DEVICE)
            .policy(&NOT_ME)
            .policy(&PARKED)
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .events(Arc::new(log.clone()));
        if let Some(allowance) = plan.allowance {
            builder = builder.allowance(allowance);
        }
        let tokens = builder.build().expect("policies that fit").shared();
        let evaluated = Arc::default();
        let email = CodeProvider::email(&EMAIL_CODE, Arc::new(outbox.clone())).expect("it sends");
        let totp = Counted {
            provider: TotpProvider::new("Example").expect("an issuer"),
            evaluated: Arc::clone(&evaluated),
        };
        let factors = Arc::clone(&store) as Arc<dyn FactorStore>;
        let recovery = RecoveryCodes::new(&tokens, &RECOVERY).expect("it fits");
        let devices = KnownDevices::new(&tokens, &DEVICE).expect("it fits");
        let known = plan.knows_devices.then_some(devices);
        let told = plan.notices.clone().map(|notices| {
            let owner = Owner::new(&tokens, Arc::clone(&factors), notices).expect("it fits");
            let owner = owner.recovery_codes(&recovery);
            match &known {
                Some(devices) => owner.known_devices(devices),
                None => owner,
            }
        });
        let mut engine = TwoFactor::builder(Arc::clone(&tokens), factors)
            .provider(totp)
            .provider(email)
            .recovery_codes(&recovery)
            .limits(plan.limits);
        if let Some(devices) = &known {
            engine = engine.known_devices(devices);
        }
        if let Some(owner) = &told {
            engine = engine.owner(owner);
        }
        let engine = engine.build().expect("a guess bound below the highest");
        Self {
            proofs: Proofs::new(&tokens, &PARKED).expect("it fits"),
            store,
            clock,
            log,
            outbox,
            tokens,
            engine,
            recovery,
            known,
            told,
            evaluated,
        }
    }

    pub(crate) fn devices(&self) -> &KnownDevices {
        self.known.as_ref().expect("it remembers devices")
    }

    pub(crate) fn owner(&self) -> &Owner {
        self.told.as_ref().expect("it tells owners")
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
        proof: Option<&Proof>,
    ) -> Result<Enrolled, TwoFactorError> {
        let details = EnrolDetails::new(owner, "alice@example.org");
        self.enrol_with("totp", &details, label, proof).await
    }

    /// Enrols behind this proof.
    pub(crate) async fn enrol_with(
        &self,
        provider: &str,
        details: &EnrolDetails<'_>,
        label: &str,
        proof: Option<&Proof>,
    ) -> Result<Enrolled, TwoFactorError> {
        let Some(proof) = proof else {
            return self.engine.enrol(provider, details, label, None).await;
        };
        let fresh = self.engine.fresh(details.subject, proof).await?;
        self.engine
            .enrol(provider, details, label, Some(&fresh))
            .await
    }

    /// Removes behind this proof, unless it is the last.
    pub(crate) async fn remove(
        &self,
        proof: &Proof,
        factor: &FactorId,
    ) -> Result<(), TwoFactorError> {
        let fresh = self.engine.fresh(proof.subject(), proof).await?;
        self.engine.remove(&fresh, factor).await
    }

    /// Removes behind this proof.
    pub(crate) async fn remove_last_too(
        &self,
        proof: &Proof,
        factor: &FactorId,
    ) -> Result<(), TwoFactorError> {
        let fresh = self.engine.fresh(proof.subject(), proof).await?;
        self.engine.remove_last_too(&fresh, factor).await
    }

    /// Renames behind this proof.
    pub(crate) async fn rename(
        &self,
        proof: &Proof,
        factor: &FactorId,
        label: &str,
    ) -> Result<(), TwoFactorError> {
        let fresh = self.engine.fresh(proof.subject(), proof).await?;
        self.engine.rename(&fresh, factor, label).await
    }

    /// Enrols an authenticator app, unconfirmed.
    pub(crate) async fn enrol(&self, owner: &Subject, proof: Option<&Proof>) -> App {
        let enrolled = self
            .try_enrol(owner, "phone", proof)
            .await
            .expect("enrolled");
        App::new(&enrolled)
    }

    /// Enrols and confirms an authenticator app, with the code of the present step.
    pub(crate) async fn confirmed(&self, owner: &Subject, proof: Option<&Proof>) -> App {
        let app = self.enrol(owner, proof).await;
        let _ = self
            .confirm(owner, &app, &self.code(&app))
            .await
            .expect("confirmed");
        app
    }

    /// An authenticator app beside what the account has.
    pub(crate) async fn confirmed_beside(&self, owner: &Subject) -> App {
        let secret = Secret::from_bytes(&[9; 20]).expect("long enough");
        let totp = Totp::default();
        let existing = Existing::Totp(&totp, &secret);
        let import = Import::new(owner, "beside", "beside", existing);
        let imported = self.engine.import("totp", &import).await;
        let Imported::New(factor) = imported.expect("imported") else {
            panic!("it was there");
        };
        App { factor, secret }
    }

    pub(crate) async fn confirm(
        &self,
        owner: &Subject,
        app: &App,
        typed: &str,
    ) -> Result<Proof, TwoFactorError> {
        let attempt = Attempt::new(owner, "totp").factor(app.factor);
        self.engine.confirm(&attempt, &Response::typed(typed)).await
    }

    /// Verifies with whichever authenticator app made the code.
    pub(crate) async fn verify(
        &self,
        owner: &Subject,
        typed: &str,
    ) -> Result<Proof, TwoFactorError> {
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
    pub(crate) async fn proof(&self, owner: &Subject, app: &App) -> Proof {
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
        proof: Option<&Proof>,
    ) -> FactorId {
        let address = Destination::email(address).expect("an address");
        let details = EnrolDetails::new(owner, "alice").destination(&address);
        let enrolled = self.enrol_with("email", &details, "mail", proof).await;
        enrolled.expect("enrolled").factor
    }

    /// Enrols and confirms an e-mail factor.
    pub(crate) async fn confirmed_email(
        &self,
        owner: &Subject,
        address: &str,
        proof: Option<&Proof>,
    ) -> FactorId {
        let factor = self.enrol_email(owner, address, proof).await;
        let attempt = Attempt::new(owner, "email").factor(factor);
        let requested = self.engine.request(&attempt).await.expect("sent");
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
    ) -> Result<Proof, TwoFactorError> {
        let attempt = Attempt::new(owner, "recovery");
        self.engine.verify(&attempt, &Response::typed(typed)).await
    }

    /// A new set of recovery codes, behind this proof.
    pub(crate) async fn try_codes(
        &self,
        proof: &Proof,
    ) -> Result<twofa_providers::RecoverySheet, TwoFactorError> {
        let fresh = self.engine.fresh(proof.subject(), proof).await?;
        self.recovery.renew(&fresh).await
    }

    /// Remembers a device, behind this proof.
    pub(crate) async fn remember(
        &self,
        proof: &Proof,
        label: &str,
    ) -> Result<twofa_providers::RememberedDevice, TwoFactorError> {
        let fresh = self.engine.fresh(proof.subject(), proof).await?;
        self.devices().remember(&fresh, label).await
    }

    /// A new set of recovery codes.
    pub(crate) async fn codes(&self, proof: &Proof) -> Vec<String> {
        let codes = self.try_codes(proof).await.expect("a new set");
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
        let shown = enrolled.provisioning.as_ref().expect("something to scan");
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
