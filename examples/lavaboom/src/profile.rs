//! /accounts/me: what a signed-in user sees and changes.

use actix_web::{
    HttpRequest,
    web::{Bytes, Data, Path},
};
use ott_bearer::token_store::ott_core::Destination;
use serde_json::{Value, json};
use twofa_providers::MAX_FACTORS_PER_PROVIDER;
use zeroize::Zeroizing;

use crate::{
    answer::{Answer, Reply},
    app::App,
    claims::Claim,
    factors::{AUTHENTICATOR, NewFactor, YUBICLOUD},
    input::{Input, Unreadable},
    user::{USER, User},
};

pub(crate) async fn list(app: Data<App>, request: HttpRequest) -> Answer {
    app.signed_in(&request).await?;
    Err(Reply::refused(501, "Sorry, not implemented yet"))
}

pub(crate) async fn get(app: Data<App>, request: HttpRequest, id: Path<String>) -> Answer {
    let user = app.me(&request, &id).await?;
    Ok(Reply::of(
        200,
        json!({"success": true, "user": user.shown()}),
    ))
}

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

impl Wanted {
    fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Unreadable> {
        let input = Input::read(request, body)?;
        let filled = |name| Ok(input.text(name)?.filter(|text| !text.is_empty()));
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
    let user = app.me(&request, &id).await?;
    let wanted = Wanted::read(&request, &body);
    let wanted = wanted.map_err(|Unreadable| Reply::refused(409, "Invalid input format"))?;
    if !wanted.new_password.is_empty() || !wanted.current_password.is_empty() {
        let current = wanted.current_password.clone();
        if !app.password_is(&user.name, Some(&user), current).await? {
            return Err(Reply::refused(403, "Invalid current password"));
        }
    }
    app.second_factor(&user, &wanted.token).await?;
    if app.weak.has(&wanted.new_password) {
        return Err(Reply::refused(400, "Weak new password"));
    }
    let factor = wanted.factor(&user)?;
    let password = match wanted.new_password.as_str() {
        "" => None,
        _ => Some(app.engine.passwords.hash(wanted.new_password).await?),
    };
    if let Some(email) = &wanted.alt_email {
        app.move_email(&user, email).await?;
    }
    let mut added = Vec::new();
    if let Some((_, new)) = &factor {
        // Where there is no room for the new ones beside the present ones, those go first.
        let all = user.factors.len().saturating_add(new.values().len());
        if all > MAX_FACTORS_PER_PROVIDER {
            app.drop_factors(&user.factors).await?;
        }
        added = app.add_factors(&user.subject()?, new).await?;
    }
    let mut replaced = Vec::new();
    let changed = app.change(&user.id, |user| {
        if let Some((kind, new)) = &factor {
            replaced = core::mem::replace(&mut user.factors, added.clone());
            user.factor_type.clone_from(kind);
            user.factor_value = new.values();
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
    let changed = changed.await?;
    let changed = changed.ok_or_else(|| Reply::refused(401, "Invalid authorization token"))?;
    app.drop_factors(&replaced).await?;
    let message = "Your account has been successfully updated";
    Ok(Reply::done(200, message).with("account", changed.shown()))
}

pub(crate) async fn delete(app: Data<App>, request: HttpRequest, id: Path<String>) -> Answer {
    let user = app.me(&request, &id).await?;
    app.bearers.revoke_all(&user.subject()?).await?;
    app.engine.documents.remove(USER, &user.id).await?;
    app.unclaim(&Claim::Name(&user.name), &user.id).await?;
    if let Some(email) = &user.alt_email {
        app.unclaim(&Claim::Email(email), &user.id).await?;
    }
    app.drop_factors(&user.factors).await?;
    // A sign-in that ran meanwhile left nothing.
    app.bearers.revoke_all(&user.subject()?).await?;
    Ok(Reply::done(
        200,
        "Your account has been successfully deleted",
    ))
}

pub(crate) async fn wipe(app: Data<App>, request: HttpRequest, id: Path<String>) -> Answer {
    let user = app.me(&request, &id).await?;
    app.bearers.revoke_all(&user.subject()?).await?;
    Ok(Reply::done(200, "Your account has been successfully wiped"))
}

fn secrets(values: Vec<String>) -> Vec<Zeroizing<String>> {
    values.into_iter().map(Zeroizing::new).collect()
}

impl App {
    async fn me(&self, request: &HttpRequest, id: &str) -> Result<User, Reply> {
        let signed_in = self.signed_in(request).await?;
        if id != "me" {
            let message = r#"Only the "me" user is implemented"#;
            return Err(Reply::refused(501, message));
        }
        Ok(signed_in.user)
    }

    /// The account has this address from now on, and no other account has it.
    async fn move_email(&self, user: &User, email: &str) -> Result<(), Reply> {
        let email = Destination::email(email);
        let email = email.map_err(|_| Reply::refused(400, "Invalid request"))?;
        let (address, old) = (email.address(), user.alt_email.as_deref());
        if old == Some(address) {
            return Ok(());
        }
        let claim = Claim::Email(address);
        let taken = || Reply::refused(409, "Email already used");
        if !self.claim(&claim, &user.id).await? {
            return Err(taken());
        }
        let moved = self.change(&user.id, |user| user.alt_email = Some(address.into()));
        let moved = moved.await?;
        moved.ok_or_else(|| Reply::refused(401, "Invalid authorization token"))?;
        if !self.hold(&claim, &user.id).await? {
            let back = self.change(&user.id, |own| {
                if own.alt_email.as_deref() == Some(address) {
                    own.alt_email = old.map(String::from);
                }
            });
            back.await?;
            return Err(taken());
        }
        if let Some(old) = old {
            self.unclaim(&Claim::Email(old), &user.id).await?;
        }
        Ok(())
    }
}
