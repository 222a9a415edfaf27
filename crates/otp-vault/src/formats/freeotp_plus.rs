//! FreeOTP+: JSON whose secrets are lists of signed bytes.
//!
//! Source: helloworld1/FreeOTPPlus, `Token` and `ImportExportUtil`.

use serde_json::{Value, json};

use crate::cipher::Plain;
use crate::entry::Draft;
use crate::error::ExportError;
use crate::file::File;
use crate::json::{Fields, Json};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, ImportError, Kind, Password, Reason};

pub(crate) fn recognise(file: &File<'_>) -> bool {
    file.field("tokenOrder").is_some() && file.field("tokens").is_some()
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let items = file
        .root("FreeOTP+")?
        .field("tokens")
        .as_array()
        .ok_or(unlock.damaged())?;
    Ok(Report::of(items, unlock.progress, |item| {
        (
            item.text("label").into(),
            entry(item, signed_bytes(item.field("secret"))),
        )
    }))
}

/// The account of a token whose secret is known; FreeOTP's own files have the same fields.
pub(super) fn entry(
    item: &Value,
    secret: Result<zeroize::Zeroizing<Vec<u8>>, Reason>,
) -> Result<Entry, Reason> {
    let issuer = Some(item.text("issuerExt"))
        .filter(|issuer| !issuer.is_empty())
        .unwrap_or(item.text("issuerInt"));
    let draft = Draft {
        kind: item.text("type"),
        issuer,
        account: item.text("label"),
        algorithm: item.text("algo"),
        digits: item.number("digits", Reason::Digits)?,
        period: item.number("period", Reason::Period)?,
        counter: item.number("counter", Reason::Counter)?,
        pin: None,
    };
    draft.with(EntrySecret::from_bytes(&secret?)?)
}

/// Bytes as Java has them, from -128 to 127.
pub(super) fn signed_bytes(value: &Value) -> Result<zeroize::Zeroizing<Vec<u8>>, Reason> {
    let items = value.as_array().ok_or(Reason::NoSecret)?;
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(items.len()));
    for item in items {
        let byte = item
            .as_i64()
            .and_then(|byte| i8::try_from(byte).ok())
            .ok_or(Reason::BadSecret)?;
        bytes.push(byte.cast_unsigned());
    }
    Ok(bytes)
}

pub(crate) fn check(entry: &Entry) -> Result<(), Reason> {
    match entry.kind {
        Kind::Totp(_) => Ok(()),
        // Java's numbers have a sign.
        Kind::Hotp(counter) => i64::try_from(counter)
            .map(drop)
            .map_err(|_| Reason::Counter),
        Kind::Steam(_) | Kind::Motp(_) | Kind::Yandex(_) => Err(Reason::Type),
    }
}

pub(crate) fn write(entries: &[&Entry], _: Option<&Password>) -> Result<Plain, ExportError> {
    let order: Vec<String> = entries
        .iter()
        .map(|entry| format!("{}:{}", entry.issuer, entry.account))
        .collect();
    let rows = entries.iter().map(|entry| {
        let secret: Vec<i8> = entry.secret.bytes().iter().map(|byte| byte.cast_signed()).collect();
        json!({
            "algo": entry.algorithm_name(), "counter": entry.counter().unwrap_or_default(), "digits": entry.digits,
            "issuerExt": entry.issuer, "issuerInt": entry.issuer, "label": entry.account,
            "period": entry.period().unwrap_or(30), "type": entry.kind.name().to_ascii_uppercase(),
            "secret": zeroize::Zeroizing::new(secret).as_slice(),
        })
    });
    let rows: Vec<Value> = rows.collect();
    Ok(Json::write(json!({ "tokenOrder": order, "tokens": rows })))
}
