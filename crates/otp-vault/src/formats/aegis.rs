//! Aegis: JSON, plain or encrypted with AES-256-GCM under a master key that slots hold.
//!
//! Source: the vault format in Aegis' own docs, `docs/vault.md`.

use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cipher::{self, Plain, open_gcm, random, seal_gcm};
use crate::entry::Draft;
use crate::error::ExportError;
use crate::file::File;
use crate::groups::{GroupIds, GroupNames};
use crate::json::{Fields, Json};
use crate::kdf::{Key, Scrypt};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, Icon, IconType, ImportError, Password, Reason, limits};

/// The newest versions of the file and of what is sealed in it that are known here.
const FILE_VERSION: u64 = 1;
const DB_VERSION: u64 = 3;

pub(crate) fn recognise(file: &File<'_>) -> bool {
    file.field("db").is_some() && file.field("header").is_some()
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let root = file.root("Aegis")?;
    known_version(root, FILE_VERSION)?;
    let Some(sealed) = root.field("db").as_str() else {
        return entries(root.field("db"), unlock);
    };
    let header = root.field("header");
    let slots = header.list("slots");
    if slots.len() > limits::SLOTS {
        return Err(ImportError::TooMuchWork);
    }
    let sealed = BASE64
        .decode(sealed.as_bytes())
        .map_err(|_| unlock.damaged())?;
    // Only slots of type 1 are opened by a password; the others by a fingerprint or are keys alone.
    let mut opened = None;
    for slot in slots
        .iter()
        .filter(|slot| slot.number("type", Reason::Form) == Ok(Some(1)))
    {
        opened = master_key(slot, unlock)?;
        if opened.is_some() {
            break;
        }
    }
    let master = opened.ok_or(unlock.wrong())?;
    let db = open(&master, header.field("params"), sealed).ok_or(unlock.wrong())?;
    let db = Json::parse(&db).ok_or(unlock.damaged())?;
    entries(db.root(), unlock)
}

fn hex(value: &Value, name: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(value.text(name).as_bytes()).ok()
}

/// Opens what is sealed with a nonce and a tag that stand beside it.
fn open(key: &Key, params: &Value, mut sealed: Vec<u8>) -> Option<Plain> {
    sealed.extend(hex(params, "tag").filter(|tag| tag.len() == 16)?);
    open_gcm(key, &hex(params, "nonce")?, &sealed, b"")
}

fn master_key(slot: &Value, unlock: &Unlock<'_>) -> Result<Option<Key>, ImportError> {
    let number = |name| {
        slot.number(name, Reason::Form)
            .ok()
            .flatten()
            .ok_or(unlock.damaged())
    };
    let scrypt = Scrypt {
        n: number("n")?,
        r: number("r")?,
        p: number("p")?,
    };
    let salt = hex(slot, "salt").ok_or(unlock.damaged())?;
    let sealed = hex(slot, "key").ok_or(unlock.damaged())?;
    let key = scrypt.derive(unlock, &salt)?.ok_or(unlock.damaged())?;
    let Some(opened) = open(&key, slot.field("key_params"), sealed) else {
        return Ok(None);
    };
    Ok(<[u8; 32]>::try_from(opened.as_slice())
        .ok()
        .map(Zeroizing::new))
}

/// A newer version may mean something else by the same fields.
fn known_version(of: &Value, newest: u64) -> Result<(), ImportError> {
    match of.number("version", Reason::Form) {
        Ok(None) => Ok(()),
        Ok(Some(version)) if version <= newest => Ok(()),
        _ => Err(ImportError::NotSupported("a newer version of Aegis' files")),
    }
}

fn entries(db: &Value, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    known_version(db, DB_VERSION)?;
    let items = db.field("entries").as_array().ok_or(unlock.damaged())?;
    let groups = GroupNames::of(db.list("groups"), "uuid", "name");
    Ok(Report::of(items, unlock.progress, |item| {
        (item.text("name").into(), entry(item, &groups))
    }))
}

fn entry(item: &Value, groups: &GroupNames<'_>) -> Result<Entry, Reason> {
    let info = item.field("info");
    let draft = Draft {
        kind: item.text("type"),
        issuer: item.text("issuer"),
        account: item.text("name"),
        algorithm: info.text("algo"),
        digits: info.number("digits", Reason::Digits)?,
        period: info.number("period", Reason::Period)?,
        counter: info.number("counter", Reason::Counter)?,
        pin: info.field("pin").as_str(),
    };
    // Base32 for every type: only in URIs of mOTP Aegis has hexadecimal digits.
    let mut entry = draft.with(EntrySecret::from_base32(info.text("secret"))?)?;
    entry.note = Some(item.text("note"))
        .filter(|note| !note.is_empty())
        .map(Into::into);
    // Version 2 names one group by text, version 3 several by id.
    let one = item
        .field("group")
        .as_str()
        .filter(|group| !group.is_empty());
    entry.groups.extend(one.map(Into::into));
    let ids = item.list("groups").iter();
    entry.groups.extend(ids.filter_map(|id| groups.name(id)));
    entry.icon = Icon::from_base64(item.text("icon"));
    Ok(entry)
}

