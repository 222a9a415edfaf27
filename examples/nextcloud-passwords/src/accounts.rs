//! The file of `--accounts`, and how it becomes accounts.

use std::collections::BTreeSet;

use contract_server::Fault;
use pwdv1r1::Challenge;
use serde::{Deserialize, Serialize};
use twofa_providers::{
    Existing, Import,
    oath_otp::{Algorithm, Secret, Totp},
    token_store::ott_core::{Destination, Subject},
};

use crate::app::{APP_TOKEN, App, BACKUP_CODE, NOTIFIER};

/// The file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accounts {
    pub(crate) users: Vec<Account>,
}

/// One account of the file, with its secrets in clear.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) password: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) app_tokens: Vec<String>,
    pub(crate) totp: Option<TotpSecret>,
    pub(crate) backup_codes: Vec<String>,
    pub(crate) notification: bool,
    pub(crate) mail: bool,
    pub(crate) challenge: Option<Solved>,
    pub(crate) keychain: Option<Keychain>,
    pub(crate) two_factor_enabled: Option<bool>,
    pub(crate) two_factor_required: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TotpSecret {
    pub(crate) secret: String,
    #[serde(default = "sha1")]
    pub(crate) algorithm: String,
}

/// An account's texts, read.
struct Parts {
    subject: Subject,
    challenge: Option<Challenge>,
    totp: Option<(Totp, Secret)>,
    mailbox: Option<Destination>,
}

impl TotpSecret {
    fn read(&self) -> Result<(Totp, Secret), Fault> {
        let algorithm = match self.algorithm.as_str() {
            "sha1" => Algorithm::Sha1,
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            other => return Err(format!("{other} is no algorithm of a TOTP").into()),
        };
        let totp = Totp {
            algorithm,
            ..Totp::default()
        };
        Ok((totp, self.secret()?))
    }

    /// 26 to 128 symbols of base32. Bits that fill no byte are dropped, as the contract's provider drops them.
    fn secret(&self) -> Result<Secret, Fault> {
        const SYMBOLS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let mut text = self.secret.trim_end_matches('=').to_ascii_uppercase();
        if !(26..=128).contains(&text.len()) || !text.is_ascii() {
            return Err("a TOTP secret has 26 to 128 symbols of base32".into());
        }
        let bits = (text.len().saturating_mul(5) / 8).saturating_mul(8);
        text.truncate(bits.div_ceil(5));
        let stray = text.len().saturating_mul(5).saturating_sub(bits);
        let whole = u32::try_from(stray)
            .ok()
            .and_then(|stray| usize::MAX.checked_shl(stray));
        let last = text.pop().and_then(|last| {
            let at = SYMBOLS
                .iter()
                .position(|symbol| char::from(*symbol) == last)?;
            SYMBOLS.get(at & whole?)
        });
        let last = last.ok_or("a TOTP secret has 26 to 128 symbols of base32")?;
        text.push(char::from(*last));
        Ok(Secret::import_short_base32(&text)?)
    }
}

pub(crate) fn sha1() -> String {
    "sha1".into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Solved {
    pub(crate) salts: [String; 3],
    pub(crate) secret: String,
}

/// The encrypted keychain: the client's, and nothing that the server could read.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keychain {
    #[serde(rename = "CSEv1r1")]
    pub(crate) csev1r1: String,
}

/// An account as it rests, sealed: a document by the user's id. The keychain is another.
#[derive(Deserialize, Serialize)]
pub(crate) struct User {
    /// Argon2, as a PHC string.
    pub(crate) password: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) two_factor_enabled: bool,
    pub(crate) two_factor_required: bool,
    /// Too many attempts failed: nobody opens a session with the password.
    pub(crate) locked: bool,
}

pub(crate) const USER: &str = "user";
pub(crate) const KEYCHAIN: &str = "keychain";

