//! 2FAuth: JSON of its own accounts.
//!
//! Source: Bubka/2FAuth, the export of `api/v1/twofaccounts/export`.

use serde_json::{Value, json};

use crate::cipher::Plain;
use crate::entry::Draft;
use crate::error::ExportError;
use crate::file::File;
use crate::json::{Fields, Json};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, Icon, IconType, ImportError, Kind, Password, Reason};

pub(crate) fn recognise(file: &File<'_>) -> bool {
    file.field("app")
        .and_then(Value::as_str)
        .is_some_and(|app| app.starts_with("2fauth"))
        && file.field("data").is_some()
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let items = file
        .root("2FAuth")?
        .field("data")
        .as_array()
        .ok_or(unlock.damaged())?;
    Ok(Report::of(items, unlock.progress, |item| {
        (item.text("account").into(), entry(item))
    }))
}

fn entry(item: &Value) -> Result<Entry, Reason> {
    let kind = item.text("otp_type");
    let draft = Draft {
        // Its older files name Steam so.
        kind: if kind == "steamtotp" { "steam" } else { kind },
        issuer: item.text("service"),
        account: item.text("account"),
        algorithm: item.text("algorithm"),
        digits: item.number("digits", Reason::Digits)?,
        period: item.number("period", Reason::Period)?,
        counter: item.number("counter", Reason::Counter)?,
        pin: None,
    };
    let mut entry = draft.with(EntrySecret::from_base32(item.text("secret"))?)?;
    entry.icon = Icon::from_base64(item.text("icon_file"));
    Ok(entry)
}

pub(crate) fn check(entry: &Entry) -> Result<(), Reason> {
    match entry.kind {
        Kind::Totp(_) | Kind::Hotp(_) | Kind::Steam(_) => Ok(()),
        Kind::Motp(_) | Kind::Yandex(_) => Err(Reason::Type),
    }
}

pub(crate) fn write(entries: &[&Entry], _: Option<&Password>) -> Result<Plain, ExportError> {
    let mut rows = Vec::new();
    for entry in entries {
        let kind = match entry.kind {
            Kind::Steam(_) => "steamtotp",
            kind => kind.name(),
        };
        // A GIF is uploaded there and never imported.
        let icon = entry.icon.as_ref();
        let icon = icon.filter(|icon| icon.kind() != IconType::Gif);
        let (name, mime) = icon
            .map(|icon| {
                (
                    format!("icon.{}", icon.kind().extension()),
                    icon.kind().media_type(),
                )
            })
            .unzip();
        let uri = crate::uri::write(entry).map_err(|_| ExportError::NotEncrypted)?;
        rows.push(json!({
            "otp_type": kind, "account": entry.account, "service": entry.issuer, "icon": name, "icon_mime": mime,
            "icon_file": icon.map(Icon::to_base64), "secret": entry.secret.expose_secret(), "digits": entry.digits,
            "algorithm": entry.algorithm_name().to_ascii_lowercase(), "period": entry.period(),
            "counter": entry.counter(), "legacy_uri": uri.as_str(),
        }));
    }
    // No time of writing: nothing here reads a clock.
    Ok(Json::write(
        json!({ "app": "2fauth_v5.6.0", "schema": 1, "datetime": "1970-01-01T00:00:00.000000Z", "data": rows }),
    ))
}
