//! Ente Auth: otpauth URIs with what the application shows beside them, plain or encrypted as one stream.
//!
//! Source: ente-io/ente, `mobile/apps/auth`, the export of codes; libsodium's documentation of `secretstream`.

use data_encoding::BASE64;
use orion::hazardous::aead::streaming::{Nonce, SecretKey, StreamTag, StreamXChaCha20Poly1305};
use zeroize::Zeroizing;

use crate::cipher::Plain;
use crate::error::ExportError;
use crate::file::File;
use crate::formats::uri_list::{append, entries};
use crate::json::{Fields, Json};
use crate::kdf::Argon2id;
use crate::report::{Progress, Report};
use crate::unlock::Unlock;
use crate::uri::{self, Plus, Query};
use crate::{Entry, ImportError, Password, Reason};

pub(crate) fn is_text(file: &File<'_>) -> bool {
    let text = file.text();
    text.contains("codeDisplay=") && text.contains("otpauth://")
}

pub(crate) fn read_text(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    Ok(with_display(file.text(), unlock.progress))
}

/// Entries, with the tags and notes that `codeDisplay` holds. What lies in the application's bin is an entry too.
fn with_display(text: &str, progress: Progress<'_>) -> Report {
    let mut report = entries(text, Plus::Blank, progress);
    // A report's entries are in the order of the lines that could be read.
    let read = text
        .lines()
        .filter(|line| uri::read_with(line, Plus::Blank).is_ok());
    for (entry, line) in report.entries.iter_mut().zip(read) {
        let query = line
            .split_once('?')
            .and_then(|(_, query)| Query::parse(query, Plus::Blank).ok());
        let display = query.as_ref().and_then(|query| query.get("codedisplay"));
        let Some(display) = display.and_then(|display| Json::parse(display.as_bytes())) else {
            continue;
        };
        let tags = display
            .root()
            .list("tags")
            .iter()
            .filter_map(|tag| tag.as_str());
        entry.groups.extend(tags.map(str::to_owned));
        let note = display.root().text("note");
        entry.note = (!note.is_empty()).then(|| note.to_owned());
    }
    report
}

pub(crate) fn is_encrypted(file: &File<'_>) -> bool {
    file.field("kdfParams").is_some() && file.field("encryptedData").is_some()
}

pub(crate) fn read_encrypted(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let root = file.root("Ente Auth")?;
    let params = root.field("kdfParams");
    let number = |name| {
        params
            .number(name, Reason::Form)
            .ok()
            .flatten()
            .ok_or(unlock.damaged())
    };
    let base64 = |text: &str| BASE64.decode(text.as_bytes()).map_err(|_| unlock.damaged());
    let salt = base64(params.text("salt"))?;
    let header = base64(root.text("encryptionNonce"))?;
    let sealed = base64(root.text("encryptedData"))?;
    // libsodium counts bytes and has one lane.
    let argon2id = Argon2id {
        kib: number("memLimit")? >> 10,
        passes: number("opsLimit")?,
        lanes: 1,
    };
    let key = argon2id.derive(unlock, &salt)?;

    let nonce = Nonce::try_from(header.as_slice()).map_err(|_| unlock.damaged())?;
    let key = SecretKey::try_from(key.as_slice()).map_err(|_| unlock.damaged())?;
    let mut plain = Zeroizing::new(vec![
        0;
        sealed.len().checked_sub(17).ok_or(unlock.damaged())?
    ]);
    let mut stream = StreamXChaCha20Poly1305::new(&key, &nonce);
    let tag = stream
        .open_chunk(&sealed, None, &mut plain)
        .map_err(|_| unlock.wrong())?;
    if !matches!(tag, StreamTag::Finish) {
        return Err(unlock.damaged());
    }
    let text = core::str::from_utf8(&plain).map_err(|_| unlock.damaged())?;
    Ok(with_display(text, unlock.progress))
}

pub(crate) fn check(entry: &Entry) -> Result<(), Reason> {
    uri::write(entry).map(drop)
}

pub(crate) fn write(entries: &[&Entry], _: Option<&Password>) -> Result<Plain, ExportError> {
    let mut file = Plain::default();
    for entry in entries {
        let uri = uri::write_with(entry, "+").map_err(|_| ExportError::NotEncrypted)?;
        append(&mut file, uri.as_bytes());
        let display = serde_json::json!({
            "pinned": false, "trashed": false, "lastUsedAt": 0, "tapCount": 0, "tags": entry.groups,
            "note": entry.note.as_deref().unwrap_or_default(),
        });
        let mut escaped = Zeroizing::new(String::new());
        uri::escape(&mut escaped, &display.to_string(), "+");
        append(&mut file, b"&codeDisplay=");
        append(&mut file, escaped.as_bytes());
        append(&mut file, b"\n");
    }
    Ok(file)
}
