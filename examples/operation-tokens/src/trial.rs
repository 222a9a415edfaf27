//! The made-up account of a server that was started without any option.

use std::path::Path;

use contract_server::Fault;
use ott_flows::token_store::ott_core::{Format, Token, rand::rngs::SysRng};

use crate::accounts::{Account, Accounts};

/// What the person who started it has to know of the account.
pub(crate) struct Told {
    authorization: String,
}

pub(crate) fn account() -> Result<(Accounts, Told), Fault> {
    let bearer = Token::try_generate_from_rng(&Format::alphanumeric(40), &mut SysRng)?;
    let password = Token::try_generate_from_rng(&Format::alphanumeric(20), &mut SysRng)?;
    let told = Told {
        authorization: bearer.expose_secret().into(),
    };
    let account = Account {
        id: "alice".into(),
        email: Some("alice@example.org".into()),
        phone: Some("+4915112345678".into()),
        password: Some(password.expose_secret().into()),
        authorization: Some(told.authorization.clone()),
        ..Account::default()
    };
    Ok((
        Accounts {
            users: vec![account],
        },
        told,
    ))
}

impl Told {
    /// Lines that a person copies into a shell.
    pub(crate) fn hints(&self, url: &str, data: &Path) -> Vec<String> {
        let (bearer, data) = (&self.authorization, data.display());
        let curl = format!("curl -H 'Authorization: Bearer {bearer}'");
        vec![
            "alice has an account, made up for this run:".into(),
            format!("  {curl} {url}/api/v1/account/details"),
            "she asks for a token, reads it, and has another password:".into(),
            format!("  {curl} -X POST {url}/api/v1/token/password/changing"),
            format!("  tail -1 {data}/outbox.jsonl"),
            format!(
                "  {curl} --json '{{\"oneTimeToken\":\"…\",\"newPassword\":\"a new one of hers\"}}' {url}/api/v1/password/changing"
            ),
        ]
    }
}
