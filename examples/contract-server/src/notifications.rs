//! Prompts, for clients that poll with a token and devices that decide by a number.

use serde::{Deserialize, Serialize};
use twofa_providers::{
    Approver, Attempt, PromptStatus, Prompts, Response, TwoFactor, TwoFactorError,
    token_store::{
        Revoke,
        ott_core::{
            Binding, Format, Handle, Policy, RecordId, Subject, Token,
            chrono::TimeDelta,
            rand::{TryRng as _, rngs::SysRng},
        },
    },
};
use zeroize::Zeroizing;

use crate::{Engine, Fault};

const TOKEN: Format = Format::alphanumeric(40);
/// What a token stands for. The document's id is the token's keyed digest.
const WAITING: &str = "waiting";
/// What a number stands for: that digest.
const NUMBER: &str = "attempt";
/// An hour, in microseconds.
const KEPT_OVER: i64 = 3_600_000_000;

/// Prompts, under two names: the waiting client holds a token of 40 letters and digits, the device gets a number.
/// Neither leads to the other.
#[derive(Debug)]
pub struct Notifications {
    prompts: Prompts,
    policy: Policy,
    provider: &'static str,
    /// What the waiting side is.
    origin: &'static str,
}

/// How a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Approved, and not taken up.
    Accepted,
    /// Too late; or decided before, or another user's, for whoever wants to decide.
    Closed,
    /// Nobody decided yet.
    Pending,
    /// Denied.
    Rejected,
    /// There is none.
    Unknown,
}

#[derive(Deserialize, Serialize)]
struct Kept {
    user: String,
    handle: Zeroizing<String>,
    number: u32,
    /// Whether it was denied, and whoever did was told so.
    #[serde(default)]
    denied: bool,
    /// In microseconds. An approved prompt lives a minute longer; a contract's does not.
    expires_at: i64,
}

impl Notifications {
    /// Over these prompts and their policy, of the provider of this id.
    #[must_use]
    pub const fn new(
        prompts: Prompts,
        policy: Policy,
        provider: &'static str,
        origin: &'static str,
    ) -> Self {
        Self {
            prompts,
            policy,
            provider,
            origin,
        }
    }

