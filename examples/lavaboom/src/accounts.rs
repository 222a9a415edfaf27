//! The file of `--accounts`, and how it becomes accounts.

use std::collections::BTreeSet;

use contract_server::Fault;
use serde::Deserialize;
use yubico_validation::{Client, Yubikey};
use zeroize::Zeroizing;

use crate::{
    app::App,
    claims::Claim,
    new_factor::{AUTHENTICATOR, NewFactor, YUBICLOUD},
    user::{USER, User, new_id, plain_name, styled_name},
};

/// The file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Accounts {
    pub(crate) accounts: Vec<Account>,
    pub(crate) yubikeys: Vec<Yubikey>,
    pub(crate) validation_clients: Vec<Client>,
}

/// One account of the file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Account {
    pub(crate) username: String,
    pub(crate) password: Option<Zeroizing<String>>,
    pub(crate) status: Option<String>,
    pub(crate) alt_email: Option<String>,
    pub(crate) factor_type: String,
    pub(crate) factor_value: Vec<Zeroizing<String>>,
}

impl Accounts {
    /// What no account can be, before anything is made.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        let (mut taken, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for account in &self.accounts {
            let name = plain_name(&account.username);
            if !(1..=32).contains(&name.len()) || !taken.insert(name) {
                let username = &account.username;
                return Err(format!("accounts: {username:?} is no name, or there twice").into());
            }
            let address = account.alt_email.as_deref();
            if address.is_some_and(|address| !addresses.insert(address)) {
                let username = &account.username;
                return Err(
                    format!("accounts: the alt_email of {username:?} is there twice").into(),
                );
            }
        }
        Ok(())
    }

    /// Makes the accounts at the first start. Interrupted, it is done again: what is there stays as it is.
    pub(crate) async fn make(&self, app: &App) -> Result<(), Fault> {
        if app.engine.were_made().await? {
            return Ok(());
        }
        for account in &self.accounts {
            let made = account.make(app).await;
            made.map_err(|error| format!("accounts: {:?}: {error}", account.username))?;
        }
        for key in &self.yubikeys {
            let added = app.validation.add_key(key).await;
            added.map_err(|error| format!("yubikeys: {:?}: {error}", key.public_id))?;
        }
        for client in &self.validation_clients {
            let added = app.validation.add_client(client).await;
            added.map_err(|error| format!("validation_clients: {}: {error}", client.id))?;
        }
        app.engine.are_made().await?;
        Ok(())
    }
}

impl Account {
    async fn make(&self, app: &App) -> Result<(), Fault> {
        let name = plain_name(&self.username);
        if let Some(user) = app.user_named(&name).await? {
            return user.claim_email(app).await;
        }
        let mut user = User::new(new_id()?, &styled_name(&self.username), app.now());
        user.status = self.status.clone().unwrap_or_else(|| "complete".into());
        user.alt_email.clone_from(&self.alt_email);
        if let Some(password) = &self.password {
            user.password = Some(app.engine.passwords.hash(password.clone()).await?);
        }
        user.factor_type.clone_from(&self.factor_type);
        // A type that nobody knows is kept as it is: its account signs in no more.
        if [AUTHENTICATOR, YUBICLOUD].contains(&self.factor_type.as_str()) {
            let new = NewFactor::read(&self.factor_type, &self.factor_value);
            let new = new.ok_or("a factor that cannot be one")?;
            user.factors = app.add_factors(&user.id, &new).await?;
            user.factor_value = new.values();
        }
        app.engine.documents.add(USER, &user.id, &user).await?;
        app.end(&user.factors.id).await?;
        if !app.claim(&Claim::Name(&name), &user.id).await? {
            return Err("its name is another account's".into());
        }
        user.claim_email(app).await
    }
}

impl User {
    async fn claim_email(&self, app: &App) -> Result<(), Fault> {
        if let Some(email) = &self.alt_email
            && !app.claim(&Claim::Email(email), &self.id).await?
        {
            return Err("its alt_email is another account's".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    /// What is secret in the files is wiped when it is dropped: its type says so.
    #[test]
    fn secrets_of_files_are_wiped() {
        let wiped = |_: &Zeroizing<String>| {};
        let account: Account = serde_json::from_value(serde_json::json!({
            "username": "ann", "password": "p", "factor_type": "authenticator", "factor_value": ["s"],
        }))
        .expect("an account");
        let secrets = account.password.iter().chain(&account.factor_value);
        assert_eq!(secrets.inspect(|secret| wiped(secret)).count(), 2);
        Settings::default().yubicloud_key.iter().for_each(wiped);
    }

    /// Two accounts of a file do not share a name or an address.
    #[test]
    fn names_and_addresses_of_a_file_are_there_once() {
        let read = |names: [&str; 2], addresses: [&str; 2]| {
            let accounts = names
                .into_iter()
                .zip(addresses)
                .map(|(name, address)| serde_json::json!({"username": name, "alt_email": address}));
            let file = serde_json::json!({"accounts": accounts.collect::<Vec<_>>()});
            let file = serde_json::from_value::<Accounts>(file).expect("a file");
            file.check().is_ok()
        };
        assert!(read(["ann", "bob"], ["a@example.org", "b@example.org"]));
        assert!(!read(["ann", "a.nn"], ["a@example.org", "b@example.org"]));
        assert!(!read(["ann", "bob"], ["a@example.org", "a@example.org"]));
    }
}
