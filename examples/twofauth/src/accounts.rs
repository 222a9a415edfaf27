//! The file of `--accounts`, and how it becomes users.

use std::collections::BTreeSet;

use contract_server::Fault;
use serde::Deserialize;

use crate::{
    answer::ApiError,
    app::{App, GIVEN, subject},
    users::{Member, User, Users},
};

/// The file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accounts {
    #[serde(default)]
    pub(crate) users: Vec<Account>,
}

/// One user of the file, with their secrets in clear.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Account {
    pub(crate) name: Option<String>,
    pub(crate) email: String,
    pub(crate) password: Option<String>,
    pub(crate) admin: bool,
    pub(crate) pats: Vec<Pat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pat {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) token: String,
}

impl Account {
    fn called(&self) -> String {
        let name = self.name.clone();
        name.unwrap_or_else(|| self.email.split('@').next().unwrap_or_default().into())
    }
}

impl Accounts {
    /// What no user can be, before anything is made.
    fn check(&self) -> Result<(), Fault> {
        let mut taken = BTreeSet::new();
        for account in &self.users {
            let (name, email) = (account.called(), account.email.to_lowercase());
            let tokens = account.pats.iter().map(|pat| ("token", pat.token.clone()));
            let texts = [("name", name.clone()), ("email", email)];
            for (what, text) in texts.into_iter().chain(tokens) {
                if text.is_empty() || !taken.insert((what, text)) {
                    return Err(format!("accounts: {name:?}: an empty {what}, or one twice").into());
                }
            }
            if !account.email.contains('@') {
                return Err(format!("accounts: {name:?}: the email has no @").into());
            }
        }
        Ok(())
    }

    /// Makes the users at the first start. Interrupted, it is done again: what is there stays as it is.
    pub(crate) async fn make(&self, app: &App) -> Result<(), Fault> {
        if app.engine.were_made().await? {
            return Ok(());
        }
        self.check()?;
        for account in &self.users {
            let told = |error: ApiError| format!("accounts: {:?}: {error:?}", account.called());
            account.make(app).await.map_err(told)?;
        }
        app.engine.are_made().await?;
        Ok(())
    }
}

impl Account {
    async fn make(&self, app: &App) -> Result<(), ApiError> {
        let engine = &app.engine;
        let id = match Users::read(app).await?.by_email(&self.email) {
            Some(id) => id,
            None => Users::next(app).await?,
        };
        let subject = subject(id)?;
        let texts: Vec<_> = self.pats.iter().map(|pat| pat.token.clone()).collect();
        engine
            .given
            .adopt(&engine.tokens, &GIVEN, &subject, &texts)
            .await?;
        let mut user = User::default();
        if let Some(password) = &self.password {
            user.password = Some(engine.passwords.hash(password.clone()).await?);
        }
        for pat in &self.pats {
            let owner = engine
                .given
                .owner(&engine.tokens, &GIVEN, &pat.token)
                .await?;
            if let Some((_, record)) = owner {
                user.tokens.insert(record.to_string(), pat.name.clone());
            }
        }
        user.put(app, id).await?;
        let member = Member {
            name: self.called(),
            email: self.email.clone(),
            admin: self.admin,
            created_at: app.stamp(),
        };
        let add = |users: &mut Users| {
            users.members.insert(id, member.clone());
            Ok(())
        };
        Users::change(app, add).await
    }
}
