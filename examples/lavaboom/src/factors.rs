//! The factors of the contract, over the providers: what is asked, and what proves it.

use core::fmt::Write as _;

use contract_server::Fault;
use ott_bearer::token_store::{
    FactorId, RemoveIf,
    ott_core::{Reason, Subject},
};
use twofa_providers::{
    Attempt, Existing, Import, Imported, MAX_FACTORS_PER_PROVIDER, Response, TwoFactorError,
    oath_otp::{
        Account as Otpauth, Method,
        yubico::{Otp, PublicId, modhex},
    },
};

use zeroize::Zeroizing;

use crate::{
    answer::Reply,
    app::App,
    user::{User, new_id},
};

pub(crate) const AUTHENTICATOR: &str = "authenticator";
pub(crate) const YUBICLOUD: &str = "yubicloud";

/// A factor that somebody wants.
pub(crate) enum NewFactor {
    /// By counter or clock.
    Authenticator(Otpauth),
    /// None from now on.
    Nothing,
    /// Keys by their public ids.
    Yubikeys(Vec<PublicId>),
}

impl NewFactor {
    /// Reads type and values; `None` for values that cannot be.
    pub(crate) fn read(kind: &str, values: &[Zeroizing<String>]) -> Option<Self> {
        match (kind, values) {
            ("", _) => Some(Self::Nothing),
            (AUTHENTICATOR, [text]) => authenticator(text).map(Self::Authenticator),
            (YUBICLOUD, [_, ..]) if values.len() <= MAX_FACTORS_PER_PROVIDER => {
                let id = |text: &Zeroizing<String>| text.parse().ok().filter(is_six_bytes);
                values
                    .iter()
                    .map(id)
                    .collect::<Option<_>>()
                    .map(Self::Yubikeys)
            }
            _ => None,
        }
    }

    /// What the account keeps of it in sight.
    pub(crate) fn values(&self) -> Vec<String> {
        match self {
            Self::Yubikeys(ids) => ids.iter().map(|id| modhex::encode(id.as_bytes())).collect(),
            Self::Authenticator(_) | Self::Nothing => Vec::new(),
        }
    }
}

/// Of these twelve letters of modhex the contract makes a key's name.
fn is_six_bytes(id: &PublicId) -> bool {
    id.as_bytes().len() == 6
}

/// An `otpauth` URI, or bare base32: then a counter that begins at 0.
fn authenticator(text: &str) -> Option<Otpauth> {
    if let Ok(account) = Otpauth::from_uri(text) {
        return Some(account);
    }
    let bare = Zeroizing::new(format!("otpauth://hotp/x?secret={text}&counter=0"));
    let base32 = |c: u8| c.is_ascii_alphanumeric() || c == b'=';
    let account = Otpauth::from_uri(&bare).ok();
    account.filter(|_| text.bytes().all(base32))
}

/// Why a second factor was not proved, as the contract tells it.
pub(crate) enum Unproved {
    /// No token came, and there is something to ask with.
    Asked(String),
    /// Something did not answer, or the factor is of a type that nobody knows.
    Internal,
    /// Too often.
    Later(Reply),
    /// The token is wrong.
    Wrong,
}

impl App {
    /// Proves the account's factor with this token, which may be empty. Without a factor nothing is asked.
    pub(crate) async fn second_factor(&self, user: &User, token: &str) -> Result<(), Reply> {
        let kind = user.factor_type.as_str();
        let proved = match kind {
            "" => Ok(()),
            AUTHENTICATOR => self.prove_authenticator(user, token).await,
            YUBICLOUD => self.prove_yubikey(user, token).await,
            _ => Err(Unproved::Internal),
        };
        proved.map_err(|unproved| match unproved {
            Unproved::Asked(challenge) => Reply::refused(403, "2FA token was not passed")
                .with("factor_type", kind)
                .with("factor_challenge", challenge),
            Unproved::Internal => Reply::refused(500, "Internal 2FA error"),
            Unproved::Later(reply) => reply.with("factor_type", kind),
            Unproved::Wrong => {
                Reply::refused(403, "Invalid token passed").with("factor_type", kind)
            }
        })
    }

