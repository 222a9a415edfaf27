//! An engine over a watched store, a counted provider, an outbox.

#![expect(clippy::missing_errors_doc, reason = "they are the engine's")]

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use async_trait::async_trait;
use twofa_providers::{
    Asked, Attempt, Claim, CodeProvider, Context, Descriptor, EnrolDetails, Enrolled, Enrolment,
    Existing, Fresh, Import, Imported, KnownDevices, Limits, NewDevice, Notices, Owner, Prompts,
    Proof, Proofs, Provider, ProviderError, RecoveryCodes, Response, SignInId, TRUST, TotpProvider,
    TrustedDevices, TwoFactor, TwoFactorError, UNDO_WITHIN, VerifyError,
    oath_otp::{Secret, Totp},
    token_delivery::Outbox,
    token_store::{
        Clock, FactorId, FactorStore, ManualClock, Tokens,
        ott_core::{
            Destination, KeyRing, Limit, Policy, Purpose, Reason, SlotRule, Subject,
            chrono::TimeDelta,
        },
    },
};

use crate::{Log, Place, Watched, key_1, start};

/// Codes by e-mail.
pub const EMAIL_CODE: Policy = Policy::code(Purpose::new("email-code"));
/// Tokens of known devices.
pub const DEVICE: Policy = Policy::bearer(Purpose::new("known-device"), TimeDelta::days(30));
/// Tokens of trusted devices.
pub const TRUSTED: Policy = Policy::bearer(Purpose::new("trusted-device"), TRUST);
/// Links to disown a sign-in.
pub const NOT_ME: Policy = Policy::link(Purpose::new("not-me")).lifetime(UNDO_WITHIN);
/// What proofs are kept under.
pub const PARKED: Policy = Policy::parked(Purpose::new("second-factor-proof"));
/// Recovery codes.
pub const RECOVERY: Policy =
    Policy::recovery(Purpose::new("recovery-code")).slot(SlotRule::Nothing);

/// Counts the responses that a provider compared.
#[derive(Debug)]
pub struct Counted<P> {
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
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The engine's.
    pub limits: Limits,
    /// The account's, where it is not the default.
    pub allowance: Option<Limit>,
    /// Whether it remembers devices.
    pub knows_devices: bool,
    /// Whether devices may be trusted.
    pub trusts_devices: bool,
    /// How owners are told, if they are.
    pub notices: Option<Notices>,
    /// Under which policy it asks on another device, if it does.
    pub prompts: Option<Policy>,
    /// Whether a prompt that names no device goes to each.
    pub every_device: bool,
    /// Whether a device has a key of its own.
    pub keys_only: bool,
    /// How many people approve what is asked of several, under the policy that comes last; nobody else's where none is
    /// said.
    pub several: Option<usize>,
    /// What the application issues beside it.
    pub policies: Vec<Policy>,
}

/// An engine, and what is around it.
#[derive(Debug)]
pub struct World {
    /// What is watched.
    pub store: Arc<Watched>,
    /// The time, which only the test moves.
    pub clock: Arc<ManualClock>,
    /// What was told.
    pub log: Log,
    /// What was sent.
    pub outbox: Outbox,
    /// What the engine keeps its tokens with.
    pub tokens: Arc<Tokens>,
    /// What is tested.
    pub engine: TwoFactor,
    /// Its recovery codes.
    pub recovery: RecoveryCodes,
    /// Proofs between two requests.
    pub proofs: Proofs,
    known: Option<KnownDevices>,
    trusted: Option<TrustedDevices>,
    told: Option<Owner>,
    asks: Option<Prompts>,
    evaluated: Arc<AtomicU64>,
}

/// An authenticator app: the secret that was shown once.
#[derive(Debug)]
pub struct App {
    /// As which it was enrolled.
    pub factor: FactorId,
    secret: Secret,
}

impl World {
    /// One in this place.
    pub async fn new(place: Place) -> Self {
        Self::with(place, Limits::default()).await
    }

