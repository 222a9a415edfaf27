//! Proton Authenticator: JSON of otpauth URIs, plain or encrypted with AES-256-GCM under Argon2id.
//!
//! Source: protonpass/proton-pass-common, `proton-authenticator`.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::cipher::{Plain, open_gcm};
use crate::error::ExportError;
use crate::file::File;
use crate::json::{Fields, Json};
use crate::kdf::Argon2id;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::uri::{self, after};
use crate::{Entry, ImportError, Kind, Password, Reason};

/// What every file of theirs has; it is named in none.
const ARGON2ID: Argon2id = Argon2id {
    kib: 19 * 1024,
    passes: 2,
    lanes: 1,
};

pub(crate) fn is_plain(file: &File<'_>) -> bool {
    file.field("version").is_some()
        && file
            .field("entries")
            .and_then(Value::as_array)
            .is_some_and(|entries| entries.iter().any(|entry| entry.get("content").is_some()))
}

pub(crate) fn is_encrypted(file: &File<'_>) -> bool {
    file.field("salt").is_some() && file.field("content").is_some_and(Value::is_string)
}

pub(crate) fn read_plain(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    entries(file.root("Proton Authenticator")?, unlock)
}

pub(crate) fn read_encrypted(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let root = file.root("Proton Authenticator")?;
    let base64 = |name| {
        BASE64
            .decode(root.text(name).as_bytes())
            .map_err(|_| unlock.damaged())
    };
    let (salt, content) = (base64("salt")?, base64("content")?);
    let (nonce, sealed) = content.split_at_checked(12).ok_or(unlock.damaged())?;
    let key = ARGON2ID.derive(unlock, &salt)?;
    let plain =
        open_gcm(&key, nonce, sealed, b"proton.authenticator.export.v1").ok_or(unlock.wrong())?;
    let json = Json::parse(&plain).ok_or(unlock.damaged())?;
    entries(json.root(), unlock)
}

fn entries(root: &Value, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let items = root.field("entries").as_array().ok_or(unlock.damaged())?;
    Ok(Report::of(items, unlock.progress, |item| {
        (item.field("content").text("name").into(), entry(item))
    }))
}

fn entry(item: &Value) -> Result<Entry, Reason> {
    let content = item.field("content");
    let mut entry = uri::read(content.text("uri"))?;
    // Of a Steam entry the URI has the secret alone, and the name stands beside it.
    if entry.account.is_empty() && after(content.text("uri"), "steam://").is_some() {
        content.text("name").clone_into(&mut entry.account);
    }
    entry.note = item
        .field("note")
        .as_str()
        .filter(|note| !note.is_empty())
        .map(str::to_owned);
    Ok(entry)
}

pub(crate) fn check(entry: &Entry) -> Result<(), Reason> {
    match entry.kind {
        Kind::Totp(_) | Kind::Steam(_) => Ok(()),
        Kind::Hotp(_) | Kind::Motp(_) | Kind::Yandex(_) => Err(Reason::Type),
    }
}

pub(crate) fn write(entries: &[&Entry], _: Option<&Password>) -> Result<Plain, ExportError> {
    let mut rows = Vec::new();
    for entry in entries {
        let (kind, uri) = match entry.kind {
            Kind::Steam(_) => (
                "Steam",
                zeroize::Zeroizing::new(format!("steam://{}", entry.secret.expose_secret())),
            ),
            _ => (
                "Totp",
                uri::write(entry).map_err(|_| ExportError::NotEncrypted)?,
            ),
        };
        rows.push(json!({
            "id": super::aegis::uuid()?, "note": entry.note,
            "content": { "uri": uri.as_str(), "entry_type": kind, "name": entry.account },
        }));
    }
    Ok(Json::write(json!({ "version": 1, "entries": rows })))
}
