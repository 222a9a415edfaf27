//! The providers of this crate under their laws, with as few codes as their formats have.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "what is missing or overflows fails the test"
)]

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use ed25519_dalek::{Signer, SigningKey};
use twofa_providers::{
    Approver, Asked, Attempt, CodeProvider, EnrolDetails, Existing, Fresh, HotpProvider, Import,
    Imported, PromptLimits, PromptStatus, Prompts, RecoveryCodes, Response, Show, SignInId,
    TotpProvider, TwoFactor, TwoFactorBuilder,
    conformance::{Moment, Reply, Trial},
    oath_otp::{Digits, Hotp, Secret, Totp},
    token_delivery::Outbox,
    token_store::{
        FactorId, Tokens,
        ott_core::{
            Channel, Destination, Format, Policy, Purpose, SlotRule, Subject, Verdict,
            chrono::{TimeDelta, Utc},
        },
    },
};
#[cfg(feature = "yubico")]
use twofa_providers::{
    oath_otp::yubico::{Key, Press, PublicId},
    yubico::YubicoProvider,
};

/// All codes of five digits, the fewest that there are.
fn five_digits() -> Vec<Reply> {
    let all = 0..100_000_u32;
    all.map(|code| Reply::Code(format!("{code:05}"))).collect()
}

/// Imports one more factor under a name of its own.
async fn imported(
    engine: &TwoFactor,
    provider: &str,
    subject: &Subject,
    existing: Existing<'_>,
) -> FactorId {
    let there = engine.factors(subject).await.expect("memory").len();
    let name = there.to_string();
    let import = Import::new(subject, &name, "factor", existing);
    match engine.import(provider, &import).await {
        Ok(Imported::New(factor)) => factor,
        other => panic!("{other:?}"),
    }
}

/// An authenticator app with codes of five digits.
#[derive(Default)]
pub(crate) struct App(Mutex<HashMap<FactorId, [u8; 20]>>);

pub(crate) const FIVE: Totp = Totp {
    digits: Digits::Five,
    algorithm: twofa_providers::oath_otp::Algorithm::Sha1,
    period: twofa_providers::oath_otp::Period::SECONDS_30,
    start: 0,
    window: twofa_providers::oath_otp::Window {
        past: twofa_providers::oath_otp::Reach::ONE,
        future: twofa_providers::oath_otp::Reach::NONE,
    },
};

/// The secret of a provider that has one for everybody.
pub(crate) fn shared() -> Secret {
    Secret::from_bytes(&[42; 20]).expect("long enough")
}

fn key(subject: &Subject, nth: usize) -> [u8; 20] {
    let mut key = [u8::try_from(nth).unwrap_or(0); 20];
    for (to, from) in key.iter_mut().zip(subject.id().bytes()) {
        *to ^= from;
    }
    key
}

#[async_trait]
impl Trial for App {
    fn id(&self) -> String {
        "totp".into()
    }

    fn build(&self, _: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder {
        engine.provider(TotpProvider::with("Example", FIVE).expect("it fits"))
    }

    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        _: Option<&Fresh<'_>>,
    ) -> Option<FactorId> {
        let nth = engine.factors(subject).await.expect("memory").len();
        let bytes = key(subject, nth + 1);
        let secret = Secret::from_bytes(&bytes).expect("long enough");
        let existing = Existing::Totp(&FIVE, &secret);
        let factor = imported(engine, "totp", subject, existing).await;
        self.0.lock().expect("no panic").insert(factor, bytes);
        Some(factor)
    }

    async fn answer(&self, moment: &Moment<'_>) -> Reply {
        let factor = moment.factor.expect("a factor");
        let secret = self.0.lock().expect("no panic")[&factor];
        let secret = Secret::from_bytes(&secret).expect("long enough");
        let now = u64::try_from(moment.now.timestamp()).expect("after 1970");
        Reply::Code(FIVE.generate(&secret, now).expose_secret().to_owned())
    }

