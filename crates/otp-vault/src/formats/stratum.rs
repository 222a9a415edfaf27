//! Stratum, once Authenticator Pro: JSON, plain, under Argon2id and AES-256-GCM, or under PBKDF2 and AES-256-CBC.
//!
//! Source: stratumauth/app, `doc/BACKUP_FORMAT.md`.

use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cipher::{Plain, open_gcm};
use crate::entry::Draft;
use crate::error::ExportError;
use crate::file::File;
use crate::groups::{GroupIds, GroupNames};
use crate::json::{Fields, Json};
use crate::kdf::{Argon2id, Prf, pbkdf2};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Algorithm, Entry, EntrySecret, Icon, IconType, ImportError, Kind, Password, Reason};

const STRONG: &[u8] = b"AUTHENTICATORPRO";
const LEGACY: &[u8] = b"AuthenticatorPro";
const ARGON2ID: Argon2id = Argon2id {
    kib: 64 << 10,
    passes: 3,
    lanes: 4,
};
const ITERATIONS: u64 = 64_000;

const TYPES: [&str; 6] = ["", "hotp", "totp", "motp", "steam", "yandex"];
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];

pub(crate) fn is_plain(file: &File<'_>) -> bool {
    file.field("Authenticators").is_some()
}

pub(crate) fn is_strong(file: &File<'_>) -> bool {
    file.bytes.starts_with(STRONG)
}

pub(crate) fn is_legacy(file: &File<'_>) -> bool {
    file.bytes.starts_with(LEGACY)
}

pub(crate) fn read_plain(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    entries(file.root("Stratum")?, unlock)
}

pub(crate) fn read_strong(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let rest = file.bytes.strip_prefix(STRONG).ok_or(unlock.damaged())?;
    let (salt, rest) = rest.split_at_checked(16).ok_or(unlock.damaged())?;
    let (nonce, sealed) = rest.split_at_checked(12).ok_or(unlock.damaged())?;
    let key = ARGON2ID.derive(unlock, salt)?;
    let plain = open_gcm(&key, nonce, sealed, b"").ok_or(unlock.wrong())?;
    let json = Json::parse(&plain).ok_or(unlock.damaged())?;
    entries(json.root(), unlock)
}

/// Has no MAC: what a wrong key gives is told by its padding, and by whether it is JSON as a whole.
pub(crate) fn read_legacy(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let rest = file.bytes.strip_prefix(LEGACY).ok_or(unlock.damaged())?;
    let (salt, rest) = rest.split_at_checked(20).ok_or(unlock.damaged())?;
    let (iv, sealed) = rest.split_at_checked(16).ok_or(unlock.damaged())?;
    let key = pbkdf2::<32>(Prf::Sha1, ITERATIONS, unlock, salt)?;
    let cipher =
        cbc::Decryptor::<aes::Aes256>::new_from_slices(&*key, iv).map_err(|_| unlock.damaged())?;
    let plain = Zeroizing::new(
        cipher
            .decrypt_padded_vec::<Pkcs7>(sealed)
            .map_err(|_| unlock.wrong())?,
    );
    let json = Json::parse(&plain).ok_or(unlock.wrong())?;
    entries(json.root(), unlock)
}

fn entries(root: &Value, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let items = root
        .field("Authenticators")
        .as_array()
        .ok_or(unlock.damaged())?;
    let (categories, icons) = (Categories::of(root), icons(root));
    Ok(Report::of(items, unlock.progress, |item| {
        (item.text("Issuer").into(), entry(item, &categories, &icons))
    }))
}

/// Pictures by their id, each read once however many accounts have it.
fn icons(root: &Value) -> HashMap<&str, Icon> {
    let icons = root.list("CustomIcons").iter();
    icons
        .filter_map(|icon| Some((icon.text("Id"), Icon::from_base64(icon.text("Data"))?)))
        .collect()
}

/// The names of categories, and the ids of those that a secret's account stands in.
struct Categories<'a> {
    names: GroupNames<'a>,
    ids: HashMap<&'a str, Vec<&'a Value>>,
}