    async fn prove_authenticator(&self, user: &User, token: &str) -> Result<(), Unproved> {
        let subject = user.subject().map_err(internal)?;
        let stored = self.engine.factors.factors(&subject).await;
        let stored = stored.map_err(|error| internal(error.into()))?;
        let named = |id: &FactorId| user.factors.contains(&id.to_string());
        let factor = stored.into_iter().find(|factor| named(&factor.id));
        let factor = factor.ok_or(Unproved::Internal)?;
        if token.is_empty() {
            let mut challenge = format!("otpauth://{}/{}", factor.provider, user.id);
            let told = match factor.provider.as_str() {
                "hotp" => {
                    let next = factor.last.map_or(0, |last| last.saturating_add(1));
                    write!(challenge, "?counter={next}")
                }
                _ => write!(challenge, "?period=30"),
            };
            told.map_err(|error| internal(error.into()))?;
            return Err(Unproved::Asked(challenge));
        }
        let attempt = Attempt::new(&subject, &factor.provider).factor(factor.id);
        self.prove(&attempt, token).await
    }

    async fn prove_yubikey(&self, user: &User, token: &str) -> Result<(), Unproved> {
        let subject = user.subject().map_err(internal)?;
        // Whose key it is stands in the OTP: one of another key costs nobody anything.
        let otp = Otp::parse(token).map_err(|_| Unproved::Wrong)?;
        let own = modhex::encode(otp.public_id().as_bytes());
        let mut keys = user.factor_value.iter().zip(&user.factors);
        let found = keys.find(|(id, _)| **id == own);
        let factor = found.and_then(|(_, factor)| FactorId::parse(factor));
        let factor = factor.ok_or(Unproved::Wrong)?;
        let attempt = Attempt::new(&subject, "yubico-remote").factor(factor);
        self.prove(&attempt, token).await
    }

    async fn prove(&self, attempt: &Attempt<'_>, token: &str) -> Result<(), Unproved> {
        let proved = self
            .two_factor
            .verify(attempt, &Response::typed(token))
            .await;
        proved.map(drop).map_err(|error| self.unproved(error))
    }

    pub(crate) fn unproved(&self, error: TwoFactorError) -> Unproved {
        match error {
            TwoFactorError::Rejected(rejected) if rejected.reason() != Reason::KeyMissing => {
                Unproved::Wrong
            }
            TwoFactorError::Throttled { retry_at, .. } => {
                Unproved::Later(Reply::later(retry_at, self.now()))
            }
            error => {
                Reply::outage(&error);
                Unproved::Internal
            }
        }
    }

    /// Adds factors whose owner has proved the present one, where there is one. Gives the engine's names of them.
    pub(crate) async fn add_factors(
        &self,
        subject: &Subject,
        new: &NewFactor,
    ) -> Result<Vec<String>, Fault> {
        let mut added = Vec::new();
        match new {
            NewFactor::Nothing => {}
            NewFactor::Authenticator(account) => {
                let (provider, existing, last) = match &account.method {
                    Method::Hotp(hotp, counter) => (
                        "hotp",
                        Existing::Hotp(hotp, &account.secret),
                        counter.checked_sub(1),
                    ),
                    Method::Totp(totp) => ("totp", Existing::Totp(totp, &account.secret), None),
                    _ => return Err("an authenticator of another kind".into()),
                };
                added.push(self.add_factor(subject, provider, existing, last).await?);
            }
            NewFactor::Yubikeys(ids) => {
                for id in ids {
                    let existing = Existing::YubicoId(id);
                    added.push(
                        self.add_factor(subject, "yubico-remote", existing, None)
                            .await?,
                    );
                }
            }
        }
        Ok(added)
    }

    async fn add_factor(
        &self,
        subject: &Subject,
        provider: &str,
        existing: Existing<'_>,
        last: Option<u64>,
    ) -> Result<String, Fault> {
        // A name of its own: a key that was removed can come back.
        let name = new_id()?;
        let mut import = Import::new(subject, &name, "Factor", existing);
        import.last = last;
        let imported = self.two_factor.import(provider, &import).await?;
        let (Imported::New(id) | Imported::There(id)) = imported;
        Ok(id.to_string())
    }

    /// Removes factors that others took the place of.
    pub(crate) async fn drop_factors(&self, ids: &[String]) -> Result<(), Fault> {
        let (factors, now) = (&self.engine.factors, self.now());
        for id in ids.iter().filter_map(|id| FactorId::parse(id)) {
            factors.remove(&id, RemoveIf::Always, b"owner", now).await?;
        }
        Ok(())
    }
}

fn internal(error: Fault) -> Unproved {
    contract_server::warn(&format!("a second factor: {error}"));
    Unproved::Internal
}
