//! Duo Mobile: the JSON that its application keeps.

use serde_json::Value;

use crate::entry::Draft;
use crate::file::File;
use crate::json::Fields;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, ImportError, Reason};

pub(crate) fn recognise(file: &File<'_>) -> bool {
    let items = file.json.as_ref().and_then(|json| json.root().as_array());
    items.is_some_and(|items| items.iter().any(|item| item.get("otpGenerator").is_some()))
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let items = file
        .root("Duo Mobile")?
        .as_array()
        .ok_or(unlock.damaged())?;
    Ok(Report::of(items, unlock.progress, |item| {
        (item.text("name").into(), entry(item))
    }))
}

/// A generator with a counter counts; six digits, SHA-1 and 30 seconds always.
fn entry(item: &Value) -> Result<Entry, Reason> {
    let generator = item.field("otpGenerator");
    let counter = generator.number("counter", Reason::Counter)?;
    let draft = Draft {
        kind: if counter.is_some() { "hotp" } else { "totp" },
        account: item.text("name"),
        counter,
        ..Draft::default()
    };
    draft.with(EntrySecret::from_base32(generator.text("otpSecret"))?)
}
