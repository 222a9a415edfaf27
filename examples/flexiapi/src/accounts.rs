//! The file of `--accounts`, and how it becomes accounts.

use std::collections::BTreeSet;

use contract_server::Fault;
use serde::Deserialize;
use twofa_providers::token_store::ott_core::Destination;
use zeroize::Zeroizing;

use crate::{
    account::{User, subject},
    app::App,
    policies::GIVEN_KEY,
    push::Addresses,
};

/// Where there is no account whose domain a new one could have.
const DOMAIN: &str = "sip.example.org";

/// The file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Accounts {
    pub(crate) accounts: Vec<Account>,
    pub(crate) push: Addresses,
}

/// One account of the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) username: String,
    pub(crate) domain: Option<String>,
    pub(crate) password: Option<Zeroizing<String>>,
    #[serde(default)]
    pub(crate) admin: bool,
    pub(crate) api_key: Option<Zeroizing<String>>,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) activated: Option<bool>,
}

impl Accounts {
    /// What no account can be, before anything is made.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        self.push.read()?;
        let mut taken = BTreeSet::new();
        for account in &self.accounts {
            let told =
                |what: &str| Fault::from(format!("accounts: {:?}: {what}", account.username));
            account
                .destinations()
                .map_err(|_| told("an address or a number that is none"))?;
            let domain = account.domain.as_deref().unwrap_or(self.domain());
            let key = account.api_key.as_deref().map(String::as_str);
            let texts = [
                (domain, Some(account.username.as_str())),
                ("an address", account.email.as_deref()),
                ("a number", account.phone.as_deref()),
                ("a key", key),
            ];
            for (at, (of, text)) in texts.into_iter().enumerate() {
                if text.is_some_and(|text| text.is_empty() || !taken.insert((at, of, text))) {
                    return Err(told(
                        "a name, address, number or key is empty, or is there twice",
                    ));
                }
            }
        }
        Ok(())
    }

    /// The domain of new accounts.
    pub(crate) fn domain(&self) -> &str {
        let first = self.accounts.first();
        first
            .and_then(|first| first.domain.as_deref())
            .unwrap_or(DOMAIN)
    }

    /// Makes the accounts. Interrupted, it is done again: what is there stays as it is.
    pub(crate) async fn make(&self, app: &App) -> Result<(), Fault> {
        for account in &self.accounts {
            let made = account.make(app, self.domain()).await;
            made.map_err(|error| format!("accounts: {:?}: {error}", account.username))?;
        }
        Ok(())
    }
}

impl Account {
    fn destinations(&self) -> Result<Vec<Destination>, Fault> {
        let email = self.email.as_deref().map(Destination::email);
        let phone = self.phone.as_deref().map(Destination::phone);
        let all = email.into_iter().chain(phone);
        Ok(all.collect::<Result<_, _>>()?)
    }

    async fn make(&self, app: &App, domain: &str) -> Result<(), Fault> {
        let domain = self.domain.as_deref().unwrap_or(domain);
        let on = &mut app.documents.anywhere();
        let id = match app.by_username(on, &self.username, domain).await? {
            Some(there) => there.id,
            None => {
                let password = match &self.password {
                    Some(password) => Some(app.passwords.hash(password.to_string()).await?),
                    None => None,
                };
                let user = User {
                    username: self.username.clone(),
                    domain: domain.into(),
                    password,
                    email: self.email.clone(),
                    phone: self.phone.clone(),
                    activated: self.activated.unwrap_or(true),
                    admin: self.admin,
                    ..User::default()
                };
                let made = app.add_account(on, &user).await?;
                made.ok_or("another process makes the accounts: start one after the other")?
            }
        };
        for destination in self.destinations()? {
            app.own(on, &destination, id).await?;
        }
        if let Some(key) = &self.api_key {
            let keys = [key.to_string()];
            app.given
                .adopt(&app.tokens, &GIVEN_KEY, &subject(id)?, &keys)
                .await?;
        }
        Ok(())
    }
}
