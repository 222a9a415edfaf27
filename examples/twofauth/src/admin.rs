//! Users, as administrators see them.

use axum::extract::Path;
use otp_vault::store::Subject;
use ott_bearer::token_store::{
    TokensError,
    ott_core::{Binding, Destination},
};
use serde_json::{Value, json};
use twofa_providers::token_delivery::Message;

use crate::{
    answer::{Answer, ApiError, nothing, ok, reply},
    app::{RESET, subject},
    call::{Call, id},
    fields::Fields,
    icons, logs, preferences, shape,
    sharing::Sharing,
    sign_in::new_password,
    tokens,
    users::{Member, User, Users},
};

struct Seen {
    id: i64,
    member: Member,
    subject: Subject,
}

async fn seen(call: &Call, of: &str) -> Result<Seen, ApiError> {
    call.admin()?;
    let id = id(of)?;
    let member = Users::read(call.app()).await?.members.remove(&id);
    Ok(Seen {
        id,
        member: member.ok_or_else(ApiError::not_found)?,
        subject: subject(id)?,
    })
}

impl Seen {
    async fn info(&self, call: &Call) -> Result<Value, ApiError> {
        let app = call.app();
        let user = User::read(app, self.id).await?;
        let accounts = app.vaults.store().rows(&self.subject).await?.len();
        let last = user
            .last_seen_at
            .as_ref()
            .unwrap_or(&self.member.created_at);
        Ok(json!({
            "id": self.id, "name": self.member.name, "email": self.member.email, "oauth_provider": null,
            "preferences": preferences::all(app, &user), "is_admin": self.member.admin,
            "twofaccounts_count": accounts, "last_seen_at": last, "created_at": self.member.created_at,
        }))
    }

    /// The same, with what an administrator may end.
    async fn whole(&self, call: &Call) -> Result<Value, ApiError> {
        let mut value = self.info(call).await?;
        let tokens = tokens::count(call.app(), &self.subject).await?;
        shape::put(&mut value, "password_reset", Value::Null);
        shape::put(&mut value, "valid_personal_access_tokens", tokens);
        shape::put(&mut value, "webauthn_credentials", 0);
        Ok(value)
    }
}

pub(crate) async fn list(call: Call) -> Answer {
    call.admin()?;
    let mut list = Vec::new();
    for (id, member) in Users::read(call.app()).await?.members {
        let subject = subject(id)?;
        let seen = Seen {
            id,
            member,
            subject,
        };
        list.push(seen.info(&call).await?);
    }
    ok(&list.into())
}

pub(crate) async fn show(call: Call, Path(of): Path<String>) -> Answer {
    ok(&seen(&call, &of).await?.whole(&call).await?)
}

pub(crate) async fn create(call: Call) -> Answer {
    call.admin()?;
    let app = call.app();
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    let name = fields.needed_text("name");
    let email = fields.needed_text("email");
    for (field, text) in [("name", name), ("email", email)] {
        if text.chars().count() > 255 {
            fields.wrong(field, "field must not be longer than 255 characters.");
        }
    }
    if !email.is_empty() && Destination::email(email).is_err() {
        fields.wrong("email", "field must be a valid email address.");
    }
    let taken = Users::read(app).await?.taken(name, email);
    for (field, taken) in [("name", taken.0), ("email", taken.1)] {
        if taken {
            fields.wrong(field, "has already been taken.");
        }
    }
    let password = new_password(&mut fields).to_owned();
    if fields.get("is_admin").is_none() {
        fields.wrong("is_admin", "field is required.");
    }
    let admin = fields.boolean("is_admin").unwrap_or(false);
    fields.check()?;
    let id = Users::next(app).await?;
    let user = User {
        password: Some(app.engine.passwords.hash(password).await?),
        ..User::default()
    };
    user.put(app, id).await?;
    let member = Member {
        name: name.into(),
        email: email.into(),
        admin,
        created_at: app.stamp(),
    };
    let add = |users: &mut Users| {
        if users.taken(name, email) != (false, false) {
            return Err(false);
        }
        users.members.insert(id, member.clone());
        Ok(true)
    };
    if !Users::change(app, add).await? {
        User::remove(app, id).await?;
        return Err(ApiError::invalid(
            "email",
            "The email has already been taken.",
        ));
    }
    let subject = subject(id)?;
    let made = Seen {
        id,
        member,
        subject,
    };
    reply(
        201,
        &json!({
            "info": made.info(&call).await?, "password_reset": null, "valid_personal_access_tokens": 0,
            "webauthn_credentials": 0,
        }),
    )
}

