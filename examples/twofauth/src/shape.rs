//! Accounts and codes, as clients read them.

use otp_vault::{Algorithm, CodeError, Entry, Kind, store::Draft};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{answer::ApiError, parameters::type_name};

/// The text of a secret: padded to whole groups of eight.
pub(crate) fn padded(entry: &Entry) -> String {
    let text = entry.secret.expose_secret();
    let length = text.len().next_multiple_of(8);
    format!("{text:=<length$}")
}

fn maybe(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// An account, as a client reads it. What does not apply is not there.
#[derive(Serialize)]
pub(crate) struct Shown<'a> {
    pub(crate) id: i64,
    pub(crate) group_id: Option<i64>,
    otp_type: &'static str,
    account: &'a str,
    service: Option<&'a str>,
    icon: Option<&'a str>,
    digits: u8,
    algorithm: &'static str,
    period: Option<u32>,
    counter: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) otp: Option<Codes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_shared: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_shared_with_all: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_borrowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) borrowed_by: Option<String>,
}

impl<'a> Shown<'a> {
    /// Without what depends on who reads it.
    pub(crate) fn of(kept: &'a Draft) -> Self {
        let entry = &kept.entry;
        Self {
            id: 0,
            group_id: None,
            otp_type: type_name(entry.kind),
            account: &entry.account,
            service: maybe(&entry.issuer),
            icon: kept.icon.as_deref(),
            digits: entry.digits,
            algorithm: match entry.algorithm {
                Algorithm::Md5 => "md5",
                Algorithm::Sha1 => "sha1",
                Algorithm::Sha256 => "sha256",
                Algorithm::Sha512 => "sha512",
            },
            period: entry.period(),
            counter: entry.counter(),
            secret: None,
            otp: None,
            is_shared: None,
            is_shared_with_all: None,
            is_borrowed: None,
            borrowed_by: None,
        }
    }
}

/// What is read of one that nobody keeps: without an id.
pub(crate) fn account(kept: &Draft) -> Value {
    let mut value = json!(Shown::of(kept));
    if let Some(fields) = value.as_object_mut() {
        fields.remove("id");
    }
    value
}

/// Adds a field to an object.
pub(crate) fn put(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.into(), value.into());
    }
}

fn code_refusal(error: CodeError) -> ApiError {
    let what = match error {
        CodeError::Spent => "The last counter was used.",
        CodeError::Short => "MD5 has no code for this time or counter.",
        _ => "The secret makes no codes.",
    };
    ApiError::bad_parameters(what)
}

/// The code of an account by clock, with the one after it.
///
/// The latter is of two seconds behind the present one's end, as the contract has it: a period of one or two seconds is
/// left out.
pub(crate) fn codes(entry: &Entry, now: u64) -> Result<Codes, ApiError> {
    let code = entry.code(now).map_err(code_refusal)?;
    let left = entry.seconds_left(now).unwrap_or(0);
    let next = entry.code(now.saturating_add(left).saturating_add(2));
    Ok(Codes {
        password: code.expose_secret().into(),
        generated_at: now,
        next_password: next.ok().map(|next| next.expose_secret().into()),
    })
}

/// A code by clock, and the one after it.
#[derive(Serialize)]
pub(crate) struct Codes {
    password: String,
    generated_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_password: Option<String>,
}

/// The answer to who asks for a code; of an account by counter, the one of this counter.
pub(crate) fn otp(entry: &Entry, now: u64) -> Result<Value, ApiError> {
    if let Kind::Hotp(counter) = entry.kind {
        let code = entry.code(now).map_err(code_refusal)?;
        return Ok(json!({
            "password": code.expose_secret(), "otp_type": "hotp", "counter": counter.saturating_add(1),
        }));
    }
    let mut otp = json!(codes(entry, now)?);
    put(&mut otp, "otp_type", type_name(entry.kind));
    put(&mut otp, "period", entry.period());
    Ok(otp)
}
