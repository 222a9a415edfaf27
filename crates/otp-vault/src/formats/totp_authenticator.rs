//! TOTP Authenticator: base64 of JSON under AES-256-CBC, with a bare SHA-256 of the password and no initial value.
//!
//! Source: the backup as Aegis reads it. The application shows six digits whatever the file says.

use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use data_encoding::{BASE64, HEXUPPER_PERMISSIVE};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::entry::Draft;
use crate::file::File;
use crate::json::{Fields, Json};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, ImportError, Reason};

pub(crate) fn recognise(file: &File<'_>) -> bool {
    let text = file.bytes.trim_ascii();
    text.len() >= 64
        && BASE64.decode_len(text.len()).is_ok()
        && sealed(file).is_some_and(|sealed| sealed.len() % 16 == 0)
}

fn sealed(file: &File<'_>) -> Option<Vec<u8>> {
    BASE64.decode(file.bytes.trim_ascii()).ok()
}

/// Has no MAC: what a wrong key gives is told by its padding, and by whether it is JSON as a whole.
pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let sealed = sealed(file).ok_or(unlock.damaged())?;
    let key: Zeroizing<[u8; 32]> =
        Zeroizing::new(Sha256::digest(unlock.password()?.bytes()).into());
    let cipher = cbc::Decryptor::<aes::Aes256>::new_from_slices(&*key, &[0; 16])
        .map_err(|_| unlock.damaged())?;
    let plain = Zeroizing::new(
        cipher
            .decrypt_padded_vec::<Pkcs7>(&sealed)
            .map_err(|_| unlock.wrong())?,
    );
    // The list is the name of the object's only field.
    let outer = Json::parse(&plain).ok_or(unlock.wrong())?;
    let list = outer
        .root()
        .as_object()
        .and_then(|fields| fields.keys().next())
        .ok_or(unlock.damaged())?;
    let list = Json::parse(list.as_bytes()).ok_or(unlock.damaged())?;
    let items = list.root().as_array().ok_or(unlock.damaged())?;
    Ok(Report::of(items, unlock.progress, |item| {
        (item.text("name").into(), entry(item))
    }))
}

fn entry(item: &Value) -> Result<Entry, Reason> {
    let key = item.text("key");
    let secret = match item.number("base", Reason::BadSecret)? {
        Some(16) => {
            let bytes = HEXUPPER_PERMISSIVE
                .decode(key.as_bytes())
                .map_err(|_| Reason::BadSecret)?;
            EntrySecret::from_bytes(&Zeroizing::new(bytes))?
        }
        Some(32) | None => EntrySecret::from_base32(key)?,
        Some(_) => return Err(Reason::BadSecret),
    };
    let draft = Draft {
        kind: "totp",
        issuer: item.text("issuer"),
        account: item.text("name"),
        ..Draft::default()
    };
    draft.with(secret)
}
