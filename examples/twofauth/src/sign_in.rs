//! The session of a browser.

use axum::http::{HeaderValue, header::SET_COOKIE};
use contract_server::Transaction;
use ott_bearer::{
    New,
    token_store::{TokensError, ott_core::Record},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    answer::{Answer, ApiError, nothing, ok},
    app::{App, RESET, subject},
    call::{COOKIE, Call, Visit, cookie, foreign, is_foreign, xsrf},
    fields::Fields,
    logs, preferences,
    users::{NOBODY, User, Users},
};

/// The hash with which this was found right, if it was. `None` is nobody: the same is read, and it takes as long. Wrong ones
/// are counted.
///
/// # Errors
/// Too many were wrong within a minute: then no other is compared.
pub(crate) async fn right_hash(
    app: &App,
    name: &str,
    user: Option<i64>,
    password: &str,
) -> Result<Option<String>, ApiError> {
    let name: String = name.to_lowercase().chars().take(255).collect();
    let counted = match app.settings.login_throttle {
        Some(limit) => {
            let counted = app.wrong.begin(&name, limit, || app.unix()).await;
            Some(counted.map_err(ApiError::too_many)?)
        }
        None => None,
    };
    let stored = User::read_or_nobody(app, user).await?;
    let stored = stored.and_then(|user| user.password);
    let password = Zeroizing::new(String::from(password));
    let right = app
        .engine
        .passwords
        .verify(password, stored.clone())
        .await?;
    if let Some(counted) = counted.filter(|_| right) {
        counted.was_right();
    }
    Ok(stored.filter(|_| right))
}

/// A cookie: of the session, or the token that a script of the page reads.
fn set(visit: &Visit, name: &str, value: &str, age: i64) -> Result<HeaderValue, ApiError> {
    let hidden = if name == COOKIE { "; HttpOnly" } else { "" };
    let secure = if visit.is_secure() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; SameSite=Lax; Max-Age={age}{hidden}{secure}");
    HeaderValue::from_str(&text).map_err(|error| ApiError::outage(&error))
}

/// As long as a session lives, in seconds.
const AGE: i64 = 30 * 86_400;

pub(crate) async fn sign_in(visit: Visit) -> Answer {
    let app = &*visit.app;
    if is_foreign(app, &visit.headers) {
        return Err(foreign());
    }
    let body = visit.object()?;
    let mut fields = Fields::new(&body);
    let email = fields.needed_text("email");
    let password = fields.needed_text("password");
    fields.check()?;
    let users = Users::read(app).await?;
    let user = users.by_email(email);
    let verified = right_hash(app, email, user, password).await?;
    let right = verified.is_some();
    logs::sign_in(&visit, user.unwrap_or(NOBODY), right).await?;
    let known = user.filter(|_| right);
    let (Some(id), Some(member)) = (known, known.and_then(|id| users.members.get(&id))) else {
        return Err(ApiError::unauthorized());
    };
    let owner = subject(id)?;
    let issued = app.sessions.issue(&New::of(&owner)).await;
    let issued = issued.map_err(|error| ApiError::outage(&error))?;
    let session = issued.token.expose_secret();
    // A password that was changed while this one waited for its turn has ended all sessions but this one.
    if User::read(app, id).await?.password != verified {
        app.sessions.revoke(&owner, issued.facts.id()).await?;
        return Err(ApiError::unauthorized());
    }
    let now = app.stamp();
    User::change(app, id, |user| user.last_seen_at = Some(now.clone())).await?;
    let user = User::read(app, id).await?;
    let mut response = ok(&json!({
        "message": "authenticated", "id": id, "name": member.name, "email": member.email, "oauth_provider": null,
        "preferences": preferences::all(app, &user), "is_admin": member.admin,
    }))?;
    let headers = response.headers_mut();
    headers.append(SET_COOKIE, set(&visit, COOKIE, session, AGE)?);
    let token = set(&visit, "XSRF-TOKEN", &xsrf(app, session), AGE)?;
    headers.append(SET_COOKIE, token);
    Ok(response)
}

pub(crate) async fn sign_out(call: Call) -> Answer {
    if let Some(session) = &call.session {
        call.app().sessions.revoke(&call.subject, session).await?;
    }
    let mut response = ok(&json!({"message": "signed out"}))?;
    let headers = response.headers_mut();
    headers.append(SET_COOKIE, set(&call.visit, COOKIE, "", 0)?);
    headers.append(SET_COOKIE, set(&call.visit, "XSRF-TOKEN", "", 0)?);
    Ok(response)
}

/// The token that a page sends along: it belongs to the session. Who has none gets one that is worth nothing.
pub(crate) async fn refresh_csrf(visit: Visit) -> Answer {
    let app = &*visit.app;
    let session = cookie(&visit.headers, COOKIE).unwrap_or_default();
    let mut response = nothing()?;
    let token = set(&visit, "XSRF-TOKEN", &xsrf(app, session), AGE)?;
    response.headers_mut().append(SET_COOKIE, token);
    Ok(response)
}

/// Sets the password that an administrator asked for anew: with the token of the mail, once.
pub(crate) async fn reset(visit: Visit) -> Answer {
    let app = &*visit.app;
    if is_foreign(app, &visit.headers) {
        return Err(foreign());
    }
    let body = visit.object()?;
    let mut fields = Fields::new(&body);
    let token = fields.needed_text("token");
    let password = new_password(&mut fields).to_owned();
    fields.check()?;
    // A look that spends nothing: only who has the token has a password hashed, which is slow, and nobody waits for it with
    // an open transaction.
    drop(redeem(app, token).await?);
    let hash = app.engine.passwords.hash(password).await?;
    let (mut open, record) = redeem(app, token).await?;
    let owner = record.stored().owner();
    let owner = owner.ok_or_else(ApiError::not_found)?;
    let id: i64 = owner.id().parse().map_err(|_| ApiError::not_found())?;
    let set = |user: &mut User| user.password = Some(hash.clone());
    User::change_within(app, &mut open, id, set).await?;
    open.commit()
        .await
        .map_err(|error| ApiError::outage(&error))?;
    // Behind the password: a sign-in with the old one that has its session by now loses it here, a later one looks again.
    app.sessions.revoke_all(&owner).await?;
    ok(&json!({"message": "password updated"}))
}

/// Redeems the token of a mail in a transaction; dropped, that leaves it unspent.
async fn redeem(app: &App, token: &str) -> Result<(Transaction, Record), ApiError> {
    let redeemed =
        app.engine
            .opening
            .redeem_by_itself_in_transaction(&RESET, "", token, async |claimed| {
                Ok(claimed.owner_alone())
            });
    redeemed.await.map_err(|error| match error {
        TokensError::Rejected(_) => ApiError::invalid("token", "The token is invalid."),
        error => error.into(),
    })
}

/// A new password of a body, twice the same.
pub(crate) fn new_password<'a>(fields: &mut Fields<'a>) -> &'a str {
    let password = fields.needed_text("password");
    if !password.is_empty() && password.chars().count() < 8 {
        fields.wrong("password", "field must have at least 8 characters.");
    }
    let again = fields.get("password_confirmation").and_then(Value::as_str);
    if again != Some(password) {
        fields.wrong("password", "field confirmation does not match.");
    }
    password
}
