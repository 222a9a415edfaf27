//! Settings of the administrators.

use std::collections::BTreeMap;

use axum::extract::Path;
use serde_json::{Value, json};

use crate::{
    answer::{Answer, ApiError, nothing, ok, reply},
    app::App,
    call::Call,
    fields::Fields,
};

/// Those that the server knows, with their values before anybody sets them.
const NATIVE: [(&str, Native); 13] = [
    ("allUsersSharingScope", Native::Switch(false)),
    ("allowPatWhileSsoOnly", Native::Switch(false)),
    ("checkForUpdate", Native::Switch(true)),
    ("disableRegistration", Native::Switch(false)),
    ("enableSharing", Native::Switch(false)),
    ("enableSso", Native::Switch(true)),
    ("keepSsoRegistrationEnabled", Native::Switch(false)),
    ("restrictList", Native::Text),
    ("restrictRegistration", Native::Switch(false)),
    ("restrictRule", Native::Text),
    ("storeIconsInDatabase", Native::Switch(true)),
    ("useEncryption", Native::Switch(false)),
    ("useSsoOnly", Native::Switch(false)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Native {
    Switch(bool),
    /// May be empty, and is put back by deleting it.
    Text,
}

const SETTINGS: (&str, &str) = ("settings", "all");

type Values = BTreeMap<String, Value>;

fn native(name: &str) -> Option<Native> {
    let found = NATIVE.iter().find(|(known, _)| *known == name);
    found.map(|(_, native)| *native)
}

/// All of them, with what was set.
async fn all(app: &App) -> Result<Values, ApiError> {
    let native = NATIVE.iter().map(|(name, native)| {
        let value = match native {
            Native::Switch(on) => (*on).into(),
            Native::Text => "".into(),
        };
        ((*name).to_owned(), value)
    });
    let mut values: Values = native.collect();
    let set = app.engine.documents.get::<Values>(SETTINGS.0, SETTINGS.1);
    values.extend(set.await?.map(|set| set.value).unwrap_or_default());
    Ok(values)
}

async fn change<R>(
    app: &App,
    change: impl FnMut(&mut Values) -> Result<R, R>,
) -> Result<R, ApiError> {
    let documents = &app.engine.documents;
    documents
        .add(SETTINGS.0, SETTINGS.1, &Values::new())
        .await?;
    let changed = documents.change(SETTINGS.0, SETTINGS.1, change).await?;
    changed.ok_or_else(|| ApiError::outage(&"the settings are gone"))
}

/// Whether a switch is on.
pub(crate) async fn is_on(app: &App, name: &str) -> Result<bool, ApiError> {
    Ok(all(app).await?.get(name) == Some(&Value::Bool(true)))
}

fn shape(key: &str, value: &Value) -> Value {
    json!({"key": key, "value": value})
}

/// Names are letters.
fn named(name: &str) -> Result<(), ApiError> {
    let letters = name.bytes().all(|byte| byte.is_ascii_alphabetic());
    let fits = letters && !name.is_empty() && name.len() <= 128;
    fits.then_some(()).ok_or_else(ApiError::not_found)
}

/// The value of a body, of the type that the setting has.
fn value(fields: &mut Fields<'_>, name: &str) -> Value {
    let known = native(name);
    let Some(value) = fields.get("value") else {
        if known == Some(Native::Text) && fields.has("value") {
            return "".into();
        }
        fields.wrong("value", "field is required.");
        return Value::Null;
    };
    match (known, value) {
        (Some(Native::Switch(_)), value) => {
            let on = match value {
                Value::Bool(on) => Some(*on),
                Value::Number(number) => match number.as_i64() {
                    Some(0) => Some(false),
                    Some(1) => Some(true),
                    _ => None,
                },
                Value::String(text) => match text.as_str() {
                    "0" | "false" => Some(false),
                    "1" | "true" => Some(true),
                    _ => None,
                },
                _ => None,
            };
            if on.is_none() {
                fields.wrong("value", "field must be true or false.");
            }
            on.into()
        }
        (Some(Native::Text), Value::String(_)) => value.clone(),
        (Some(Native::Text), _) => {
            fields.wrong("value", "field must be a string.");
            Value::Null
        }
        (None, Value::String(_) | Value::Bool(_)) => value.clone(),
        (None, Value::Number(number)) if !number.is_f64() => value.clone(),
        (None, _) => {
            fields.wrong("value", "field must be a text, a whole number or a switch.");
            Value::Null
        }
    }
}

pub(crate) async fn list(call: Call) -> Answer {
    call.admin()?;
    let values = all(call.app()).await?;
    let list: Vec<_> = values
        .iter()
        .map(|(key, value)| shape(key, value))
        .collect();
    ok(&list.into())
}

pub(crate) async fn show(call: Call, Path(name): Path<String>) -> Answer {
    call.admin()?;
    named(&name)?;
    let values = all(call.app()).await?;
    let value = values.get(&name).ok_or_else(ApiError::not_found)?;
    ok(&shape(&name, value))
}

pub(crate) async fn create(call: Call) -> Answer {
    call.admin()?;
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    let key = fields.needed_text("key");
    if !key.is_empty() && named(key).is_err() {
        fields.wrong("key", "field must be at most 128 letters.");
    }
    let value = value(&mut fields, key);
    if native(key).is_some() || all(call.app()).await?.contains_key(key) {
        fields.wrong("key", "has already been taken.");
    }
    fields.check()?;
    let add = |values: &mut Values| {
        if values.contains_key(key) {
            return Err(false);
        }
        values.insert(key.into(), value.clone());
        Ok(true)
    };
    if !change(call.app(), add).await? {
        return Err(ApiError::invalid("key", "The key has already been taken."));
    }
    reply(201, &shape(key, &value))
}

pub(crate) async fn update(call: Call, Path(name): Path<String>) -> Answer {
    call.admin()?;
    named(&name)?;
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    let value = value(&mut fields, &name);
    fields.check()?;
    let set = |values: &mut Values| {
        values.insert(name.clone(), value.clone());
        Ok(())
    };
    change(call.app(), set).await?;
    ok(&shape(&name, &value))
}

pub(crate) async fn delete(call: Call, Path(name): Path<String>) -> Answer {
    call.admin()?;
    named(&name)?;
    if let Some(Native::Switch(_)) = native(&name) {
        return Err(ApiError::bad("Only user-created setting can be deleted"));
    }
    let remove = |values: &mut Values| match values.remove(&name) {
        Some(_) => Ok(true),
        None => Err(false),
    };
    if !change(call.app(), remove).await? && native(&name).is_none() {
        return Err(ApiError::not_found());
    }
    nothing()
}
