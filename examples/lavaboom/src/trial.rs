//! The made-up account of a server that was started without any option.

use contract_server::Fault;

use crate::{
    accounts::{Account, Accounts},
    user::new_id,
};

/// What the person who started it has to know of the account.
pub(crate) struct Told {
    password: String,
}

pub(crate) fn account() -> Result<(Accounts, Told), Fault> {
    let told = Told {
        password: new_id()?,
    };
    let account = Account {
        username: "johndoe".into(),
        password: Some(told.password.clone().into()),
        ..Account::default()
    };
    let accounts = Accounts {
        accounts: vec![account],
        ..Accounts::default()
    };
    Ok((accounts, told))
}

impl Told {
    /// Lines that a person copies into a shell.
    pub(crate) fn hints(&self, url: &str) -> Vec<String> {
        let password = &self.password;
        vec![
            "johndoe has an account, made up for this run. They sign in, and are told their token:"
                .into(),
            format!(
                "  curl --json '{{\"type\":\"auth\",\"username\":\"johndoe\",\"password\":\"{password}\"}}' {url}/tokens"
            ),
            format!("  curl -H 'Authorization: Bearer TOKEN' {url}/accounts/me"),
        ]
    }
}
