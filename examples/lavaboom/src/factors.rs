//! The factors of the contract, over the providers: what is asked, and what proves it.

use core::fmt::Write as _;

use contract_server::Fault;
use ott_bearer::token_store::{
    FactorId, RemoveIf,
    ott_core::{Reason, Subject},
};
use serde::{Deserialize, Serialize};
use twofa_providers::{
    Attempt, Existing, Import, Imported, Response, TwoFactorError,
    oath_otp::{
        Method,
        yubico::{Otp, modhex},
    },
};

use crate::{
    answer::Reply,
    app::App,
    begun::Begun,
    new_factor::{AUTHENTICATOR, NewFactor, YUBICLOUD},
    user::{User, new_id},
};

/// Factors that belong together. To the engine each set is a subject of its own, so that a new one is whole beside the
/// present one before the account's document names it, however many there are in both. A set that no document names proves
/// nothing.
#[derive(Clone, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct FactorSet {
    /// Empty where there is no factor. No two sets ever have one.
    pub(crate) id: String,
    /// The engine's names of the factors: of each Yubikey in the order of the values, or of the authenticator.
    pub(crate) ids: Vec<String>,
}

fn subject(set: &str) -> Result<Subject, Fault> {
    Ok(Subject::new("", format!("factors {set}"))?)
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
        let subject = subject(&user.factors.id).map_err(internal)?;
        let stored = self.engine.factors.factors(&subject).await;
        let stored = stored.map_err(|error| internal(error.into()))?;
        let named = |id: &FactorId| user.factors.ids.contains(&id.to_string());
        let factor = stored.into_iter().find(|factor| named(&factor.id));
        let factor = factor.ok_or(Unproved::Internal)?;
        if token.is_empty() {
            let mut challenge = format!("otpauth://{}/{}", factor.provider, user.id);
            let told = match factor.provider.as_str() {
                "hotp" => {
                    let next = factor.last.map_or(0, |last| last.saturating_add(1));
                    write!(challenge, "?counter={next}")
                }
                // No other period is taken.
                _ => write!(challenge, "?period=30"),
            };
            told.map_err(|error| internal(error.into()))?;
            return Err(Unproved::Asked(challenge));
        }
        let attempt = Attempt::new(&subject, &factor.provider).factor(factor.id);
        self.prove(&attempt, token).await
    }

    async fn prove_yubikey(&self, user: &User, token: &str) -> Result<(), Unproved> {
        let subject = subject(&user.factors.id).map_err(internal)?;
        // Whose key it is stands in the OTP: one of another key costs nobody anything.
        let otp = Otp::parse(token).map_err(|_| Unproved::Wrong)?;
        let own = modhex::encode(otp.public_id().as_bytes());
        let mut keys = user.factor_value.iter().zip(&user.factors.ids);
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

    /// Adds a set of factors that an account is to name: until it does, they prove nothing. Whoever has it named
    /// [ends](App::end) what was begun under the set's id.
    pub(crate) async fn add_factors(
        &self,
        user: &str,
        new: &NewFactor,
    ) -> Result<FactorSet, Fault> {
        if matches!(new, NewFactor::Nothing) {
            return Ok(FactorSet::default());
        }
        let mut set = FactorSet {
            id: new_id()?,
            ids: Vec::new(),
        };
        let user = user.into();
        self.begin(&set.id, &Begun::Factors { user }).await?;
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
                self.add_factor(&mut set, provider, existing, last).await?;
            }
            NewFactor::Yubikeys(ids) => {
                for id in ids {
                    let existing = Existing::YubicoId(id);
                    self.add_factor(&mut set, "yubico-remote", existing, None)
                        .await?;
                }
            }
        }
        Ok(set)
    }

    async fn add_factor(
        &self,
        set: &mut FactorSet,
        provider: &str,
        existing: Existing<'_>,
        last: Option<u64>,
    ) -> Result<(), Fault> {
        let (subject, name) = (subject(&set.id)?, set.ids.len().to_string());
        let mut import = Import::new(&subject, &name, "Factor", existing);
        import.last = last;
        let (Imported::New(id) | Imported::There(id)) =
            self.two_factor.import(provider, &import).await?;
        set.ids.push(id.to_string());
        Ok(())
    }

    /// Ends a set that no account names any more. What an outage leaves of it is removed later.
    pub(crate) async fn drop_factors(&self, set: &FactorSet) {
        if set.id.is_empty() {
            return;
        }
        let dropped = async {
            self.remove_factors(&set.id).await?;
            Ok::<_, Fault>(self.end(&set.id).await?)
        };
        if let Err(error) = dropped.await {
            contract_server::warn(&format!("factors stay for an hour: {error}"));
        }
    }

    /// Removes the factors of a set.
    pub(crate) async fn remove_factors(&self, set: &str) -> Result<(), Fault> {
        let (factors, now) = (&self.engine.factors, self.now());
        for factor in factors.factors(&subject(set)?).await? {
            factors
                .remove(&factor.id, RemoveIf::Always, b"owner", now)
                .await?;
        }
        Ok(())
    }
}

fn internal(error: Fault) -> Unproved {
    contract_server::warn(&format!("a second factor: {error}"));
    Unproved::Internal
}