pub(crate) fn check(_: &Entry) -> Result<(), Reason> {
    Ok(())
}

pub(crate) fn write(entries: &[&Entry], password: Option<&Password>) -> Result<Plain, ExportError> {
    let names = GroupIds::of(entries.iter().flat_map(|entry| &entry.groups), uuid)?;
    let mut rows = Vec::new();
    for entry in entries {
        let secret = entry.secret.expose_secret();
        let mut info =
            json!({ "secret": secret, "algo": entry.algorithm_name(), "digits": entry.digits });
        if let Some(fields) = info.as_object_mut() {
            if let Some(period) = entry.period() {
                fields.insert("period".into(), json!(period));
            }
            if let Some(counter) = entry.counter() {
                fields.insert("counter".into(), json!(counter));
            }
            if let Some(pin) = &entry.pin {
                fields.insert("pin".into(), json!(pin.as_str()));
            }
        }
        let ids: Vec<&str> = entry
            .groups
            .iter()
            .filter_map(|name| names.id(name))
            .collect();
        let mut row = json!({
            "type": entry.kind.name(), "uuid": uuid()?, "name": entry.account, "issuer": entry.issuer,
            "note": entry.note.as_deref().unwrap_or_default(), "favorite": false, "icon": null, "info": info,
            "groups": ids,
        });
        // The types that it knows.
        let known =
            |icon: &&Icon| matches!(icon.kind(), IconType::Jpeg | IconType::Png | IconType::Svg);
        if let (Some(icon), Some(fields)) = (entry.icon.as_ref().filter(known), row.as_object_mut())
        {
            fields.insert("icon".into(), json!(icon.to_base64()));
            fields.insert("icon_mime".into(), json!(icon.kind().media_type()));
        }
        rows.push(row);
    }
    let groups: Vec<Value> = names
        .groups
        .iter()
        .map(|(name, id)| json!({ "uuid": id, "name": name }))
        .collect();
    let db = json!({ "version": 3, "entries": rows, "groups": groups, "icons_optimized": true });
    let Some(password) = password else {
        let header = json!({ "slots": null, "params": null });
        return Ok(Json::write(
            json!({ "version": 1, "header": header, "db": db }),
        ));
    };

    let plain = Json::write(db);
    let master = Zeroizing::new(random::<32>()?);
    let salt = random::<32>()?;
    // What Aegis itself takes.
    let scrypt = Scrypt {
        n: 1 << 15,
        r: 8,
        p: 1,
    };
    let key = scrypt
        .derive(password, &salt)
        .ok()
        .flatten()
        .ok_or(ExportError::NotEncrypted)?;
    let (sealed_key, key_params) = parted(seal_gcm(&key, &*master)?)?;
    let (sealed, params) = parted(seal_gcm(&master, &plain)?)?;
    let slot = json!({
        "type": 1, "uuid": uuid()?, "key": HEXLOWER.encode(&sealed_key), "key_params": key_params,
        "n": scrypt.n, "r": scrypt.r, "p": scrypt.p, "salt": HEXLOWER.encode(&salt),
        "repaired": true, "is_backup": false,
    });
    let header = json!({ "slots": [slot], "params": params });
    Ok(Json::write(
        json!({ "version": 1, "header": header, "db": BASE64.encode(&sealed) }),
    ))
}

/// What is sealed without its tag, and nonce and tag beside it.
fn parted((nonce, mut sealed): ([u8; 12], Vec<u8>)) -> Result<(Vec<u8>, Value), ExportError> {
    let tag = sealed.split_off(
        sealed
            .len()
            .checked_sub(16)
            .ok_or(ExportError::NotEncrypted)?,
    );
    Ok((
        sealed,
        json!({ "nonce": HEXLOWER.encode(&nonce), "tag": HEXLOWER.encode(&tag) }),
    ))
}

/// A random id.
///
/// Specification: RFC 9562 section 5.4.
pub(crate) fn uuid() -> Result<String, ExportError> {
    let mut bytes = cipher::random::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let [a, b, c, d] = [0..4, 4..6, 6..8, 8..10]
        .map(|range| HEXLOWER.encode(bytes.get(range).unwrap_or_default()));
    let e = HEXLOWER.encode(bytes.get(10..).unwrap_or_default());
    Ok(format!("{a}-{b}-{c}-{d}-{e}"))
}
