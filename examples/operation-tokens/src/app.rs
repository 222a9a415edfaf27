//! What every request shares.

use std::sync::Arc;

use contract_server::{
    DocumentError, Documents, Fault, FileClock, GivenTexts, Ground, Passwords, Store, Transaction,
};
use ott_flows::{
    Change, FlowError, Flows, Held, Operation, To, Who,
    ready::Register,
    token_delivery::{Template, Templates},
    token_store::{
        Tokens, TokensError,
        ott_core::{
            Handle, Limit, Policy, Purpose,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};
use tokio::sync::Notify;

use crate::{
    accounts::Standings,
    answer::ApiError,
    operations::{self, PURPOSES, policy},
    pages, put_back,
    settings::Settings,
    user::{Account, Unchanged},
};

/// A bearer of the accounts file: it has no end.
pub(crate) const APP_BEARER: Policy =
    Policy::bearer(Purpose::new("given-bearer"), TimeDelta::days(1)).until_revoked();
/// A bearer that a sign-in hands out.
pub(crate) const SESSION: Policy = Policy::bearer(Purpose::new("session"), TimeDelta::days(30));

/// What the contract asks for is weaker than our laws: six digits for half an hour, of which five are sent to an
/// address in ten minutes and five tried each. An attacker who asks for all of them has more guesses in a year than
/// there are tokens. `docs/known-failures.md` lists it.
const ACCEPTED_GUESS_BOUND: u64 = 1_000_000_000_000;

/// Handles of what signed-in users asked for.
const ASKED: &str = "asked";

/// What every request shares.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) flows: Flows<Store>,
    pub(crate) clock: Arc<FileClock>,
    pub(crate) documents: Arc<Documents>,
    pub(crate) given: GivenTexts,
    pub(crate) passwords: Passwords,
    pub(crate) asked: Notify,
}

/// The words of every message.
///
/// # Errors
/// A word that does not fit.
pub(crate) fn words(settings: &Settings) -> Result<Templates, Fault> {
    let text =
        "{token} is your code for {application}. It is good once, for {minutes} minutes.\n{phrase}";
    // Each link opens a page that asks a person, and that a scanner may fetch.
    let linked = "{token} is your code for {application}. It is good once, for {minutes} minutes. In the browser in which you \
        began, this does the same: {link}\n{phrase}";
    let page = settings.page(pages::CONFIRM);
    let template = |purpose: &Purpose| {
        let policy = policy(settings, *purpose);
        let words = |text| Template::new(&policy, "Your code for {application}", text);
        match &page {
            Some(page) if *purpose == Register::PURPOSE => words(linked).link(page.as_str()),
            _ => words(text),
        }
    };
    let policy = put_back::policy(settings);
    let subject = "An address of your account at {application} was changed";
    let told =
        "An address of your account was changed or removed. If that was not you, put it back:";
    let put_back = match settings.page(pages::PUT_BACK) {
        Some(page) => Template::new(&policy, subject, format!("{told} {{link}}")).link(page),
        None => Template::new(&policy, subject, format!("{told} {{token}}")),
    };
    let templates = PURPOSES.iter().map(template).chain([put_back]);
    Ok(Templates::new("Operations", templates)?)
}

impl App {
    pub(crate) async fn new(settings: Settings, ground: Ground) -> Result<Self, Fault> {
        let flows = settings.flows();
        let mut policies = vec![APP_BEARER, SESSION];
        policies.extend(flows.policies());
        policies.extend(PURPOSES.iter().map(|purpose| policy(&settings, *purpose)));
        policies.push(put_back::policy(&settings));
        let engine = ground
            .engine(&policies, Limit::ALLOWANCE, Some(ACCEPTED_GUESS_BOUND))
            .await?;
        let documents = Arc::new(engine.documents);
        let standings = Standings {
            documents: Arc::clone(&documents),
            phrases: settings.antiPhishingCodeEnabled,
        };
        let builder = Flows::builder(engine.opening, Arc::new(standings), engine.delivery, flows);
        Ok(Self {
            flows: operations::add(builder, &documents, &settings).build()?,
            given: engine.given,
            passwords: engine.passwords,
            asked: Notify::new(),
            clock: engine.clock,
            documents,
            settings,
        })
    }

    pub(crate) const fn tokens(&self) -> &Arc<Tokens<Store>> {
        self.flows.tokens()
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.tokens().now()
    }

    /// A signed-in user asks for a token: in the flow that is there, or in a new one.
    pub(crate) async fn ask<O: Operation<After = ()>>(
        &self,
        account: &Account,
        to: To<'_>,
        parameters: &[(&str, &str)],
    ) -> Result<(), ApiError> {
        if let Some(handle) = self.asked_handle::<O>(account).await? {
            match self
                .flows
                .send::<O>(&held(&handle, account), to, parameters)
                .await
            {
                Err(FlowError::Ended) => {}
                sent => {
                    self.asked.notify_one();
                    return sent.map_err(|error| self.told(error));
                }
            }
        }
        let opened = self
            .flows
            .open::<O>(Who::Account(&account.subject), account.subject.id())
            .await;
        let handle = opened.map_err(|error| self.told(error))?;
        self.keep_asked::<O>(account, &handle).await?;
        let sent = self
            .flows
            .send::<O>(&held(&handle, account), to, parameters)
            .await;
        self.asked.notify_one();
        sent.map_err(|error| self.told(error))
    }

    /// A signed-in user presents a token: what may now change, in the transaction in which it was redeemed.
    pub(crate) async fn complete<O: Operation>(
        &self,
        account: &Account,
        typed: &str,
    ) -> Result<(Change<O>, Transaction), ApiError> {
        let handle = self.asked_handle::<O>(account).await?;
        let handle = handle.ok_or(ApiError::TOKEN)?;
        let changing = self.changing::<O>(&held(&handle, account), typed).await;
        changing.map_err(|error| self.told(error))
    }

    /// A signed-in user presents a token that is not the last of its chain.
    pub(crate) async fn prove<O: Operation>(
        &self,
        account: &Account,
        typed: &str,
    ) -> Result<ott_flows::Proof<O>, ApiError> {
        let handle = self.asked_handle::<O>(account).await?;
        let handle = handle.ok_or(ApiError::TOKEN)?;
        let held = held(&handle, account);
        let proof = self.flows.complete::<O>(&held, typed).await;
        proof.map_err(|error| self.told(error))
    }

    /// Redeems a token, ends its flow, and hands over what may now change in the same transaction.
    pub(crate) async fn changing<O: Operation>(
        &self,
        held: &Held<'_>,
        typed: &str,
    ) -> Result<(Change<O>, Transaction), FlowError> {
        let opened = self.flows.complete_in_transaction::<O>(held, typed).await;
        let (mut open, unclosed) = opened?;
        let proof = {
            let store = self.tokens().store().on(&mut open);
            unclosed.close(&*store.map_err(TokensError::from)?).await?
        };
        Ok((self.flows.apply(proof).await?, open))
    }

    /// Commits what was changed, and also that it was refused: then the token is spent and nothing changed. After an
    /// outage neither is done, and the token stays good.
    pub(crate) async fn settle(
        &self,
        open: Transaction,
        changed: Result<(), Unchanged>,
    ) -> Result<(), ApiError> {
        if !matches!(changed, Err(Unchanged::Outage(_))) {
            open.commit().await.map_err(DocumentError::from)?;
        }
        Ok(changed?)
    }

    pub(crate) async fn keep_asked<O: Operation>(
        &self,
        account: &Account,
        handle: &Handle,
    ) -> Result<(), ApiError> {
        let id = self.asked_id::<O>(account);
        Ok(self
            .documents
            .put(ASKED, &id, &*handle.expose_secret())
            .await?)
    }

    pub(crate) async fn asked_handle<O: Operation>(
        &self,
        account: &Account,
    ) -> Result<Option<Handle>, ApiError> {
        let found = self
            .documents
            .get::<String>(ASKED, &self.asked_id::<O>(account))
            .await?;
        Ok(found.and_then(|found| Handle::parse(&found.value).ok()))
    }

    fn asked_id<O: Operation>(&self, account: &Account) -> String {
        let (purpose, id) = (O::PURPOSE, account.subject.id());
        self.given
            .name(&format!("asked {} {id}", purpose.as_str()))
            .to_string()
    }

    /// What a signed-in user is told.
    pub(crate) fn told(&self, error: ott_flows::FlowError) -> ApiError {
        ApiError::of_flow(error, true, self.now())
    }
}

/// What a signed-in user holds: the flow is theirs, whatever session they come with.
pub(crate) fn held<'a>(handle: &'a Handle, account: &'a Account) -> Held<'a> {
    Held {
        handle,
        tenant: "",
        holder: account.subject.id(),
    }
}