    fn guesses(&self) -> Vec<Reply> {
        five_digits()
    }
}

/// A token with a counter and codes of five digits.
#[derive(Default)]
pub(crate) struct Button(Mutex<HashMap<FactorId, [u8; 20]>>);

fn hotp() -> Hotp {
    Hotp {
        digits: Digits::Five,
        ..Hotp::default()
    }
}

#[async_trait]
impl Trial for Button {
    fn id(&self) -> String {
        "hotp".into()
    }

    fn build(&self, _: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder {
        engine.provider(HotpProvider::new(hotp()))
    }

    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        _: Option<&Fresh<'_>>,
    ) -> Option<FactorId> {
        let nth = engine.factors(subject).await.expect("memory").len();
        let bytes = key(subject, nth + 1);
        let secret = Secret::from_bytes(&bytes).expect("long enough");
        let factor = imported(engine, "hotp", subject, Existing::Hotp(&hotp(), &secret)).await;
        self.0.lock().expect("no panic").insert(factor, bytes);
        Some(factor)
    }

    /// The first code is the one that it shows: each law presses the button once for a factor, but for the
    /// second of law 3.
    async fn answer(&self, moment: &Moment<'_>) -> Reply {
        let factor = moment.factor.expect("a factor");
        let secret = self.0.lock().expect("no panic")[&factor];
        let secret = Secret::from_bytes(&secret).expect("long enough");
        Reply::Code(hotp().generate(&secret, 0).expose_secret().to_owned())
    }

    fn guesses(&self) -> Vec<Reply> {
        five_digits()
    }
}

/// A Yubikey whose key the application has.
#[cfg(feature = "yubico")]
#[derive(Default)]
pub(crate) struct Touch(Mutex<HashMap<FactorId, u8>>);

#[cfg(feature = "yubico")]
impl Touch {
    fn yubikey(number: u8) -> (PublicId, Key) {
        let id = PublicId::from_bytes(&[number; 6]).expect("short");
        (id, Key::from_bytes(&[number; 6], &[number; 16]))
    }
}

#[cfg(feature = "yubico")]
#[async_trait]
impl Trial for Touch {
    fn id(&self) -> String {
        "yubico".into()
    }

    fn build(&self, _: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder {
        engine.provider(YubicoProvider::new())
    }

    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        _: Option<&Fresh<'_>>,
    ) -> Option<FactorId> {
        let nth = engine.factors(subject).await.expect("memory").len();
        let number = key(subject, nth + 1)[0];
        let (id, key) = Self::yubikey(number);
        let factor = imported(engine, "yubico", subject, Existing::Yubico(&id, &key)).await;
        self.0.lock().expect("no panic").insert(factor, number);
        Some(factor)
    }

    /// Each law touches the key once, but for the second of law 3.
    async fn answer(&self, moment: &Moment<'_>) -> Reply {
        let number = self.0.lock().expect("no panic")[&moment.factor.expect("a factor")];
        let (id, key) = Self::yubikey(number);
        let press = Press {
            session: 1,
            uses: 1,
            timestamp: 7,
            random: 7,
        };
        let otp = key.generate(id, &press).to_modhex();
        Reply::Code(otp.expose_secret().to_owned())
    }
}

/// Codes of three digits that are sent.
pub(crate) struct Sent {
    channel: Channel,
    outbox: Outbox,
}

const DIGITS_3: Format = Format::builder("0123456789", 3).build();
const CODE: Policy = Policy::code(Purpose::new("sent-code")).format(DIGITS_3);

impl Sent {
    pub(crate) fn over(channel: Channel) -> Self {
        let outbox = Outbox::new(1_000);
        Self { channel, outbox }
    }

    fn last(&self) -> String {
        let sent = self.outbox.last().expect("a message");
        sent.expose_token().to_owned()
    }
}

#[async_trait]
impl Trial for Sent {
    fn id(&self) -> String {
        self.channel.as_str().into()
    }

    fn policies(&self) -> Vec<Policy> {
        vec![CODE]
    }

