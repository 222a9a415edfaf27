//! The made-up account of a server that was started without any option.

use std::path::Path;

use contract_server::Fault;
use twofa_providers::token_store::ott_core::{Format, Token, rand::rngs::SysRng};
use zeroize::Zeroizing;

use crate::accounts::{Account, Accounts};

/// What the person who started it has to know of the account.
pub(crate) struct Told {
    api_key: Zeroizing<String>,
}

pub(crate) fn account() -> Result<(Accounts, Told), Fault> {
    let text = |length: &Format| -> Result<_, Fault> {
        let token = Token::try_generate_from_rng(length, &mut SysRng)?;
        Ok(Zeroizing::new(String::from(token.expose_secret())))
    };
    let told = Told {
        api_key: text(&Format::alphanumeric(40))?,
    };
    let account = Account {
        username: "alice".into(),
        domain: Some("sip.example.org".into()),
        password: Some(text(&Format::alphanumeric(20))?),
        admin: true,
        api_key: Some(told.api_key.clone()),
        email: Some("alice@example.org".into()),
        phone: Some("+4915112345678".into()),
        activated: None,
    };
    let accounts = Accounts {
        accounts: vec![account],
        ..Accounts::default()
    };
    Ok((accounts, told))
}

impl Told {
    /// Lines that a person copies into a shell.
    pub(crate) fn hints(&self, url: &str, data: &Path) -> Vec<String> {
        let (key, data) = (self.api_key.as_str(), data.display());
        let curl = format!("curl -H 'x-api-key: {key}'");
        vec![
            "alice has an account, made up for this run, and is an administrator:".into(),
            format!("  {curl} {url}/api/accounts/me"),
            "a device asks for a token, which is pushed to it:".into(),
            format!(
                "  curl --json '{{\"pn_provider\":\"fcm\",\"pn_param\":\"app\",\"pn_prid\":\"device\"}}' {url}/api/account_creation_tokens/send-by-push"
            ),
            format!("  tail -1 {data}/outbox.jsonl"),
            "alice consumes it:".into(),
            format!(
                "  {curl} --json '{{\"account_creation_token\":\"…\"}}' {url}/api/account_creation_tokens/consume"
            ),
        ]
    }
}
