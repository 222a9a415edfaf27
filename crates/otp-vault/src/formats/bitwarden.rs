//! Bitwarden: JSON and CSV of all items, and JSON under a password (AES-256-CBC, then HMAC-SHA-256).
//!
//! Source: bitwarden/clients, `libs/tools/export`, and the whitepaper of Bitwarden's security.

use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::cipher::Plain;
use crate::entry::Draft;
use crate::error::ExportError;
use crate::file::File;
use crate::groups::{GroupIds, GroupNames};
use crate::json::{Fields, Json};
use crate::kdf::{Argon2id, Key, Prf, pbkdf2};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::uri::{self, after};
use crate::{Entry, EntrySecret, ImportError, Kind, Password, Reason};

pub(crate) fn is_json(file: &File<'_>) -> bool {
    file.field("items").is_some() && file.field("encrypted").and_then(Value::as_bool) != Some(true)
}

pub(crate) fn is_protected(file: &File<'_>) -> bool {
    file.field("passwordProtected").and_then(Value::as_bool) == Some(true)
        && file.field("data").is_some()
}

/// Sealed with the key of one account, which no password of a file opens.
pub(crate) fn is_restricted(file: &File<'_>) -> bool {
    file.field("encrypted").and_then(Value::as_bool) == Some(true)
        && !is_protected(file)
        && (file.field("items").is_some() || file.field("encKeyValidation_DO_NOT_EDIT").is_some())
}

pub(crate) fn is_csv(file: &File<'_>) -> bool {
    file.text().lines().next().is_some_and(|header| {
        header
            .split(',')
            .any(|column| column.trim_matches('"') == "login_totp")
    })
}

pub(crate) fn read_json(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    items(file.root("Bitwarden")?, unlock)
}

fn items(root: &Value, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let items = root.field("items").as_array().ok_or(unlock.damaged())?;
    let folders = GroupNames::of(root.list("folders"), "id", "name");
    let mut report = Report::default();
    for (index, item) in items.iter().enumerate() {
        // Most items of a password manager have no codes.
        let Some(totp) = item
            .field("login")
            .field("totp")
            .as_str()
            .filter(|totp| !totp.trim().is_empty())
        else {
            continue;
        };
        let name = item.text("name");
        let username = item.field("login").text("username");
        let mut found = entry(totp, [name, username, item.text("notes")]);
        if let Ok(entry) = &mut found {
            entry.groups.extend(folders.name(item.field("folderId")));
        }
        report.note(index, name, found);
    }
    Ok(report)
}

/// A URI, or a secret alone. The item's name and user name go into the note, before the item's own, where the code has
/// no names of its own.
fn entry(totp: &str, [name, username, note]: [&str; 3]) -> Result<Entry, Reason> {
    let totp = totp.trim();
    let mut entry = if after(totp, "otpauth://").is_some() || after(totp, "steam://").is_some() {
        uri::read(totp)?
    } else {
        Draft {
            kind: "totp",
            ..Draft::default()
        }
        .with(EntrySecret::from_base32(totp)?)?
    };
    let lines = if entry.issuer.is_empty() && entry.account.is_empty() {
        [name, username, note]
    } else {
        ["", "", note]
    };
    let lines = lines.into_iter().filter(|line| !line.is_empty());
    entry.note = Some(lines.collect::<Vec<_>>().join("\n")).filter(|note| !note.is_empty());
    Ok(entry)
}

pub(crate) fn read_csv(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(file.bytes);
    let header = reader.headers().map_err(|_| unlock.damaged())?;
    let column = |name: &str| header.iter().position(|column| column == name);
    let totp = column("login_totp").ok_or(unlock.damaged())?;
    let [name, username, notes, folder] = ["name", "login_username", "notes", "folder"].map(column);
    let mut report = Report::default();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|_| unlock.damaged())?;
        let field = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default();
        let totp = field(Some(totp));
        if totp.trim().is_empty() {
            continue;
        }
        let mut found = entry(totp, [name, username, notes].map(field));
        if let Ok(entry) = &mut found {
            entry.groups.extend(
                Some(field(folder))
                    .filter(|folder| !folder.is_empty())
                    .map(str::to_owned),
            );
        }
        report.note(index, field(name), found);
    }
    // An open quote swallows the rest of a file that was cut off.
    let quotes = file.bytes.iter().filter(|byte| **byte == b'"').count();
    if quotes % 2 == 1 {
        Err(unlock.damaged())
    } else {
        Ok(report)
    }
}

