//! andOTP: JSON, plain, under PBKDF2 and AES-256-GCM, or under a bare SHA-256 and AES-256-GCM.
//!
//! Source: andOTP/andOTP, `Utilities/EncryptionHelper` and `Database/Entry`.

use data_encoding::HEXLOWER_PERMISSIVE;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::cipher::{Plain, open_gcm};
use crate::entry::Draft;
use crate::error::ExportError;
use crate::file::File;
use crate::json::{Fields, Json};
use crate::kdf::{Prf, pbkdf2};
use crate::limits::PBKDF2_ITERATIONS;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, ImportError, Kind, Password, Reason};

pub(crate) fn is_plain(file: &File<'_>) -> bool {
    file.json
        .as_ref()
        .and_then(|json| json.root().get(0))
        .is_some_and(|item| {
            item.get("secret").is_some()
                && item.get("label").is_some()
                && item.get("type").is_some()
        })
}

/// Nothing but noise behind a number of iterations.
pub(crate) fn is_new(file: &File<'_>) -> bool {
    is_noise(file)
        && parts(file.bytes)
            .is_some_and(|(iterations, _)| (1..=PBKDF2_ITERATIONS).contains(&iterations))
}

/// Nothing but noise. Comes last, since every other thing that is encrypted looks so.
pub(crate) fn is_old(file: &File<'_>) -> bool {
    is_noise(file)
}

/// Not a text, and longer than nonce and tag. Another program's magic number is no noise.
fn is_noise(file: &File<'_>) -> bool {
    const OTHERS: [&[u8]; 10] = [
        b"\xff\xfe",
        b"\xfe\xff",
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"\x7fELF",
        b"%PDF",
        b"GIF8",
        b"\xac\xed\0\x05",
        b"SQLite",
        b"\x03\xd9\xa2\x9a",
    ];
    let bytes = file.bytes;
    bytes.len() > 32
        && !file.is_picture()
        && core::str::from_utf8(bytes).is_err()
        && !OTHERS.iter().any(|magic| bytes.starts_with(magic))
}

fn parts(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (iterations, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*iterations), rest))
}

pub(crate) fn read_plain(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    entries(file.root("andOTP")?, unlock)
}

pub(crate) fn read_new(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let (iterations, rest) = parts(file.bytes).ok_or(unlock.damaged())?;
    if iterations == 0 {
        return Err(unlock.damaged());
    }
    let (salt, sealed) = rest.split_at_checked(12).ok_or(unlock.damaged())?;
    let key = pbkdf2::<32>(Prf::Sha1, iterations.into(), unlock, salt)?;
    open(&key, sealed, unlock)
}

pub(crate) fn read_old(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    // Any noise ends here.
    let password = unlock
        .password()
        .map_err(|_| ImportError::PasswordNeeded("unknown, perhaps encrypted andOTP"))?;
    let key = Zeroizing::new(Sha256::digest(password.bytes()).into());
    open(&key, file.bytes, unlock).map_err(|error| match parts(file.bytes) {
        // Iterations of Java are below 2³¹. Half of all nonces are too, and nothing tells them apart.
        Some((iterations, _))
            if error == unlock.wrong() && (PBKDF2_ITERATIONS..1 << 31).contains(&iterations) =>
        {
            ImportError::WrongPasswordOrTooMuchWork("andOTP")
        }
        _ => error,
    })
}

fn open(key: &[u8; 32], sealed: &[u8], unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let (nonce, sealed) = sealed.split_at_checked(12).ok_or(unlock.damaged())?;
    let plain = open_gcm(key, nonce, sealed, b"").ok_or(unlock.wrong())?;
    let json = Json::parse(&plain).ok_or(unlock.damaged())?;
    entries(json.root(), unlock)
}

fn entries(root: &Value, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let items = root.as_array().ok_or(unlock.damaged())?;
    Ok(Report::of(items, unlock.progress, |item| {
        (item.text("label").into(), entry(item))
    }))
}

fn entry(item: &Value) -> Result<Entry, Reason> {
    let kind = item.text("type");
    let (label, issuer) = (item.text("label"), item.text("issuer"));
    // Its first versions had the issuer in the label.
    let first = label
        .split_once(" - ")
        .filter(|_| item.get("issuer").is_none());
    let (issuer, account) = first.unwrap_or((issuer, label));
    let draft = Draft {
        kind,
        issuer,
        account,
        algorithm: item.text("algorithm"),
        digits: item.number("digits", Reason::Digits)?,
        period: item.number("period", Reason::Period)?,
        counter: item.number("counter", Reason::Counter)?,
        pin: item.field("pin").as_str(),
    };
    let text = item.text("secret");
    let secret = match kind {
        "MOTP" => EntrySecret::from_bytes(
            &HEXLOWER_PERMISSIVE
                .decode(text.as_bytes())
                .map_err(|_| Reason::BadSecret)?,
        )?,
        _ => EntrySecret::from_base32(text)?,
    };
    let mut entry = draft.with(secret)?;
    entry.groups = item
        .list("tags")
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    Ok(entry)
}

pub(crate) fn check(entry: &Entry) -> Result<(), Reason> {
    match entry.kind {
        Kind::Totp(_) | Kind::Hotp(_) | Kind::Steam(_) => Ok(()),
        Kind::Motp(_) | Kind::Yandex(_) => Err(Reason::Type),
    }
}

pub(crate) fn write(entries: &[&Entry], _: Option<&Password>) -> Result<Plain, ExportError> {
    let rows = entries.iter().map(|entry| {
        let mut row = json!({
            "secret": entry.secret.expose_secret(), "issuer": entry.issuer, "label": entry.account,
            "digits": entry.digits, "type": entry.kind.name().to_ascii_uppercase(), "algorithm": entry.algorithm_name(),
            "thumbnail": "Default", "last_used": 0, "used_frequency": 0, "tags": entry.groups,
        });
        if let Some(fields) = row.as_object_mut() {
            if let Some(period) = entry.period() {
                fields.insert("period".into(), json!(period));
            }
            if let Some(counter) = entry.counter() {
                fields.insert("counter".into(), json!(counter));
            }
        }
        row
    });
    Ok(Json::write(Value::Array(rows.collect())))
}