impl Accounts {
    /// What no account can be, before anything is made.
    fn check(&self) -> Result<(), Fault> {
        let mut taken = BTreeSet::new();
        for account in &self.users {
            let id = &account.id;
            let tokens = account.app_tokens.iter().map(|text| ("app token", text));
            for (what, text) in tokens.chain([("id", id)]) {
                if text.is_empty() || !taken.insert((what, text)) {
                    return Err(format!("accounts: {id:?}: an empty {what}, or one twice").into());
                }
            }
            let codes: BTreeSet<_> = account.backup_codes.iter().collect();
            if codes.len() < account.backup_codes.len() || codes.contains(&String::new()) {
                return Err(format!("accounts: {id:?}: an empty backup code, or one twice").into());
            }
            let parts = account.parts();
            parts.map_err(|error| format!("accounts: {id:?}: {error}"))?;
            if account.mail && account.email.is_none() {
                return Err(format!("accounts: {id:?} has mail and no email").into());
            }
        }
        Ok(())
    }

    /// Makes the accounts at the first start. Interrupted, it is done again: what is there stays as it is.
    pub(crate) async fn make(&self, app: &App) -> Result<(), Fault> {
        if app.engine.were_made().await? {
            return Ok(());
        }
        self.check()?;
        for account in &self.users {
            let made = account.make(app).await;
            made.map_err(|error| format!("accounts: {:?}: {error}", account.id))?;
        }
        app.engine.are_made().await?;
        Ok(())
    }
}

impl Account {
    /// What the file's texts stand for. One that stands for nothing is told before anything is made.
    fn parts(&self) -> Result<Parts, Fault> {
        let solved = self.challenge.as_ref();
        let challenge = solved.map(|solved| Challenge::new(solved.salts.clone(), &solved.secret));
        let mailbox = self.email.as_deref().filter(|_| self.mail);
        Ok(Parts {
            subject: Subject::new("", self.id.as_str())?,
            challenge: challenge.transpose()?,
            totp: self.totp.as_ref().map(TotpSecret::read).transpose()?,
            mailbox: mailbox.map(Destination::email).transpose()?,
        })
    }

    async fn make(&self, app: &App) -> Result<(), Fault> {
        let engine = &app.engine;
        let Parts {
            subject,
            challenge,
            totp,
            mailbox,
        } = self.parts()?;
        let mut user = User {
            password: None,
            email: self.email.clone(),
            challenge,
            two_factor_enabled: self.two_factor_enabled.unwrap_or(true),
            two_factor_required: self.two_factor_required.unwrap_or(true),
            locked: false,
        };
        if let Some(password) = &self.password {
            user.password = Some(engine.passwords.hash(password.clone()).await?);
        }
        if let Some(keychain) = &self.keychain {
            engine.documents.add(KEYCHAIN, &self.id, keychain).await?;
        }
        for (policy, texts) in [
            (APP_TOKEN, &self.app_tokens),
            (BACKUP_CODE, &self.backup_codes),
        ] {
            let tokens = &engine.tokens;
            engine.given.adopt(tokens, &policy, &subject, texts).await?;
        }
        let import = async |provider: &str, existing: Existing<'_>| {
            let import = Import::new(&subject, "accounts file", "imported", existing);
            app.two_factor.import(provider, &import).await
        };
        if let Some((totp, secret)) = &totp {
            import("totp", Existing::Totp(totp, secret)).await?;
        }
        if let Some(mailbox) = &mailbox {
            import("email", Existing::Destination(mailbox)).await?;
        }
        if self.notification {
            let devices = Destination::device("notifications")?;
            import(NOTIFIER, Existing::Destination(&devices)).await?;
        }
        engine.documents.add(USER, &self.id, &user).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{TotpSecret, sha1};

    /// A secret of 26 to 128 symbols is taken, whatever bits are left over; shorter and longer ones are not.
    #[test]
    fn totp_secrets_have_26_to_128_symbols() {
        let secret = |length| {
            let (secret, algorithm) = ("7".repeat(length), sha1());
            TotpSecret { secret, algorithm }.secret()
        };
        for length in [26, 27, 28, 29, 30, 31, 32, 33, 127, 128] {
            let taken = secret(length).expect("a secret");
            assert_eq!(
                taken.expose_secret(),
                vec![0xff; length * 5 / 8],
                "{length}"
            );
        }
        for length in [0, 16, 25, 129, 160] {
            assert!(secret(length).is_err(), "{length}");
        }
    }
}
