//! 2FAS: JSON, plain or with its services encrypted with AES-256-GCM under PBKDF2.
//!
//! Source: twofas/2fas-android and 2fas-ios, the backup files of schema 1 to 4.

use data_encoding::BASE64;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cipher::{Plain, open_gcm, random, seal_gcm};
use crate::entry::Draft;
use crate::error::ExportError;
use crate::file::File;
use crate::groups::{GroupIds, GroupNames};
use crate::json::{Fields, Json};
use crate::kdf::{Prf, pbkdf2};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, ImportError, Kind, Password, Reason};

/// What every file of theirs has; it is named in none.
const ITERATIONS: u64 = 10_000;

pub(crate) fn recognise(file: &File<'_>) -> bool {
    file.field("services").is_some() && file.field("schemaVersion").is_some()
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let root = file.root("2FAS")?;
    let groups = GroupNames::of(root.list("groups"), "id", "name");
    let sealed = root.text("servicesEncrypted");
    if sealed.is_empty() {
        return entries(root.field("services"), &groups, unlock);
    }
    let mut parts = sealed.split(':').map(|part| BASE64.decode(part.as_bytes()));
    let mut part = || parts.next().and_then(Result::ok).ok_or(unlock.damaged());
    let (sealed, salt, nonce) = (part()?, part()?, part()?);
    let key = pbkdf2::<32>(Prf::Sha256, ITERATIONS, unlock, &salt)?;
    let plain = open_gcm(&key, &nonce, &sealed, b"").ok_or(unlock.wrong())?;
    let services = Json::parse(&plain).ok_or(unlock.damaged())?;
    entries(services.root(), &groups, unlock)
}

fn entries(
    services: &Value,
    groups: &GroupNames<'_>,
    unlock: &Unlock<'_>,
) -> Result<Report, ImportError> {
    let items = services.as_array().ok_or(unlock.damaged())?;
    Ok(Report::of(items, unlock.progress, |item| {
        (item.text("name").into(), entry(item, groups))
    }))
}

fn entry(item: &Value, groups: &GroupNames<'_>) -> Result<Entry, Reason> {
    let otp = item.field("otp");
    let (issuer, name) = (otp.text("issuer"), item.text("name"));
    // A service is always named; one without issuer that is named as its account has none.
    let no_issuer =
        otp.field("issuer").as_str() == Some("") && otp.field("account").as_str() == Some(name);
    let issuer = if issuer.is_empty() && !no_issuer {
        name
    } else {
        issuer
    };
    // Files without an account have it in the label, behind the issuer.
    let label = otp.text("label");
    let label = label
        .strip_prefix(issuer)
        .and_then(|rest| rest.strip_prefix(':'))
        .unwrap_or(label);
    let draft = Draft {
        kind: Some(otp.text("tokenType"))
            .filter(|kind| !kind.is_empty())
            .unwrap_or("totp"),
        issuer,
        account: otp.field("account").as_str().unwrap_or(label),
        algorithm: otp.text("algorithm"),
        digits: otp.number("digits", Reason::Digits)?,
        period: otp.number("period", Reason::Period)?,
        counter: otp.number("counter", Reason::Counter)?,
        pin: None,
    };
    let mut entry = draft.with(EntrySecret::from_base32(item.text("secret"))?)?;
    entry.groups.extend(groups.name(item.field("groupId")));
    Ok(entry)
}

/// Types and digits that it knows. An account without issuer is named after itself there.
pub(crate) fn check(entry: &Entry) -> Result<(), Reason> {
    match entry.kind {
        Kind::Totp(_) | Kind::Hotp(_) | Kind::Steam(_) => {}
        Kind::Motp(_) | Kind::Yandex(_) => return Err(Reason::Type),
    }
    if !matches!(entry.digits, 5..=8) {
        return Err(Reason::Digits);
    }
    Ok(())
}

pub(crate) fn write(entries: &[&Entry], password: Option<&Password>) -> Result<Plain, ExportError> {
    // An account stands in one group here.
    let first = entries.iter().filter_map(|entry| entry.groups.first());
    let names = GroupIds::of(first, super::aegis::uuid)?;
    let rows = entries.iter().enumerate().map(|(position, entry)| {
        let group = entry.groups.first().and_then(|group| names.id(group));
        let name = if entry.issuer.is_empty() { &entry.account } else { &entry.issuer };
        json!({
            "name": name, "secret": entry.secret.expose_secret(), "updatedAt": 0,
            "groupId": group, "order": { "position": position },
            "otp": {
                "label": entry.name(), "account": entry.account, "issuer": entry.issuer, "digits": entry.digits,
                "period": entry.period().unwrap_or(30), "algorithm": entry.algorithm_name(),
                "counter": entry.counter().unwrap_or_default(), "source": "Link",
                "tokenType": entry.kind.name().to_ascii_uppercase(),
            },
        })
    });
    let services = Value::Array(rows.collect());
    let groups: Vec<Value> = names
        .groups
        .iter()
        .map(|(name, id)| json!({ "id": id, "name": name, "isExpanded": true, "updatedAt": 0 }))
        .collect();
    let mut file = json!({
        "services": [], "groups": groups, "updatedAt": 0, "schemaVersion": 4, "appVersionCode": 5_000_030,
        "appVersionName": "5.4.9", "appOrigin": "android",
    });
    let Some(fields) = file.as_object_mut() else {
        return Err(ExportError::NotEncrypted);
    };
    match password {
        None => drop(fields.insert("services".into(), services)),
        Some(password) => {
            let salt = random::<256>()?;
            let key = pbkdf2::<32>(Prf::Sha256, ITERATIONS, password, &salt)
                .map_err(|_| ExportError::NotEncrypted)?;
            let seal = |plain: &[u8]| {
                let (nonce, sealed) = seal_gcm(&key, plain)?;
                let [sealed, salt, nonce] =
                    [&sealed[..], &salt, &nonce].map(|part| BASE64.encode(part));
                Ok::<_, ExportError>(json!(format!("{sealed}:{salt}:{nonce}")))
            };
            let reference = seal(b"tRViSsLKzd86Hprh4ceC2OP7xazn4rrt4xhfEUbOjxLX8Rc3mkISXE0lWbmnWfggogbBJhtYgpK6fMl1D6m")?;
            fields.insert(
                "servicesEncrypted".into(),
                seal(&Zeroizing::new(Json::write(services)))?,
            );
            fields.insert("reference".into(), reference);
        }
    }
    Ok(Json::write(file))
}
