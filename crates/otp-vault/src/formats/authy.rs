//! Authy: shared preferences of Android, with secrets that may be under a password.
//!
//! Source: the preferences file `com.authy.storage.tokens.authenticator.xml` as Aegis reads it.

use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use data_encoding::BASE64;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::entry::Draft;
use crate::file::File;
use crate::formats::preferences;
use crate::json::{Fields, Json};
use crate::kdf::{Key, Prf, pbkdf2};
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, ImportError, Reason};

const KEY: &str = "com.authy.storage.tokens.authenticator.key";

/// What every file of theirs has; it is named in none.
const ITERATIONS: u64 = 1000;

pub(crate) fn recognise(file: &File<'_>) -> bool {
    preferences::names(file, KEY)
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let texts = preferences::read(file, unlock)?;
    let (_, text) = texts
        .into_iter()
        .find(|(name, _)| name == KEY)
        .ok_or(unlock.damaged())?;
    let json = Json::parse(text.as_bytes()).ok_or(unlock.damaged())?;
    let items = json.root().as_array().ok_or(unlock.damaged())?;
    let mut report = Report::default();
    for (index, item) in items.iter().enumerate() {
        let sealed = item.text("encryptedSecret");
        let secret = if sealed.is_empty() {
            Zeroizing::new(item.text("decryptedSecret").to_owned())
        } else {
            open(sealed, item.text("salt"), unlock)?
        };
        report.note(index, item.text("name"), entry(item, &secret));
        (unlock.progress)(index.saturating_add(1), items.len());
    }
    Ok(report)
}

/// Has no MAC: what a wrong key gives is told by its padding and its letters, for each of the secrets.
fn open(sealed: &str, salt: &str, unlock: &Unlock<'_>) -> Result<Zeroizing<String>, ImportError> {
    let sealed = BASE64
        .decode(sealed.as_bytes())
        .map_err(|_| unlock.damaged())?;
    let key: Key = pbkdf2(Prf::Sha1, ITERATIONS, unlock, salt.as_bytes())?;
    let cipher = cbc::Decryptor::<aes::Aes256>::new_from_slices(&*key, &[0; 16])
        .map_err(|_| unlock.damaged())?;
    let plain = Zeroizing::new(
        cipher
            .decrypt_padded_vec::<Pkcs7>(&sealed)
            .map_err(|_| unlock.wrong())?,
    );
    let text = core::str::from_utf8(&plain).map_err(|_| unlock.wrong())?;
    EntrySecret::from_base32(text).map_err(|_| unlock.wrong())?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn entry(item: &Value, secret: &str) -> Result<Entry, Reason> {
    let name = item.text("originalName");
    let name = if name.is_empty() {
        item.text("name")
    } else {
        name
    };
    let issuer = item.text("originalIssuer");
    let (issuer, account) = match name
        .strip_prefix(issuer)
        .and_then(|rest| rest.strip_prefix(':'))
    {
        Some(account) => (issuer, account.trim_start()),
        None if issuer.is_empty() => name
            .split_once(':')
            .map_or(("", name), |(issuer, account)| {
                (issuer, account.trim_start())
            }),
        None => (issuer, name),
    };
    let draft = Draft {
        kind: "totp",
        issuer,
        account,
        digits: item.number("digits", Reason::Digits)?,
        ..Draft::default()
    };
    draft.with(EntrySecret::from_base32(secret)?)
}