impl<'a> Categories<'a> {
    fn of(root: &'a Value) -> Categories<'a> {
        let mut ids: HashMap<&str, Vec<&Value>> = HashMap::new();
        for binding in root.list("AuthenticatorCategories") {
            let of = ids.entry(binding.text("AuthenticatorSecret")).or_default();
            of.push(binding.field("CategoryId"));
        }
        Categories {
            names: GroupNames::of(root.list("Categories"), "Id", "Name"),
            ids,
        }
    }

    fn of_secret(&self, secret: &str) -> Vec<String> {
        let ids = self.ids.get(secret).into_iter().flatten();
        ids.filter_map(|id| self.names.name(id)).collect()
    }
}

fn entry(
    item: &Value,
    categories: &Categories<'_>,
    icons: &HashMap<&str, Icon>,
) -> Result<Entry, Reason> {
    let choice = |name, wrong| {
        let number = item.number(name, wrong)?.unwrap_or_default();
        usize::try_from(number).map_err(|_| wrong)
    };
    let kind = TYPES
        .get(choice("Type", Reason::Type)?)
        .copied()
        .unwrap_or_default();
    let algorithm = ALGORITHMS
        .get(choice("Algorithm", Reason::Algorithm)?)
        .ok_or(Reason::Algorithm)?;
    let draft = Draft {
        kind,
        issuer: item.text("Issuer"),
        account: item.text("Username"),
        algorithm: algorithm.name(),
        digits: item.number("Digits", Reason::Digits)?,
        period: item.number("Period", Reason::Period)?,
        counter: item.number("Counter", Reason::Counter)?,
        pin: item.field("Pin").as_str(),
    };
    let text = item.text("Secret");
    let secret = match kind {
        // The one secret that is spelled in hexadecimal digits.
        "motp" => EntrySecret::from_bytes(
            &HEXLOWER_PERMISSIVE
                .decode(text.as_bytes())
                .map_err(|_| Reason::BadSecret)?,
        )?,
        _ => EntrySecret::from_base32(text)?,
    };
    let mut entry = draft.with(secret)?;
    entry.groups = categories.of_secret(text);
    // Without the sign it is the name of a picture that the program brings along.
    let icon = item.text("Icon").strip_prefix('@');
    entry.icon = icon.and_then(|id| icons.get(id).cloned());
    Ok(entry)
}

/// It has an issuer of each account.
pub(crate) fn check(_: &Entry) -> Result<(), Reason> {
    Ok(())
}

pub(crate) fn write(entries: &[&Entry], _: Option<&Password>) -> Result<Plain, ExportError> {
    let all = entries.iter().flat_map(|entry| &entry.groups);
    let names = GroupIds::of(all, || Ok(HEXLOWER.encode(&crate::cipher::random::<4>()?)))?;
    let (mut rows, mut bindings) = (Vec::new(), Vec::new());
    let mut icons = BTreeMap::new();
    for (ranking, entry) in entries.iter().enumerate() {
        let secret = match entry.kind {
            Kind::Motp(_) => Zeroizing::new(HEXLOWER.encode(&entry.secret.bytes())),
            _ => Zeroizing::new(entry.secret.expose_secret().to_owned()),
        };
        let kind = TYPES.iter().position(|name| *name == entry.kind.name());
        let algorithm = ALGORITHMS
            .iter()
            .position(|algorithm| *algorithm == entry.algorithm);
        // A bitmap: the program draws no SVG.
        let icon = entry.icon.as_ref();
        let icon = icon.filter(|icon| icon.kind() != IconType::Svg);
        let icon = icon.map(|icon| {
            let id = icon_id(icon);
            let name = format!("@{id}");
            icons.entry(id).or_insert_with(|| icon.to_base64());
            name
        });
        rows.push(json!({
            "Type": kind, "Icon": icon, "Issuer": entry.issuer, "Username": entry.account, "Secret": secret.as_str(),
            "Pin": entry.pin.as_ref().map(|pin| pin.as_str()), "Algorithm": algorithm, "Digits": entry.digits,
            "Period": entry.period().unwrap_or(30), "Counter": entry.counter().unwrap_or_default(), "CopyCount": 0,
            "Ranking": ranking,
        }));
        for id in entry.groups.iter().filter_map(|name| names.id(name)) {
            bindings.push(
                json!({ "CategoryId": id, "AuthenticatorSecret": secret.as_str(), "Ranking": 0 }),
            );
        }
    }
    let categories: Vec<Value> = names
        .groups
        .iter()
        .map(|(name, id)| json!({ "Id": id, "Name": name, "Ranking": 0 }))
        .collect();
    let icons: Vec<Value> = icons
        .iter()
        .map(|(id, data)| json!({ "Id": id, "Data": data }))
        .collect();
    Ok(Json::write(json!({
        "Authenticators": rows, "Categories": categories, "AuthenticatorCategories": bindings, "CustomIcons": icons,
    })))
}

/// The first half of a digest: the program's own has eight digits, of which two pictures may have the same.
fn icon_id(icon: &Icon) -> String {
    let digest = Sha256::digest(icon.bytes());
    HEXLOWER.encode(digest.get(..16).unwrap_or_default())
}