    const fn attempt<'a>(&self, subject: &'a Subject) -> Attempt<'a> {
        Attempt::new(subject, self.provider).origin(self.origin)
    }

    /// Asks the subject's devices. The token is for the waiting client, the number for the devices.
    ///
    /// # Errors
    /// [`TwoFactorError`]; then nobody needs to be told the number.
    pub async fn ask(
        &self,
        engine: &Engine,
        two_factor: &TwoFactor,
        subject: &Subject,
    ) -> Result<(Token, u32), TwoFactorError> {
        let asked = two_factor.request(&self.attempt(subject)).await?;
        let handle = asked.handle.ok_or(TwoFactorError::Misuse("no prompt"))?;
        let random = |error| TwoFactorError::Unavailable(Box::new(error));
        let token = Token::try_generate_from_rng(&TOKEN, &mut SysRng);
        let token = token.map_err(|error| TwoFactorError::Unavailable(error.into()))?;
        let name = engine.given.name(token.expose_secret());
        let number = loop {
            let number = SysRng.try_next_u32().map_err(random)? >> 1;
            let id = number.to_string();
            if engine.documents.add(NUMBER, &id, &*name).await? {
                break number;
            }
        };
        let lifetime = self.policy.token_lifetime().unwrap_or(TimeDelta::zero());
        let now = engine.now();
        let expires_at = now.checked_add_signed(lifetime).unwrap_or(now);
        let kept = Kept {
            user: subject.id().into(),
            handle: handle.expose_secret(),
            number,
            denied: false,
            expires_at: expires_at.timestamp_micros(),
        };
        engine.documents.add(WAITING, &name, &kept).await?;
        Ok((token, number))
    }

    /// Takes up what was approved for this subject. Whatever comes of it, the token is worth nothing afterwards.
    ///
    /// # Errors
    /// [`TwoFactorError`]: refused, pending, or an outage; after an outage the token is still good.
    pub async fn take_up(
        &self,
        engine: &Engine,
        two_factor: &TwoFactor,
        subject: &Subject,
        token: &str,
    ) -> Result<(), TwoFactorError> {
        let name = engine.given.name(token);
        let kept = self.kept(engine, &name).await?;
        let kept = kept.ok_or(TwoFactorError::Pending)?;
        let (_, handle) = kept.prompt()?;
        let own = kept.user == subject.id() && !kept.is_over(engine);
        let attempt = self.attempt(subject).handle(&handle);
        let verified = match own {
            true => two_factor.verify(&attempt, &Response::nothing()).await,
            false => Err(TwoFactorError::Pending),
        };
        match verified {
            Ok(_) | Err(TwoFactorError::Pending | TwoFactorError::Rejected(_)) => {
                self.remove(engine, &kept, &name).await?;
            }
            Err(_) => {}
        }
        verified.map(drop)
    }

    /// How the notification of this token stands. It proves nothing, and costs one look at each of two rows.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage.
    pub async fn poll(&self, engine: &Engine, token: &str) -> Result<Standing, TwoFactorError> {
        let name = engine.given.name(token);
        let kept = self.kept(engine, &name).await?;
        let Some(kept) = kept.filter(|kept| !kept.is_gone(engine)) else {
            return Ok(Standing::Unknown);
        };
        let (subject, handle) = kept.prompt()?;
        Ok(match self.prompts.status(&subject, &handle).await? {
            _ if kept.is_over(engine) => Standing::Closed,
            Some(PromptStatus::Waiting) => Standing::Pending,
            Some(PromptStatus::Approved) => Standing::Accepted,
            Some(PromptStatus::Denied) => Standing::Rejected,
            Some(PromptStatus::Expired) => Standing::Closed,
            _ => Standing::Unknown,
        })
    }

    /// Approves or rejects the attempt of this number. The first decision stands.
    ///
    /// # Errors
    /// [`TwoFactorError`]: an outage.
    pub async fn decide(
        &self,
        engine: &Engine,
        by: &Subject,
        number: &str,
        approve: bool,
    ) -> Result<Standing, TwoFactorError> {
        let Some(name) = engine.documents.get::<String>(NUMBER, number).await? else {
            return Ok(Standing::Unknown);
        };
        let name = name.value;
        let kept = self.kept(engine, &name).await?;
        let Some(kept) = kept.filter(|kept| !kept.is_gone(engine)) else {
            return Ok(Standing::Unknown);
        };
        if kept.is_over(engine) {
            let first = self.remove(engine, &kept, &name).await?;
            return Ok(if first {
                Standing::Closed
            } else {
                Standing::Unknown
            });
        }
        let id = self.record(engine, &kept)?;
        let seen = match self.prompts.look(by, &id).await {
            Ok(Some(seen)) => seen,
            Ok(None) | Err(TwoFactorError::Rejected(_)) => return Ok(Standing::Closed),
            Err(error) => return Err(error),
        };
        let (PromptStatus::Waiting, Some(device)) = (seen.status, seen.device) else {
            return Ok(Standing::Closed);
        };
        let approver = Approver::new(by).device(device);
        let decided = match approve {
            true => self.prompts.approve(&approver, &id, None).await,
            false => self.prompts.deny(&approver, &id).await,
        };
        match decided {
            Ok(PromptStatus::Approved) => Ok(Standing::Accepted),
            // A denial that is said again is one for the prompts, and a second decision here: of two at once one was first.
            Ok(_) => {
                let deny = |kept: &mut Kept| match core::mem::replace(&mut kept.denied, true) {
                    true => Err(false),
                    false => Ok(true),
                };
                let first = engine.documents.change(WAITING, &name, deny).await?;
                Ok(match first {
                    Some(true) => Standing::Rejected,
                    _ => Standing::Closed,
                })
            }
            Err(TwoFactorError::Rejected(_)) => Ok(Standing::Closed),
            Err(error) => Err(error),
        }
    }

    /// Removes what has been over for an hour: until then who polls is told that it is over.
    ///
    /// # Errors
    /// An outage.
    pub async fn tidy(&self, engine: &Engine) -> Result<(), Fault> {
        let lifetime = self.policy.token_lifetime().unwrap_or(TimeDelta::zero());
        let now = engine.now();
        let before = now.checked_sub_signed(lifetime).unwrap_or(now);
        for name in engine.documents.unchanged_since(WAITING, before).await? {
            if let Some(kept) = self.kept(engine, &name).await?
                && kept.is_gone(engine)
            {
                self.remove(engine, &kept, &name).await?;
            }
        }
        // What a server left that ended in between.
        for number in engine.documents.unchanged_since(NUMBER, before).await? {
            let name = engine.documents.get::<String>(NUMBER, &number).await?;
            let waiting = match &name {
                Some(name) => self.kept(engine, &name.value).await?.is_some(),
                None => false,
            };
            if !waiting {
                engine.documents.remove(NUMBER, &number).await?;
            }
        }
        Ok(())
    }

    async fn kept(&self, engine: &Engine, name: &str) -> Result<Option<Kept>, TwoFactorError> {
        let kept = engine.documents.get(WAITING, name).await?;
        Ok(kept.map(|kept| kept.value))
    }

    fn record(&self, engine: &Engine, kept: &Kept) -> Result<RecordId, TwoFactorError> {
        let (subject, handle) = kept.prompt()?;
        let (binding, issuer) = (Binding::subject(&subject), engine.tokens.issuer());
        let presented = issuer.present_parked(&self.policy, &handle, &binding, engine.now());
        Ok(*presented?.id())
    }

    /// Token, number and prompt: none of them does anything afterwards. Of two at once one removes it.
    async fn remove(
        &self,
        engine: &Engine,
        kept: &Kept,
        name: &str,
    ) -> Result<bool, TwoFactorError> {
        let record = Revoke::Record(self.record(engine, kept)?);
        engine.tokens.revoke(&record).await?;
        let number = kept.number.to_string();
        engine.documents.remove(NUMBER, &number).await?;
        Ok(engine.documents.remove(WAITING, name).await?)
    }
}

impl Kept {
    fn is_over(&self, engine: &Engine) -> bool {
        self.expires_at <= engine.now().timestamp_micros()
    }

    /// Whether it has been over for an hour: nobody is told of it, whether or not it was removed yet.
    fn is_gone(&self, engine: &Engine) -> bool {
        self.expires_at.saturating_add(KEPT_OVER) <= engine.now().timestamp_micros()
    }

    fn prompt(&self) -> Result<(Subject, Handle), TwoFactorError> {
        let subject = Subject::new("", self.user.as_str());
        let subject = subject.map_err(|_| TwoFactorError::Misuse("a user that is none"))?;
        Ok((subject, Handle::parse(&self.handle)?))
    }
}
