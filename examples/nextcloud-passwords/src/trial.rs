//! The made-up account of a server that was started without any option.

use std::path::Path;

use contract_server::Fault;
use pwdv1r1::{random_salts, solve};
use twofa_providers::{
    oath_otp::Secret,
    token_store::ott_core::{Format, Token, rand::rngs::SysRng},
};

use crate::accounts::{Account, Accounts, Solved, TotpSecret, sha1};

/// What the person who started it has to know of the account.
pub(crate) struct Told {
    app_token: String,
    totp: String,
    solution: String,
}

pub(crate) fn account() -> Result<(Accounts, Told), Fault> {
    let random = |length| -> Result<String, Fault> {
        let token = Token::try_generate_from_rng(&Format::alphanumeric(length), &mut SysRng)?;
        Ok(token.expose_secret().into())
    };
    let salts = random_salts()?;
    let told = Told {
        app_token: random(72)?,
        totp: Secret::try_generate()?.to_base32().expose_secret().into(),
        solution: solve("correct horse battery", &salts)?.to_string(),
    };
    let account = Account {
        id: "alice".into(),
        email: Some("alice@example.org".into()),
        mail: true,
        notification: true,
        app_tokens: vec![told.app_token.clone()],
        totp: Some(TotpSecret {
            secret: told.totp.clone(),
            algorithm: sha1(),
        }),
        challenge: Some(Solved {
            salts,
            secret: told.solution.clone(),
        }),
        ..Account::default()
    };
    let users = vec![account];
    Ok((Accounts { users }, told))
}

impl Told {
    /// Lines that a person copies into a shell.
    pub(crate) fn hints(&self, url: &str, certificates: Option<&Path>, data: &Path) -> Vec<String> {
        let Self {
            app_token,
            totp,
            solution,
        } = self;
        let data = data.display();
        let trusted = match certificates {
            Some(folder) => format!("--cacert {}", folder.join("ca.pem").display()),
            // As the proxy in front would send it.
            None => "-H 'X-Forwarded-Proto: https'".into(),
        };
        let curl = format!("curl {trusted} -u alice:{app_token}");
        let api = format!("{url}/index.php/apps/passwords/api/1.0");
        let code = format!("\"'$(oathtool --totp -b {totp})'\"");
        vec![
            "This is a trial: the account alice was made up. Her folder stays until you remove it."
                .into(),
            format!("  data            {data}"),
            format!("  what was sent   {data}/outbox.jsonl"),
            format!("  what is needed  {curl} {api}/session/request"),
            format!("  a code by mail  {curl} {api}/token/email/request"),
            format!(
                "  open it         {curl} -d '{{\"challenge\":\"{solution}\",\"token\":{{\"totp\":{code}}}}}' {api}/session/open"
            ),
        ]
    }
}
