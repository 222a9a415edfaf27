//! A small application around the engine: accounts, sign-ins, sessions, links that it mails.
//!
//! It does what `docs/revocation.md` asks of one, and keeps in memory what a real one keeps in its tables.
//! Whoever holds a [`Browser`] is whoever signed in there: the owner, or a thief who has its cookies.

mod accounts;
mod session;
mod verbs;

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use twofa_providers::{
    Addresses, Attempt, EnrolDetails, Limits, Notices, Proof, Response, SignInId, TwoFactorError,
    token_delivery::{Delivery, Outbox, Template, Templates},
    token_store::{
        FactorId,
        ott_core::{Handle, Limit, Policy, Purpose, Reason, Subject, chrono::TimeDelta},
    },
};

pub use self::{
    accounts::{Account, Accounts},
    session::Browser,
};
use crate::{
    Place,
    telling::{NEWS, PLAIN},
    world::{App, NOT_ME, Plan, World},
};

/// Sessions.
const SESSION: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::hours(12));
/// Links for a forgotten password.
const RESET: Policy = Policy::link(Purpose::new("password-reset"));
/// Links that confirm another address.
const ADDRESS: Policy = Policy::link(Purpose::new("new-address"));

/// An application with its engine.
#[derive(Debug)]
pub struct Application {
    /// The engine's.
    pub world: World,
    /// Its people.
    pub accounts: Arc<Accounts>,
    news: Outbox,
    sign_ins: AtomicU64,
}