    fn build(&self, _: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder {
        let outbox = Arc::new(self.outbox.clone());
        let provider = match self.channel {
            Channel::Phone => CodeProvider::phone(&CODE, outbox),
            _ => CodeProvider::email(&CODE, outbox),
        };
        engine.provider(provider.expect("it sends"))
    }

    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        fresh: Option<&Fresh<'_>>,
    ) -> Option<FactorId> {
        let to = match self.channel {
            Channel::Phone => Destination::phone("+15550123456"),
            _ => Destination::email("somebody@example.org"),
        };
        let to = to.expect("a destination");
        let details = EnrolDetails::new(subject, "account").destination(&to);
        let id = self.id();
        let enrolled = engine.enrol(&id, &details, "mine", fresh).await;
        let factor = enrolled.expect("enrolled").factor;
        let attempt = Attempt::new(subject, &id).factor(factor);
        let asked = engine.request(&attempt).await.expect("sent");
        let attempt = attempt.handle(asked.handle.as_ref().expect("a flow"));
        let typed = self.last();
        let confirmed = engine.confirm(&attempt, &Response::typed(&typed)).await;
        let _ = confirmed.expect("confirmed");
        Some(factor)
    }

    async fn answer(&self, _: &Moment<'_>) -> Reply {
        Reply::Code(self.last())
    }

    fn guesses(&self) -> Vec<Reply> {
        (0..1_000)
            .map(|code| Reply::Code(format!("{code:03}")))
            .collect()
    }
}

/// Printed codes, behind an app.
#[derive(Default)]
pub(crate) struct Printed {
    app: App,
    codes: Mutex<Option<RecoveryCodes>>,
    sheets: Mutex<HashMap<Subject, Vec<String>>>,
}

const PRINTED: Policy = Policy::recovery(Purpose::new("printed-code")).slot(SlotRule::Nothing);

#[async_trait]
impl Trial for Printed {
    fn id(&self) -> String {
        "recovery".into()
    }

    fn policies(&self) -> Vec<Policy> {
        vec![PRINTED]
    }

    fn build(&self, tokens: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder {
        let factors = engine.factor_store();
        let codes = RecoveryCodes::new(tokens, factors, &PRINTED).expect("it fits");
        let engine = self.app.build(tokens, engine).recovery_codes(&codes);
        *self.codes.lock().expect("no panic") = Some(codes);
        engine
    }

    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        fresh: Option<&Fresh<'_>>,
    ) -> Option<FactorId> {
        let factor = self.app.prepare(engine, subject, fresh).await;
        // The clock of the laws runs apart from this one: the code of each step is tried.
        let proof = self.app.prove(engine, subject, factor).await;
        let fresh = engine.fresh(subject, proof.epoch(), &proof).await;
        let fresh = fresh.expect("fresh");
        let codes = self.codes.lock().expect("no panic").clone();
        let sheet = codes.expect("built").renew(&fresh).await.expect("a sheet");
        let sheet = sheet.expose_secrets().map(str::to_owned).collect();
        self.sheets
            .lock()
            .expect("no panic")
            .insert(subject.clone(), sheet);
        None
    }

    async fn answer(&self, moment: &Moment<'_>) -> Reply {
        let sheets = self.sheets.lock().expect("no panic");
        Reply::Code(sheets[moment.subject][0].clone())
    }
}

impl App {
    /// Proves with the app, at the time at which the laws begin.
    async fn prove(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        factor: Option<FactorId>,
    ) -> twofa_providers::Proof {
        let factor = factor.expect("an app");
        let seen = engine.factors(subject).await.expect("memory");
        let own = seen.iter().find(|view| view.id == factor);
        let now = own.expect("an app").created_at;
        let secret = self.0.lock().expect("no panic")[&factor];
        let secret = Secret::from_bytes(&secret).expect("long enough");
        let seconds = u64::try_from(now.with_timezone(&Utc).timestamp()).expect("after 1970");
        let code = FIVE.generate(&secret, seconds);
        let attempt = Attempt::new(subject, "totp").factor(factor);
        let typed = Response::typed(code.expose_secret());
        let proved = engine.verify(&attempt, &typed).await;
        proved.expect("the right code")
    }
}

