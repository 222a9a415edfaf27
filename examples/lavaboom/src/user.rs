//! An account as it rests, sealed: a document by its id.

use contract_server::DocumentError;
use ott_bearer::token_store::ott_core::{
    Format, RandomFailed, Subject, Token,
    chrono::{DateTime, SecondsFormat, Utc},
    rand::rngs::SysRng,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{app::App, claims::Claim, factors::FactorSet};

pub(crate) const USER: &str = "user";

/// Of an account whose owner did not answer the invitation yet.
pub(crate) const REGISTERED: &str = "registered";

/// One account.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct User {
    pub(crate) id: String,
    /// Without dots.
    pub(crate) name: String,
    pub(crate) styled_name: String,
    /// Argon2, as a PHC string.
    pub(crate) password: Option<String>,
    pub(crate) status: String,
    pub(crate) alt_email: Option<String>,
    pub(crate) public_key: String,
    pub(crate) settings: Value,
    pub(crate) factor_type: String,
    /// Public ids of Yubikeys. An authenticator's secret is not among them.
    pub(crate) factor_value: Vec<String>,
    pub(crate) factors: FactorSet,
    /// Microseconds since 1970.
    pub(crate) created_at: i64,
    pub(crate) modified_at: i64,
}

impl User {
    pub(crate) fn new(id: String, styled_name: &str, now: DateTime<Utc>) -> Self {
        Self {
            id,
            name: styled_name.replace('.', ""),
            styled_name: styled_name.into(),
            password: None,
            status: REGISTERED.into(),
            alt_email: None,
            public_key: String::new(),
            settings: Value::Null,
            factor_type: String::new(),
            factor_value: Vec::new(),
            factors: FactorSet::default(),
            created_at: now.timestamp_micros(),
            modified_at: now.timestamp_micros(),
        }
    }

    pub(crate) fn subject(&self) -> Result<Subject, contract_server::Fault> {
        Ok(Subject::new("", self.id.as_str())?)
    }

    /// What a request proves that has proved the factor, and the password or not.
    pub(crate) fn proof(&self, password: bool) -> Proof {
        Proof {
            id: self.id.clone(),
            factors: self.factors.id.clone(),
            password: password.then(|| self.password.clone()),
        }
    }

    /// What its owner is shown: never a password or a factor.
    pub(crate) fn shown(&self) -> Value {
        let time = |micros| DateTime::from_timestamp_micros(micros).map(rfc3339);
        json!({
            "id": self.id, "date_created": time(self.created_at), "date_modified": time(self.modified_at),
            "name": self.name, "owner": "", "styled_name": self.styled_name, "public_key": self.public_key,
            "settings": self.settings, "type": "beta", "alt_email": self.alt_email.as_deref().unwrap_or_default(),
            "status": self.status,
        })
    }
}

/// What was proved of an account, as it was read then.
pub(crate) struct Proof {
    id: String,
    factors: String,
    password: Option<Option<String>>,
}

impl Proof {
    fn is_of(&self, user: &User) -> bool {
        let password = self.password.as_ref();
        user.factors.id == self.factors && password.is_none_or(|proved| user.password == *proved)
    }
}

/// What became of a change.
pub(crate) enum Changed {
    Done(Box<User>),
    /// There is no account any more.
    Gone,
    /// It has another factor or password than was proved, and stays as it is.
    Other,
}

pub(crate) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Twenty letters and digits.
pub(crate) fn new_id() -> Result<String, RandomFailed> {
    let drawn = Token::try_generate_from_rng(&Format::alphanumeric(20), &mut SysRng)?;
    Ok(drawn.expose_secret().into())
}

/// Lower case, in ASCII alone, so that no language changes a letter; then nothing but word characters and dots.
pub(crate) fn styled_name(typed: &str) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    typed.to_ascii_lowercase().chars().filter(kept).collect()
}

/// By which an account is found.
pub(crate) fn plain_name(typed: &str) -> String {
    styled_name(typed).replace('.', "")
}

impl App {
    pub(crate) async fn user(&self, id: &str) -> Result<Option<User>, DocumentError> {
        let found = self.engine.documents.get::<User>(USER, id).await?;
        Ok(found.map(|found| found.value))
    }

    pub(crate) async fn user_named(&self, name: &str) -> Result<Option<User>, DocumentError> {
        self.claimed(&Claim::Name(name)).await
    }

    /// Changes an account that has still, in this very step, what was proved.
    pub(crate) async fn change_proved(
        &self,
        proof: &Proof,
        change: impl FnMut(&mut User),
    ) -> Result<Changed, DocumentError> {
        self.change_if(&proof.id, |user| proof.is_of(user), change)
            .await
    }

    /// Gives an account that is registered its first password.
    pub(crate) async fn set_up_once(
        &self,
        id: &str,
        password: &str,
    ) -> Result<Changed, DocumentError> {
        self.change_if(
            id,
            |user| user.status == REGISTERED,
            |user| {
                user.password = Some(password.into());
                user.status = "setup".into();
            },
        )
        .await
    }

    async fn change_if(
        &self,
        id: &str,
        condition: impl Fn(&User) -> bool,
        mut change: impl FnMut(&mut User),
    ) -> Result<Changed, DocumentError> {
        let now = self.now().timestamp_micros();
        let changed = self.engine.documents.change(USER, id, |user: &mut User| {
            if !condition(user) {
                return Err(Changed::Other);
            }
            change(user);
            user.modified_at = now;
            Ok(Changed::Done(Box::new(user.clone())))
        });
        Ok(changed.await?.unwrap_or(Changed::Gone))
    }
}
