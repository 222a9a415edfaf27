//! What every request shares.

use core::time::Duration;
use std::{collections::BTreeMap, sync::Arc};

use contract_server::{Documents, Fault, FileClock, GivenTexts, Ground, Outbox, Passwords, Store};
use token_delivery::{Gateway, HttpClient};
use twofa_providers::{
    token_delivery::{Delivery, Template, Templates},
    token_store::{
        Clock, Tokens,
        ott_core::{
            CLOCK_ALLOWANCE, Limit,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

use crate::{
    accounts::Accounts,
    leaving::Leaving,
    policies::{ACCEPTED_GUESS_BOUND, Policies},
    push::Addresses,
    resend::Turns,
    settings::Settings,
    sms::Sms,
};

/// Where it is written down that the accounts were made, to which domain new ones belong, and where pushes go.
const MADE: (&str, &str) = ("server", "accounts");

/// What every request shares.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) policies: Policies,
    pub(crate) tokens: Arc<Tokens>,
    /// The same, for what is redeemed and applied in one transaction.
    pub(crate) opening: Arc<Tokens<Store>>,
    pub(crate) clock: Arc<FileClock>,
    pub(crate) documents: Documents,
    pub(crate) given: GivenTexts,
    pub(crate) passwords: Passwords,
    pub(crate) delivery: Arc<dyn Delivery>,
    /// Codes of recoveries on their way to the gateway; none where there is no gateway.
    pub(crate) leaving: Option<Leaving>,
    pub(crate) outbox: Option<Outbox>,
    pub(crate) client: HttpClient,
    pub(crate) push: BTreeMap<&'static str, String>,
    pub(crate) turns: Turns,
    /// The domain of new accounts.
    pub(crate) domain: String,
    /// What `validation_url` begins with.
    pub(crate) public_url: String,
}

/// The words of every message.
///
/// # Errors
/// A word that does not fit.
pub(crate) fn words(settings: &Settings) -> Result<Templates, Fault> {
    let policies = Policies::new(settings);
    let text = "{token} is your code for {application}. It is good once, for {minutes} minutes.";
    let codes = [
        policies.phone_code,
        policies.email_code,
        policies.recovery_code,
    ];
    let template = |policy: &_| Template::new(policy, "Your code for {application}", text);
    Ok(Templates::new("your account", codes.iter().map(template))?)
}

impl App {
    /// Opens everything, and makes the accounts at the first start.
    pub(crate) async fn new(
        settings: Settings,
        ground: Ground,
        sms: Option<(Sms, Gateway)>,
        (accounts, url): (&Accounts, &str),
    ) -> Result<Self, Fault> {
        let policies = Policies::new(&settings);
        let engine = ground
            .engine(
                &policies.all(),
                Limit::ALLOWANCE,
                Some(ACCEPTED_GUESS_BOUND),
            )
            .await?;
        let leaving = sms.is_some().then(Leaving::default);
        let delivery: Arc<dyn Delivery> = match sms {
            Some((sms, gateway)) => {
                let clock = Arc::clone(&engine.clock) as Arc<dyn Clock>;
                let limits = engine.tokens.limit_store();
                let keys = engine.tokens.issuer().keys();
                Arc::new(sms.deliveries(&gateway, engine.delivery, limits, keys, &clock)?)
            }
            None => engine.delivery,
        };
        let patience = Duration::from_secs(settings.push_timeout_seconds.get().into());
        let public_url = settings.public_url.as_deref().unwrap_or(url);
        let mut app = Self {
            client: HttpClient::new(patience)?,
            public_url: public_url.trim_end_matches('/').into(),
            policies,
            tokens: engine.tokens,
            opening: engine.opening,
            clock: engine.clock,
            documents: engine.documents,
            given: engine.given,
            passwords: engine.passwords,
            delivery,
            leaving,
            outbox: engine.outbox,
            push: BTreeMap::new(),
            turns: Turns::default(),
            domain: String::new(),
            settings,
        };
        let (kind, id) = MADE;
        if app
            .documents
            .get::<(String, Addresses)>(kind, id)
            .await?
            .is_none()
        {
            accounts.make(&app).await?;
            let made = (accounts.domain(), &accounts.push);
            app.documents.add(kind, id, &made).await?;
        }
        let made = app.documents.get::<(String, Addresses)>(kind, id).await?;
        let (domain, push) = made.ok_or("the accounts were not made")?.value;
        app.domain = domain;
        app.push = push.read()?;
        app.clock.start();
        Ok(app)
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.tokens.now()
    }

    /// What no clock shows yet that agrees with this one: requests at once have read theirs at different moments.
    pub(crate) fn soon(&self) -> DateTime<Utc> {
        let now = self.now();
        now.checked_add_signed(CLOCK_ALLOWANCE).unwrap_or(now)
    }

    /// Removes what has been dead for thirty days: until then an expired token is told from an unknown one.
    pub(crate) async fn tidy(&self) -> Result<(), Fault> {
        let dead = TimeDelta::days(30);
        let before = self.now().checked_sub_signed(dead).unwrap_or_default();
        while self.tokens.purge(before, 500).await? == 500 {}
        Ok(())
    }
}
