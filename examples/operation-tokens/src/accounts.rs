//! The file of `--accounts`, and how it becomes accounts.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use contract_server::{Documents, Fault};
use ott_flows::{
    Accounts as FlowAccounts, BoxError, Standing,
    token_delivery::Phrase,
    token_store::ott_core::{Binding, IssueOptions, Subject},
};
use serde::Deserialize;

use crate::{
    app::{APP_BEARER, App},
    user::{self, KeyKind, User, user},
};

/// The file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accounts {
    #[serde(default)]
    pub(crate) users: Vec<Account>,
}

/// One account of the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) password: Option<String>,
    #[serde(default)]
    pub(crate) mfa: Mfa,
    pub(crate) anti_phishing_code: Option<String>,
    pub(crate) authorization: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Mfa {
    pub(crate) email: bool,
    pub(crate) phone: bool,
}

/// Where it is written down that the accounts were made.
const MADE: (&str, &str) = ("server", "accounts");

impl Accounts {
    /// What no account can be, before anything is made.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let mut taken = BTreeSet::new();
        for account in &self.users {
            let user = account.user(None);
            let id = &account.id;
            let told = |what: &str| Fault::from(format!("accounts: {id:?}: {what}"));
            let fits = Subject::new("", id.as_str()).is_ok();
            fits.then_some(()).ok_or_else(|| told("not an id"))?;
            let keys = [
                (KeyKind::Email, &account.email),
                (KeyKind::Phone, &account.phone),
            ];
            for (kind, key) in keys {
                if key.is_some() && user.key(kind).is_none() {
                    return Err(told("an address that is none"));
                }
            }
            if let Some(phrase) = &account.anti_phishing_code {
                Phrase::new(phrase.as_str()).map_err(|error| told(&error.to_string()))?;
            }
            let texts = [
                Some(&account.id),
                account.email.as_ref(),
                account.phone.as_ref(),
                account.authorization.as_ref(),
            ];
            for (at, text) in texts.into_iter().enumerate() {
                if text.is_some_and(|text| text.is_empty() || !taken.insert((at, text))) {
                    return Err(told("an id, address or bearer is empty, or is there twice"));
                }
            }
        }
        Ok(())
    }

    /// Makes the accounts at the first start. Interrupted, it is done again: what is there stays as it is.
    pub(crate) async fn make(&self, app: &App) -> Result<(), Fault> {
        let (kind, id) = MADE;
        if app.documents.get::<bool>(kind, id).await?.is_some() {
            return Ok(());
        }
        for account in &self.users {
            let made = account.make(app).await;
            made.map_err(|error| format!("accounts: {:?}: {error}", account.id))?;
        }
        app.documents.add(kind, id, &true).await?;
        Ok(())
    }
}

impl Account {
    fn user(&self, password: Option<String>) -> User {
        User {
            email: self.email.clone(),
            phone: self.phone.clone(),
            password,
            mfa_email: self.mfa.email,
            mfa_phone: self.mfa.phone,
            phrase: self.anti_phishing_code.clone(),
            ..User::default()
        }
    }

    async fn make(&self, app: &App) -> Result<(), Fault> {
        let subject = Subject::new("", self.id.as_str())?;
        let password = match &self.password {
            Some(password) => Some(app.passwords.hash(password.clone()).await?),
            None => None,
        };
        let user = self.user(password);
        let documents = &mut app.documents.anywhere();
        for kind in [KeyKind::Email, KeyKind::Phone] {
            if let Some(key) = user.key(kind) {
                let taken = app.take_key(documents, &key, &self.id).await;
                taken.map_err(|_| "an address could not be kept")?;
            }
        }
        user::add(documents, &self.id, &user).await?;
        if let Some(bearer) = &self.authorization {
            let (name, binding) = (app.given.name(bearer), Binding::subject(&subject));
            let options = IssueOptions::default();
            app.tokens()
                .issue_given(&APP_BEARER, &binding, &[name.as_str()], options)
                .await?;
        }
        Ok(())
    }
}

/// The accounts as the flows ask for them.
pub(crate) struct Standings {
    pub(crate) documents: Arc<Documents>,
    /// Whether anti-phishing codes are switched on.
    pub(crate) phrases: bool,
}

#[async_trait]
impl FlowAccounts for Standings {
    async fn standing(&self, subject: &Subject) -> Result<Option<Standing>, BoxError> {
        let user = user(&mut self.documents.anywhere(), subject.id()).await?;
        let standing = user.map(|user| user.standing());
        Ok(standing.map(|standing| Standing {
            phrase: standing.phrase.filter(|_| self.phrases),
            ..standing
        }))
    }
}
