//! The made-up user of a server that was started without any option.

use std::path::Path;

use contract_server::Fault;
use ott_bearer::token_store::ott_core::{Format, Token, rand::rngs::SysRng};

use crate::accounts::{Account, Accounts, Pat};

/// What the person who started it has to know.
pub(crate) struct Told {
    token: String,
    password: String,
}

pub(crate) fn account() -> Result<(Accounts, Told), Fault> {
    let random = |length| -> Result<String, Fault> {
        let token = Token::try_generate_from_rng(&Format::alphanumeric(length), &mut SysRng)?;
        Ok(token.expose_secret().into())
    };
    let told = Told {
        token: random(40)?,
        password: random(20)?,
    };
    let account = Account {
        name: Some("alice".into()),
        email: "alice@example.org".into(),
        password: Some(told.password.clone()),
        admin: true,
        pats: vec![Pat {
            name: "trial".into(),
            token: told.token.clone(),
        }],
    };
    let users = vec![account];
    Ok((Accounts { users }, told))
}

impl Told {
    /// Lines that a person copies into a shell.
    pub(crate) fn hints(&self, url: &str, data: &Path) -> Vec<String> {
        let Self { token, password } = self;
        let curl = format!("curl -H 'Authorization: Bearer {token}'");
        let api = format!("{url}/api/v1/twofaccounts");
        let uri = "otpauth://totp/Example:alice?secret=JBSWY3DPEHPK3PXP&issuer=Example";
        vec![
            "This is a trial: the user alice was made up. Her folder stays until you remove it."
                .into(),
            format!("  data         {}", data.display()),
            format!("  the page     {url}/ as alice@example.org with {password}"),
            format!(
                "  add          {curl} -H 'Content-Type: application/json' -d '{{\"uri\":\"{uri}\"}}' {api}"
            ),
            format!("  all codes    {curl} '{api}?withOtp=1'"),
        ]
    }
}