    /// One with these limits.
    pub async fn with(place: Place, limits: Limits) -> Self {
        let plan = Plan {
            limits,
            ..Plan::default()
        };
        Self::planned(place, &plan).await
    }

    /// One that remembers devices.
    pub async fn knowing(place: Place, limits: Limits) -> Self {
        let plan = Plan {
            limits,
            knows_devices: true,
            ..Plan::default()
        };
        Self::planned(place, &plan).await
    }

    /// One that is built like this.
    pub async fn planned(place: Place, plan: &Plan) -> Self {
        let store = Arc::new(Watched::new(place).await);
        let clock = Arc::new(ManualClock::new(start()));
        Self::over(key_1(), store, clock, plan)
    }

    /// Another process over the same store and clock.
    pub fn beside(&self, keys: KeyRing) -> Self {
        self.beside_planned(keys, &Plan::default())
    }

    /// Another process over the same store and clock, which remembers devices.
    pub fn beside_knowing(&self, keys: KeyRing) -> Self {
        let plan = Plan {
            knows_devices: true,
            ..Plan::default()
        };
        self.beside_planned(keys, &plan)
    }

    /// Another process over the same store and clock, built like this.
    pub fn beside_planned(&self, keys: KeyRing, plan: &Plan) -> Self {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Self::over(keys, store, clock, plan)
    }

    fn over(keys: KeyRing, store: Arc<Watched>, clock: Arc<ManualClock>, plan: &Plan) -> Self {
        let (log, outbox) = (Log::default(), Outbox::new(1_000));
        let mut builder = Tokens::builder_shared(keys, Arc::clone(&store))
            .policy(&EMAIL_CODE)
            .policy(&RECOVERY)
            .policy(&DEVICE)
            .policy(&TRUSTED)
            .policy(&NOT_ME)
            .policy(&PARKED)
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
            .events(Arc::new(log.clone()));
        for policy in plan.policies.iter().chain(&plan.prompts) {
            builder = builder.policy(policy);
        }
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
        let recovery =
            RecoveryCodes::new(&tokens, Arc::clone(&factors), &RECOVERY).expect("it fits");
        let devices = KnownDevices::new(&tokens, &DEVICE).expect("it fits");
        let known = plan.knows_devices.then_some(devices);
        let trusted = TrustedDevices::new(&tokens, &TRUSTED).expect("it fits");
        let trusted = plan.trusts_devices.then_some(trusted);
        let told = plan.notices.clone().map(|notices| {
            let owner = Owner::new(&tokens, Arc::clone(&factors), notices).expect("it fits");
            let mut owner = owner.recovery_codes(&recovery);
            if let Some(devices) = &known {
                owner = owner.known_devices(devices);
            }
            if let Some(devices) = &trusted {
                owner = owner.trusted_devices(devices);
            }
            owner
        });
        let mut engine = TwoFactor::builder(Arc::clone(&tokens), factors)
            .provider(totp)
            .provider(email)
            .recovery_codes(&recovery)
            .limits(plan.limits);
        if let Some(devices) = &known {
            engine = engine.known_devices(devices);
        }
        if let Some(devices) = &trusted {
            engine = engine.trusted_devices(devices);
        }
        if let Some(owner) = &told {
            engine = engine.owner(owner);
        }
        let asks = plan.prompts.map(|policy| {
            let store = Arc::clone(&store) as Arc<dyn FactorStore>;
            let prompts = Prompts::new(&tokens, Arc::clone(&store), &policy)
                .or_else(|_| Prompts::accepting_no_number(&tokens, store, &policy));
            let push = Arc::new(outbox.clone());
            let prompts = prompts.map(|prompts| match plan.every_device {
                true => prompts.every_device(),
                false => prompts,
            });
            let prompts = prompts.map(|prompts| match plan.keys_only {
                true => prompts.keys_only(),
                false => prompts,
            });
            let prompts = prompts.and_then(|prompts| match (plan.several, plan.policies.last()) {
                (Some(needed), Some(policy)) => prompts.quorum(policy, needed),
                _ => Ok(prompts),
            });
            prompts
                .and_then(|prompts| prompts.push(push))
                .expect("it fits")
        });
        if let Some(prompts) = &asks {
            engine = engine.prompts(prompts);
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
            trusted,
            told,
            asks,
            evaluated,
        }
    }

