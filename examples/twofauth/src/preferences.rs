//! Preferences of a user.

use axum::extract::Path;
use ott_bearer::token_store::ott_core::chrono::TimeDelta;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, ApiError, ok, reply},
    app::App,
    call::{Call, Visit},
    fields::Fields,
    users::User,
};

/// Every preference, and its value before anybody sets it.
const ALL: [(&str, Builtin); 33] = [
    ("activeGroup", Builtin::Number(0)),
    ("autoCloseTimeout", Builtin::Text("2")),
    ("autoSaveQrcodedAccount", Builtin::Switch(false)),
    ("clearSearchOnCopy", Builtin::Switch(false)),
    ("closeOtpOnCopy", Builtin::Switch(false)),
    ("copyOtpOnDisplay", Builtin::Switch(false)),
    ("defaultCaptureMode", Builtin::Text("livescan")),
    ("defaultGroup", Builtin::Number(0)),
    ("displayMode", Builtin::Text("list")),
    ("formatPassword", Builtin::Switch(true)),
    ("formatPasswordBy", Builtin::Half),
    ("getOfficialIcons", Builtin::Switch(true)),
    ("getOtpOnRequest", Builtin::Switch(true)),
    ("iconCollection", Builtin::Text("selfh")),
    ("iconPack", Builtin::Null),
    ("iconSource", Builtin::Text("logolib")),
    ("iconVariant", Builtin::Text("regular")),
    ("kickUserAfter", Builtin::Number(15)),
    ("lang", Builtin::Text("browser")),
    ("notifyOnFailedLogin", Builtin::Switch(false)),
    ("notifyOnNewAuthDevice", Builtin::Switch(false)),
    ("rememberActiveGroup", Builtin::Switch(true)),
    ("revealDottedOTP", Builtin::Switch(false)),
    ("showAccountsIcons", Builtin::Switch(true)),
    ("showNextOtp", Builtin::Switch(true)),
    ("showOtpAsDot", Builtin::Switch(false)),
    ("sortCaseSensitive", Builtin::Switch(false)),
    ("theme", Builtin::Text("system")),
    ("timezone", Builtin::Text("UTC")),
    ("useBasicQrcodeReader", Builtin::Switch(false)),
    ("useDirectCapture", Builtin::Switch(false)),
    ("useWebauthnOnly", Builtin::Switch(false)),
    ("viewDefaultGroupOnCopy", Builtin::Switch(false)),
];

#[derive(Clone, Copy)]
pub(crate) enum Builtin {
    Half,
    Null,
    Number(i64),
    Switch(bool),
    Text(&'static str),
}

pub(crate) fn builtin(name: &str) -> Option<Builtin> {
    let found = ALL.iter().find(|(known, _)| *known == name);
    found.map(|(_, builtin)| *builtin)
}

fn value(app: &App, user: &User, name: &str) -> Option<Value> {
    let builtin = builtin(name)?;
    let set = user.preferences.get(name).filter(|_| !is_locked(app, name));
    let value = set.or_else(|| app.settings.userpref_default.get(name));
    Some(value.cloned().unwrap_or_else(|| match builtin {
        Builtin::Half => 0.5.into(),
        Builtin::Null => Value::Null,
        Builtin::Number(number) => number.into(),
        Builtin::Switch(on) => on.into(),
        Builtin::Text(text) => text.into(),
    }))
}

fn is_locked(app: &App, name: &str) -> bool {
    app.settings
        .userpref_locked
        .iter()
        .any(|locked| locked == name)
}

/// All of a user's, by name.
pub(crate) fn all(app: &App, user: &User) -> Value {
    let all = ALL.iter().map(|(name, _)| {
        let value = value(app, user, name).unwrap_or(Value::Null);
        ((*name).to_owned(), value)
    });
    Value::Object(all.collect())
}

/// For how long a session may be left alone; `None` for as long as it lives.
pub(crate) fn idle(app: &App, user: &User) -> Option<TimeDelta> {
    let minutes = number(app, user, "kickUserAfter")?;
    TimeDelta::try_minutes(minutes).filter(|_| minutes > 0)
}

/// A preference as a number, which clients also send as a text.
fn number(app: &App, user: &User, name: &str) -> Option<i64> {
    let value = value(app, user, name)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The group that a new account stands in: −1 stands for the one that is looked at.
pub(crate) async fn default_group(call: &Call) -> Result<Option<i64>, ApiError> {
    let app = call.app();
    let user = User::read(app, call.id).await?;
    let group = match number(app, &user, "defaultGroup") {
        Some(-1) => number(app, &user, "activeGroup"),
        group => group,
    };
    Ok(group.filter(|group| *group > 0))
}

fn shape(app: &App, user: &User, name: &str) -> Option<Value> {
    let value = value(app, user, name)?;
    Some(json!({"key": name, "value": value, "locked": is_locked(app, name)}))
}

pub(crate) async fn me(call: Call) -> Answer {
    let app = call.app();
    let user = User::read(app, call.id).await?;
    ok(&json!({
        "id": call.id, "name": call.member.name, "email": call.member.email, "oauth_provider": null,
        "preferences": all(app, &user), "is_admin": call.member.admin,
    }))
}

/// Deprecated: it once told everybody who the only user is.
pub(crate) async fn name(_: Visit) -> Answer {
    let mut response = ok(&json!({"deprecation": true}))?;
    let headers = response.headers_mut();
    headers.insert("deprecation", axum::http::HeaderValue::from_static("true"));
    Ok(response)
}

pub(crate) async fn list(call: Call) -> Answer {
    let app = call.app();
    let user = User::read(app, call.id).await?;
    let list: Vec<_> = ALL
        .iter()
        .filter_map(|(name, _)| shape(app, &user, name))
        .collect();
    ok(&list.into())
}

pub(crate) async fn show(call: Call, Path(name): Path<String>) -> Answer {
    let app = call.app();
    let user = User::read(app, call.id).await?;
    ok(&shape(app, &user, &name).ok_or_else(ApiError::not_found)?)
}

pub(crate) async fn update(call: Call, Path(name): Path<String>) -> Answer {
    let app = call.app();
    let builtin = builtin(&name).ok_or_else(ApiError::not_found)?;
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    let value = match (fields.get("value"), builtin) {
        (None, Builtin::Null) if fields.has("value") => Value::Null,
        (None, _) => {
            fields.wrong("value", "field is required.");
            Value::Null
        }
        (Some(Value::Array(_) | Value::Object(_)), _) => {
            fields.wrong("value", "field must be a text, a number or a switch.");
            Value::Null
        }
        (Some(value), _) => value.clone(),
    };
    fields.check()?;
    if is_locked(app, &name) {
        return Err(ApiError::forbidden(
            "This preference is locked by the administrator",
        ));
    }
    let set = |user: &mut User| {
        user.preferences.insert(name.clone(), value.clone());
    };
    User::change(app, call.id, set).await?;
    reply(201, &json!({"key": name, "value": value}))
}