/// What a change of the list says where one administrator has to stay.
enum Changed {
    Done,
    Gone,
    OnlyAdmin,
}

pub(crate) async fn delete(call: Call, Path(of): Path<String>) -> Answer {
    let seen = seen(&call, &of).await?;
    let app = call.app();
    let remove = |users: &mut Users| {
        if users.is_only_admin(seen.id) {
            return Err(Changed::OnlyAdmin);
        }
        match users.members.remove(&seen.id) {
            Some(_) => Ok(Changed::Done),
            None => Err(Changed::Gone),
        }
    };
    match Users::change(app, remove).await? {
        Changed::OnlyAdmin => {
            return Err(ApiError::forbidden("Cannot delete the only admin account"));
        }
        Changed::Gone => return Err(ApiError::not_found()),
        Changed::Done => {}
    }
    // Nobody comes in from here on; what is left is removed.
    tokens::revoke_all(app, &seen.subject).await?;
    app.sessions.revoke_all(&seen.subject).await?;
    for row in app.vaults.store().rows(&seen.subject).await? {
        Sharing::forget(app, row.id, None).await?;
        logs::forget_codes(app, row.id).await?;
    }
    // What cannot be read is forgotten too: its icons are found when they are tidied up.
    let accounts = app.vaults.list(&seen.subject).await;
    let accounts = accounts.map_err(ApiError::from).unwrap_or_default();
    app.vaults.store().forget(&seen.subject).await?;
    let icons = accounts
        .iter()
        .filter_map(|account| account.kept.icon.as_deref());
    icons::remove_unused(app, seen.id, &seen.subject, icons).await?;
    Sharing::forget_user(app, seen.id).await?;
    logs::forget_user(app, seen.id).await?;
    User::remove(app, seen.id).await?;
    nothing()
}

pub(crate) async fn promote(call: Call, Path(of): Path<String>) -> Answer {
    let seen = seen(&call, &of).await?;
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    if fields.get("is_admin").is_none() {
        fields.wrong("is_admin", "field is required.");
    }
    let admin = fields.boolean("is_admin").unwrap_or(false);
    fields.check()?;
    let promote = |users: &mut Users| {
        if !admin && users.is_only_admin(seen.id) {
            return Err(Changed::OnlyAdmin);
        }
        match users.members.get_mut(&seen.id) {
            Some(member) => {
                member.admin = admin;
                Ok(Changed::Done)
            }
            None => Err(Changed::Gone),
        }
    };
    match Users::change(call.app(), promote).await? {
        Changed::OnlyAdmin => Err(ApiError::forbidden("Cannot demote the only admin account")),
        Changed::Gone => Err(ApiError::not_found()),
        Changed::Done => {
            let member = Member {
                admin,
                ..seen.member
            };
            ok(&Seen { member, ..seen }.whole(&call).await?)
        }
    }
}

/// Ends the present password, and mails a token for a new one.
pub(crate) async fn reset_password(call: Call, Path(of): Path<String>) -> Answer {
    let seen = seen(&call, &of).await?;
    let app = call.app();
    let address = Destination::email(seen.member.email.as_str());
    let address =
        address.map_err(|_| ApiError::bad("The user has no address that mail goes to"))?;
    let binding = Binding::subject(&seen.subject);
    let issued = match app.engine.tokens.issue(&RESET, &binding).await {
        Err(TokensError::Throttled { retry_after, .. }) => {
            let wait = retry_after.map_or(60, |wait| wait.num_seconds());
            return Err(ApiError::too_many(u64::try_from(wait).unwrap_or(0).max(1)));
        }
        issued => issued?,
    };
    let purpose = RESET.purpose();
    let message = Message::new(purpose, &address, &issued.token);
    let sent = app.engine.delivery.deliver(&message).await;
    sent.map_err(|error| ApiError::outage(&error))?;
    // Behind the mail: one that was not sent leaves the password as it is.
    User::change(app, seen.id, |user| user.password = None).await?;
    app.sessions.revoke_all(&seen.subject).await?;
    let mut value = seen.whole(&call).await?;
    shape::put(&mut value, "password_reset", app.stamp());
    ok(&value)
}

pub(crate) async fn revoke_tokens(call: Call, Path(of): Path<String>) -> Answer {
    let seen = seen(&call, &of).await?;
    tokens::revoke_all(call.app(), &seen.subject).await?;
    nothing()
}

/// There is no sign-in by WebAuthn here, so nobody has a credential.
pub(crate) async fn revoke_credentials(call: Call, Path(of): Path<String>) -> Answer {
    seen(&call, &of).await?;
    nothing()
}