    /// Its known devices.
    pub fn devices(&self) -> &KnownDevices {
        self.known.as_ref().expect("it remembers devices")
    }

    /// Its trusted devices.
    pub fn trusted(&self) -> &TrustedDevices {
        self.trusted.as_ref().expect("it trusts devices")
    }

    /// Who tells owners.
    pub fn owner(&self) -> &Owner {
        self.told.as_ref().expect("it tells owners")
    }

    /// Its prompts.
    pub fn prompts(&self) -> &Prompts {
        self.asks.as_ref().expect("it asks on another device")
    }

    /// How many codes of authenticator apps were compared.
    pub fn evaluated(&self) -> u64 {
        self.evaluated.load(Ordering::Relaxed)
    }

    /// Lets this much time pass.
    pub fn pass(&self, time: TimeDelta) {
        self.clock.advance(time);
    }

    /// Enrols an authenticator app, unconfirmed, if it may.
    pub async fn try_enrol(
        &self,
        owner: &Subject,
        label: &str,
        proof: Option<&Proof>,
    ) -> Result<Enrolled, TwoFactorError> {
        let details = EnrolDetails::new(owner, "alice@example.org");
        self.enrol_with("totp", &details, label, proof).await
    }

    /// Enrols behind this proof.
    pub async fn enrol_with(
        &self,
        provider: &str,
        details: &EnrolDetails<'_>,
        label: &str,
        proof: Option<&Proof>,
    ) -> Result<Enrolled, TwoFactorError> {
        let Some(proof) = proof else {
            return self.engine.enrol(provider, details, label, None).await;
        };
        let fresh = self.fresh(details.subject, proof).await?;
        self.engine
            .enrol(provider, details, label, Some(&fresh))
            .await
    }