pub(crate) fn read_protected(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let root = file.root("Bitwarden")?;
    let number = |name| {
        root.number(name, Reason::Form)
            .ok()
            .flatten()
            .ok_or(unlock.damaged())
    };
    let passes = number("kdfIterations")?;
    let salt = root.text("salt").as_bytes();
    let key = match number("kdfType")? {
        0 => {
            if passes == 0 {
                return Err(unlock.damaged());
            }
            pbkdf2::<32>(Prf::Sha256, passes, unlock, salt)?
        }
        1 => {
            let argon2id = Argon2id {
                kib: number("kdfMemory")?.saturating_mul(1024),
                passes,
                lanes: number("kdfParallelism")?,
            };
            argon2id.derive(unlock, &Sha256::digest(salt))?
        }
        _ => return Err(unlock.damaged()),
    };
    let keys = Keys {
        encrypt: expand(&key, b"enc"),
        mac: expand(&key, b"mac"),
    };
    keys.open(root.text("encKeyValidation_DO_NOT_EDIT"))
        .ok_or(unlock.wrong())?;
    let plain = keys.open(root.text("data")).ok_or(unlock.damaged())?;
    let json = Json::parse(&plain).ok_or(unlock.damaged())?;
    items(json.root(), unlock)
}

struct Keys {
    encrypt: Key,
    mac: Key,
}

/// One block of HKDF-Expand.
///
/// Specification: RFC 5869 section 2.3.
fn expand(key: &Key, info: &[u8]) -> Key {
    let mut expanded = Key::default();
    // HMAC takes keys of any length.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&**key) {
        mac.update(info);
        mac.update(&[1]);
        expanded.copy_from_slice(&mac.finalize().into_bytes());
    }
    expanded
}

impl Keys {
    /// Opens `2.IV|text|MAC`; the MAC is checked first.
    fn open(&self, sealed: &str) -> Option<Plain> {
        let mut parts = sealed
            .strip_prefix("2.")?
            .split('|')
            .map(|part| BASE64.decode(part.as_bytes()).ok());
        let (iv, sealed, tag) = (parts.next()??, parts.next()??, parts.next()??);
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.mac).ok()?;
        mac.update(&iv);
        mac.update(&sealed);
        mac.verify_slice(&tag).ok()?;
        let cipher = cbc::Decryptor::<aes::Aes256>::new_from_slices(&*self.encrypt, &iv).ok()?;
        cipher
            .decrypt_padded_vec::<Pkcs7>(&sealed)
            .ok()
            .map(Zeroizing::new)
    }
}

pub(crate) fn check(entry: &Entry) -> Result<(), Reason> {
    match entry.kind {
        // It draws Steam's codes for `steam://`, which has room for the secret alone.
        Kind::Totp(_) | Kind::Steam(_) => Ok(()),
        Kind::Hotp(_) | Kind::Motp(_) | Kind::Yandex(_) => Err(Reason::Type),
    }
}

pub(crate) fn write(entries: &[&Entry], _: Option<&Password>) -> Result<Plain, ExportError> {
    // An item lies in one folder.
    let first = entries.iter().filter_map(|entry| entry.groups.first());
    let names = GroupIds::of(first, super::aegis::uuid)?;
    let mut rows = Vec::new();
    for entry in entries {
        let folder = entry.groups.first().and_then(|group| names.id(group));
        let uri = uri::write(entry).map_err(|_| ExportError::NotEncrypted)?;
        let name = if entry.issuer.is_empty() {
            &entry.account
        } else {
            &entry.issuer
        };
        let secret = match entry.kind {
            Kind::Steam(_) => Zeroizing::new(format!("steam://{}", entry.secret.expose_secret())),
            _ => uri,
        };
        rows.push(json!({
            "id": super::aegis::uuid()?, "organizationId": null, "folderId": folder, "type": 1,
            "reprompt": 0, "name": name, "notes": entry.note, "favorite": false, "collectionIds": null,
            "login": { "uris": [], "username": entry.account, "password": null, "totp": secret.as_str() },
        }));
    }
    let folders: Vec<Value> = names
        .groups
        .iter()
        .map(|(name, id)| json!({ "id": id, "name": name }))
        .collect();
    Ok(Json::write(
        json!({ "encrypted": false, "folders": folders, "items": rows }),
    ))
}