/// How a second step is proved.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// By an authenticator app.
    App(&'a App),
    /// By a code from a sheet.
    Code(&'a str),
    /// By a code that was sent to a mailbox in this flow.
    Mailed(FactorId, &'a Handle, &'a str),
}

/// A message with news.
#[derive(Clone, Debug)]
pub struct News {
    /// Its address.
    pub to: String,
    /// What it tells of.
    pub what: String,
    /// The token of its link; empty where it has none.
    pub token: String,
}

impl Application {
    /// One in this place. Its limits are wide: they are tested elsewhere, and would hide here what else refuses.
    pub async fn new(place: Place) -> Self {
        let template = Template::notice(&NEWS, "News", "{what}|{at}|{from}|\n{link}");
        let template = template.link("https://example.org/not-me");
        let plain = Template::notice(&PLAIN, "News", "{what}|{at}|{from}|");
        let templates = Templates::new("Example", [template, plain]).expect("words that fit");
        let news = Outbox::new(100_000).templates(templates);
        let accounts = Arc::new(Accounts::default());
        let notices = Notices::new(
            NEWS,
            PLAIN,
            &NOT_ME,
            Arc::new(news.clone()) as Arc<dyn Delivery>,
            Arc::clone(&accounts) as Arc<dyn Addresses>,
        );
        let plan = Plan {
            limits: Limits {
                pace: Limit::pace(1_000, TimeDelta::hours(1)),
                requests: Limit::pace(1_000, TimeDelta::hours(1)),
                ..Limits::default()
            },
            knows_devices: true,
            trusts_devices: true,
            notices: Some(notices),
            policies: vec![SESSION, RESET, ADDRESS],
            ..Plan::default()
        };
        Self {
            world: World::planned(place, &plan).await,
            accounts,
            news,
            sign_ins: AtomicU64::new(0),
        }
    }

    /// How much news was sent until now.
    pub fn sent(&self) -> usize {
        self.news.messages().len()
    }

    /// The news since so much was sent.
    pub fn news(&self, since: usize) -> Vec<News> {
        let all = self.news.messages();
        let new = all.iter().skip(since);
        new.map(|sent| News {
            to: sent.destination().address().to_owned(),
            what: sent
                .expose_text()
                .and_then(|text| text.split('|').next())
                .unwrap_or_default()
                .to_owned(),
            token: sent.expose_token().to_owned(),
        })
        .collect()
    }

    /// The first step of a sign-in: its name.
    ///
    /// # Errors
    /// A refusal: the password is another one.
    pub fn first_step(&self, who: &Subject, password: &str) -> Result<SignInId, TwoFactorError> {
        if self.accounts.of(who).password != password {
            return Err(Reason::Unknown.into());
        }
        let number = self.sign_ins.fetch_add(1, Ordering::Relaxed);
        Ok(SignInId::new(number.to_string()).expect("a name"))
    }

    /// Starts the first second step of an account, behind the password alone.
    ///
    /// # Errors
    /// The engine's.
    pub async fn start_first(
        &self,
        who: &Subject,
        sign_in: &SignInId,
    ) -> Result<App, TwoFactorError> {
        let epoch = self.accounts.of(who).epoch;
        let details = EnrolDetails::new(who, "somebody").epoch(epoch);
        let details = details.sign_in(sign_in);
        let enrolled = self.world.engine.enrol("totp", &details, "first", None);
        Ok(App::new(&enrolled.await?))
    }

    /// Sets up the first second step of an account, and signs in by it.
    ///
    /// # Errors
    /// The engine's.
    pub async fn first(
        &self,
        who: &Subject,
        password: &str,
    ) -> Result<(App, Browser), TwoFactorError> {
        let sign_in = self.first_step(who, password)?;
        let app = self.start_first(who, &sign_in).await?;
        let step = Step::App(&app);
        let proof = self.confirm_in(who, &sign_in, &step).await?;
        let browser = self.open(who, &sign_in, proof).await?;
        Ok((app, browser))
    }

    /// Both steps.
    ///
    /// # Errors
    /// The engine's.
    pub async fn sign_in(
        &self,
        who: &Subject,
        password: &str,
        step: &Step<'_>,
    ) -> Result<Browser, TwoFactorError> {
        let sign_in = self.first_step(who, password)?;
        let proof = self.verify_in(who, &sign_in, step).await?;
        self.open(who, &sign_in, proof).await
    }

    /// The password, and a trusted device in place of the second step.
    ///
    /// # Errors
    /// The engine's; a device that is trusted no more is refused.
    pub async fn sign_in_trusted(
        &self,
        who: &Subject,
        password: &str,
        token: &str,
    ) -> Result<Browser, TwoFactorError> {
        let sign_in = self.first_step(who, password)?;
        let epoch = Some(self.accounts.of(who).epoch);
        let (engine, trusted) = (&self.world.engine, self.world.trusted());
        let found = trusted.recognise(engine, who, epoch, token).await?;
        let trusted = found.ok_or(Reason::Unknown)?;
        self.open_trusted(who, &sign_in, &trusted).await
    }

    /// Verifies a second step in this sign-in.
    ///
    /// # Errors
    /// The engine's.
    pub async fn verify_in(
        &self,
        who: &Subject,
        sign_in: &SignInId,
        step: &Step<'_>,
    ) -> Result<Proof, TwoFactorError> {
        let typed = self.typed(step);
        let attempt = self.attempt(who, sign_in, step);
        let response = Response::typed(&typed);
        self.world.engine.verify(&attempt, &response).await
    }

    /// Confirms what was started, in this sign-in.
    ///
    /// # Errors
    /// The engine's.
    pub async fn confirm_in(
        &self,
        who: &Subject,
        sign_in: &SignInId,
        step: &Step<'_>,
    ) -> Result<Proof, TwoFactorError> {
        let typed = self.typed(step);
        let attempt = self.attempt(who, sign_in, step);
        let response = Response::typed(&typed);
        self.world.engine.confirm(&attempt, &response).await
    }

    /// Asks for a code to this mailbox.
    ///
    /// # Errors
    /// The engine's.
    pub async fn request(
        &self,
        who: &Subject,
        sign_in: &SignInId,
        factor: FactorId,
    ) -> Result<(Handle, String), TwoFactorError> {
        let attempt = Attempt::new(who, "email").factor(factor).sign_in(sign_in);
        let attempt = attempt.epoch(self.accounts.of(who).epoch);
        let asked = self.world.engine.request(&attempt).await?;
        Ok((asked.handle.expect("a flow"), self.world.sent()))
    }

    fn attempt<'a>(&self, who: &'a Subject, sign_in: &'a SignInId, step: &Step<'a>) -> Attempt<'a> {
        let attempt = match *step {
            Step::App(app) => Attempt::new(who, "totp").factor(app.factor),
            Step::Code(_) => Attempt::new(who, "recovery"),
            Step::Mailed(factor, handle, _) => {
                Attempt::new(who, "email").factor(factor).handle(handle)
            }
        };
        attempt.epoch(self.accounts.of(who).epoch).sign_in(sign_in)
    }

    /// What is typed; an app shows its next code.
    fn typed(&self, step: &Step<'_>) -> String {
        match step {
            Step::App(app) => {
                self.world.pass(TimeDelta::seconds(30));
                self.world.code(app)
            }
            Step::Code(code) | Step::Mailed(_, _, code) => (*code).to_owned(),
        }
    }
}