    /// The proof as evidence, where the account's epoch is still the proof's.
    pub async fn fresh<'a>(
        &'a self,
        owner: &Subject,
        proof: &'a Proof,
    ) -> Result<Fresh<'a>, TwoFactorError> {
        self.engine.fresh(owner, proof.epoch(), proof).await
    }

    /// Removes behind this proof, unless it is the last.
    pub async fn remove(&self, proof: &Proof, factor: &FactorId) -> Result<(), TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.engine.remove(&fresh, factor).await
    }

    /// Removes behind this proof.
    pub async fn remove_last_too(
        &self,
        proof: &Proof,
        factor: &FactorId,
    ) -> Result<(), TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.engine.remove_last_too(&fresh, factor).await
    }

    /// Renames behind this proof.
    pub async fn rename(
        &self,
        proof: &Proof,
        factor: &FactorId,
        label: &str,
    ) -> Result<(), TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.engine.rename(&fresh, factor, label).await
    }

    /// Enrols an authenticator app, unconfirmed.
    pub async fn enrol(&self, owner: &Subject, proof: Option<&Proof>) -> App {
        let enrolled = self
            .try_enrol(owner, "phone", proof)
            .await
            .expect("enrolled");
        App::new(&enrolled)
    }

    /// Enrols and confirms an authenticator app, with the code of the present step.
    pub async fn confirmed(&self, owner: &Subject, proof: Option<&Proof>) -> App {
        let app = self.enrol(owner, proof).await;
        let _ = self
            .confirm(owner, &app, &self.code(&app))
            .await
            .expect("confirmed");
        app
    }

    /// An authenticator app beside what the account has.
    pub async fn confirmed_beside(&self, owner: &Subject) -> App {
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

    /// Confirms an authenticator app.
    pub async fn confirm(
        &self,
        owner: &Subject,
        app: &App,
        typed: &str,
    ) -> Result<Proof, TwoFactorError> {
        let attempt = Attempt::new(owner, "totp").factor(app.factor);
        self.engine.confirm(&attempt, &Response::typed(typed)).await
    }

    /// Verifies with whichever authenticator app made the code.
    pub async fn verify(&self, owner: &Subject, typed: &str) -> Result<Proof, TwoFactorError> {
        let attempt = Attempt::new(owner, "totp");
        self.engine.verify(&attempt, &Response::typed(typed)).await
    }

    /// The code that an app shows now.
    pub fn code(&self, app: &App) -> String {
        self.code_ago(app, 0)
    }

    /// The code that an app showed so many seconds ago.
    pub fn code_ago(&self, app: &App, seconds: u64) -> String {
        let now = u64::try_from(self.clock.now().timestamp()).expect("after 1970");
        let code = Totp::default().generate(&app.secret, now.saturating_sub(seconds));
        code.expose_secret().to_owned()
    }

    /// A code that no app shows now or showed a step ago.
    pub fn wrong_code(&self, apps: &[&App]) -> String {
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
    pub async fn proof(&self, owner: &Subject, app: &App) -> Proof {
        self.pass(TimeDelta::seconds(30));
        let attempt = Attempt::new(owner, "totp").factor(app.factor);
        let typed = self.code(app);
        let verified = self.engine.verify(&attempt, &Response::typed(&typed)).await;
        verified.expect("the right code")
    }

    /// Enrols an e-mail factor, unconfirmed.
    pub async fn enrol_email(
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
    pub async fn confirmed_email(
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
    pub async fn recover(&self, owner: &Subject, typed: &str) -> Result<Proof, TwoFactorError> {
        let attempt = Attempt::new(owner, "recovery");
        self.engine.verify(&attempt, &Response::typed(typed)).await
    }

    /// A new set of recovery codes, behind this proof.
    pub async fn try_codes(
        &self,
        proof: &Proof,
    ) -> Result<twofa_providers::RecoverySheet, TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.recovery.renew(&fresh).await
    }

    /// Remembers a device, behind this proof.
    pub async fn remember(&self, proof: &Proof, label: &str) -> Result<NewDevice, TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.devices().remember(&fresh, label).await
    }

    /// Trusts a device, behind this proof, in this sign-in.
    pub async fn trust(
        &self,
        proof: &Proof,
        sign_in: &SignInId,
        label: &str,
    ) -> Result<NewDevice, TwoFactorError> {
        let fresh = self.fresh(proof.subject(), proof).await?;
        self.trusted().trust(&fresh, sign_in, label).await
    }

    /// A new set of recovery codes.
    pub async fn codes(&self, proof: &Proof) -> Vec<String> {
        let codes = self.try_codes(proof).await.expect("a new set");
        codes.expose_secrets().map(str::to_owned).collect()
    }

    /// The code that was sent last.
    pub fn sent(&self) -> String {
        self.outbox
            .last()
            .expect("a message")
            .expose_token()
            .to_owned()
    }
}

impl App {
    /// Scans what was shown.
    pub fn new(enrolled: &Enrolled) -> Self {
        let shown = enrolled.provisioning.as_ref().expect("something to scan");
        Self {
            factor: enrolled.factor,
            secret: Secret::from_base32(shown.base32.expose_secret()).expect("base32"),
        }
    }
}

/// Why it was refused.
pub fn reason<T: core::fmt::Debug>(result: Result<T, TwoFactorError>) -> Reason {
    match result {
        Err(TwoFactorError::Rejected(rejected)) => rejected.reason(),
        other => panic!("not a refusal: {other:?}"),
    }
}

/// Whether a limit was reached.
pub fn is_throttled<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::Throttled { .. }))
}

/// Whether something was down.
pub fn is_outage<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::Unavailable(_)))
}

/// Whether a fresh proof was missing.
pub fn needs_proof<T>(result: &Result<T, TwoFactorError>) -> bool {
    matches!(result, Err(TwoFactorError::ProofNeeded))
}