/// A device that approves, by a key of its own or without one.
pub(crate) struct Device {
    key: Option<SigningKey>,
    prompts: Mutex<Option<Prompts>>,
}

const PROMPT: Policy = Policy::prompt(Purpose::new("device-prompt"));

impl Device {
    pub(crate) fn without_key() -> Self {
        let prompts = Mutex::default();
        Self { key: None, prompts }
    }

    pub(crate) fn with_key() -> Self {
        Self {
            key: Some(SigningKey::from_bytes(&[42; 32])),
            prompts: Mutex::default(),
        }
    }

    /// The person types the number of the waiting page, and the device signs.
    async fn approve(&self, subject: &Subject, device: FactorId, asked: &Asked) -> bool {
        let prompts = self.prompts.lock().expect("no panic").clone();
        let prompts = prompts.expect("an engine was built");
        let (Some(handle), Some(Show::Number(number))) = (&asked.handle, &asked.show) else {
            return false;
        };
        let id = prompts.id_of(subject, handle).expect("an id");
        let Some(seen) = prompts.look(subject, &id).await.expect("memory") else {
            return false;
        };
        let number = Some(*number);
        let message = seen.to_sign(subject, &device, Verdict::Approve { number });
        let signature = self.key.as_ref().map(|key| key.sign(&message).to_bytes());
        let own = SignInId::new("the device").expect("short");
        let by = Approver::new(subject).device(device).sign_in(&own);
        let by = match &signature {
            Some(signature) => by.signed(signature),
            None => by,
        };
        let approved = prompts.approve(&by, &id, number).await;
        matches!(approved, Ok(PromptStatus::Approved))
    }
}

#[async_trait]
impl Trial for Device {
    fn id(&self) -> String {
        "prompt".into()
    }

    fn policies(&self) -> Vec<Policy> {
        vec![PROMPT]
    }

    fn build(&self, tokens: &Arc<Tokens>, engine: TwoFactorBuilder) -> TwoFactorBuilder {
        let prompts = Prompts::new(tokens, engine.factor_store(), &PROMPT).expect("it fits");
        let most = PromptLimits::new(1_000_000, TimeDelta::seconds(1), 30_000);
        let prompts = prompts.limits(most);
        let engine = engine.prompts(&prompts);
        *self.prompts.lock().expect("no panic") = Some(prompts);
        engine
    }

    async fn prepare(
        &self,
        engine: &TwoFactor,
        subject: &Subject,
        fresh: Option<&Fresh<'_>>,
    ) -> Option<FactorId> {
        let key = self.key.as_ref().map(|key| {
            let bytes = key.verifying_key().to_bytes();
            let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
            hex.collect::<String>()
        });
        let details = EnrolDetails::new(subject, "account");
        let details = match &key {
            Some(key) => details.brought(key),
            None => details,
        };
        let enrolled = engine.enrol("prompt", &details, "mine", fresh).await;
        let factor = enrolled.expect("enrolled").factor;
        let attempt = Attempt::new(subject, "prompt").factor(factor);
        let asked = engine.request(&attempt).await.expect("asked");
        assert!(self.approve(subject, factor, &asked).await);
        let attempt = attempt.handle(asked.handle.as_ref().expect("a flow"));
        let confirmed = engine.confirm(&attempt, &Response::nothing()).await;
        let _ = confirmed.expect("confirmed");
        Some(factor)
    }

    async fn answer(&self, _: &Moment<'_>) -> Reply {
        Reply::Nothing
    }

    async fn decide(&self, _: &Tokens, moment: &Moment<'_>) -> bool {
        match (moment.asked, moment.factor) {
            (Some(asked), Some(factor)) => self.approve(moment.subject, factor, asked).await,
            _ => false,
        }
    }
}
