//! PUT /accounts/me: what a signed-in user changes, and what they prove for it.

use actix_web::{
    HttpRequest,
    web::{Bytes, Data, Path},
};
use contract_server::DocumentError;
use ott_bearer::token_store::ott_core::Destination;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    answer::{Answer, Reply},
    app::App,
    begun::Begun,
    claims::Claim,
    factors::FactorSet,
    input::{Input, Unreadable},
    new_factor::{AUTHENTICATOR, NewFactor, YUBICLOUD},
    user::{Changed, User},
};

struct Wanted {
    current_password: Zeroizing<String>,
    new_password: Zeroizing<String>,
    token: String,
    factor_type: Option<String>,
    factor_value: Option<Vec<Zeroizing<String>>>,
    alt_email: Option<String>,
    public_key: Option<String>,
    settings: Option<Value>,
}

/// What is wanted of the account as it is, and can be.
struct Change {
    factor: Option<(String, NewFactor)>,
    /// Another address than the present one.
    email: Option<Destination>,
}

impl Wanted {
    fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Unreadable> {
        let input = Input::read(request, body)?;
        let filled = |name| Ok(input.text(name)?.filter(|text| !text.is_empty()));
        let secrets = |values: Vec<String>| values.into_iter().map(Zeroizing::new).collect();
        Ok(Self {
            current_password: input.text_or_empty("current_password")?.into(),
            new_password: input.text_or_empty("new_password")?.into(),
            token: input.text_or_empty("token")?,
            factor_type: input.text("factor_type")?,
            factor_value: input.list("factor_value")?.map(secrets),
            alt_email: filled("alt_email")?,
            public_key: filled("public_key")?,
            settings: input.value("settings"),
        })
    }

    fn asks_password(&self) -> bool {
        !self.new_password.is_empty() || !self.current_password.is_empty()
    }

    /// What cannot be of this account is refused.
    fn of(&self, user: &User) -> Result<Change, Reply> {
        let email = match &self.alt_email {
            None => None,
            Some(email) => {
                let email = Destination::email(email.as_str());
                Some(email.map_err(|_| Reply::refused(400, "Invalid request"))?)
            }
        };
        Ok(Change {
            factor: self.factor(user)?,
            email: email.filter(|email| user.alt_email.as_deref() != Some(email.address())),
        })
    }

    /// The factor that is wanted; `None` where it stays as it is.
    fn factor(&self, user: &User) -> Result<Option<(String, NewFactor)>, Reply> {
        let kind = match (&self.factor_type, &self.factor_value) {
            (Some(kind), _) => kind,
            (None, Some(values)) if !values.is_empty() && !user.factor_type.is_empty() => {
                &user.factor_type
            }
            (None, _) => return Ok(None),
        };
        if !["", AUTHENTICATOR, YUBICLOUD].contains(&kind.as_str()) {
            return Err(Reply::refused(400, "Invalid new 2FA type"));
        }
        let values = self.factor_value.as_deref().unwrap_or_default();
        let new = NewFactor::read(kind, values);
        let new = new.ok_or_else(|| Reply::refused(400, "Invalid new 2FA value"))?;
        Ok(Some((kind.clone(), new)))
    }
}

pub(crate) async fn put(
    app: Data<App>,
    request: HttpRequest,
    id: Path<String>,
    body: Bytes,
) -> Answer {
    let mut user = app.me(&request, &id).await?;
    let wanted = Wanted::read(&request, &body);
    let wanted = wanted.map_err(|Unreadable| Reply::refused(409, "Invalid input format"))?;
    let changed = loop {
        if let Some(changed) = app.prove_and_change(&user, &wanted).await? {
            break changed;
        }
        // Somebody was faster, and this request comes after theirs: it proves what they left.
        user = app.user(&user.id).await?.ok_or_else(gone)?;
    };
    let message = "Your account has been successfully updated";
    Ok(Reply::done(200, message).with("account", changed.shown()))
}

/// What was changed stands, whatever does not answer after it.
fn seen_to_later(error: DocumentError) {
    Reply::outage(&error);
}

fn gone() -> Reply {
    Reply::refused(401, "Invalid authorization token")
}

impl App {
    /// Changes the account, if it has still what was proved; else nothing is changed, and this is `None`.
    async fn prove_and_change(&self, user: &User, wanted: &Wanted) -> Result<Option<User>, Reply> {
        if wanted.asks_password() {
            let current = wanted.current_password.clone();
            if !self.password_is(&user.name, Some(user), current).await? {
                return Err(Reply::refused(403, "Invalid current password"));
            }
        }
        // A token that is missing is asked for first. One that came is not spent for what cannot be.
        if wanted.token.is_empty() {
            self.second_factor(user, "").await?;
        }
        if self.weak.has(&wanted.new_password) {
            return Err(Reply::refused(400, "Weak new password"));
        }
        let change = wanted.of(user)?;
        self.second_factor(user, &wanted.token).await?;
        let password = match wanted.new_password.as_str() {
            "" => None,
            _ => Some(
                self.engine
                    .passwords
                    .hash(wanted.new_password.clone())
                    .await?,
            ),
        };
        let email = change.email.as_ref().map(Destination::address);
        let claim = email.map(Claim::Email);
        if let Some(claim) = &claim
            && !self.claim(claim, &user.id).await?
        {
            return Err(Reply::refused(409, "Email already used"));
        }
        let added = self.beside(user, &change).await?;
        let proof = user.proof(wanted.asks_password());
        let changed = self.change_proved(&proof, |user| {
            if let (Some((kind, new)), Some(added)) = (&change.factor, &added) {
                user.factors.clone_from(added);
                user.factor_type.clone_from(kind);
                user.factor_value = new.values();
            }
            if let Some(email) = email {
                user.alt_email = Some(email.into());
            }
            if let Some(password) = &password {
                user.password = Some(password.clone());
            }
            if let Some(key) = &wanted.public_key {
                user.public_key.clone_from(key);
            }
            if let Some(settings) = &wanted.settings {
                user.settings.clone_from(settings);
            }
        });
        // After an outage nobody knows which set the account names: it is seen to later.
        let changed = changed.await?;
        let (set, address) = match &changed {
            Changed::Done(_) => (added.is_some().then_some(&user.factors), &user.alt_email),
            Changed::Gone | Changed::Other => (added.as_ref(), &wanted.alt_email),
        };
        if let Some(set) = set {
            self.drop_factors(set).await;
        }
        if let (Some(_), Some(address)) = (email, address) {
            let given_up = self.unclaim(&Claim::Email(address), &user.id).await;
            given_up.unwrap_or_else(seen_to_later);
        }
        match changed {
            Changed::Done(changed) => {
                if let Some(added) = &added {
                    self.end(&added.id).await.unwrap_or_else(seen_to_later);
                }
                Ok(Some(*changed))
            }
            Changed::Gone => Err(gone()),
            Changed::Other => Ok(None),
        }
    }

    /// The factors that are wanted, beside the present ones. Both are written down as begun: one of them is nobody's soon.
    async fn beside(&self, user: &User, change: &Change) -> Result<Option<FactorSet>, Reply> {
        let Some((_, new)) = &change.factor else {
            return Ok(None);
        };
        let added = self.add_factors(&user.id, new).await?;
        if !user.factors.id.is_empty() {
            let present = Begun::Factors {
                user: user.id.clone(),
            };
            self.begin(&user.factors.id, &present).await?;
        }
        Ok(Some(added))
    }
}
