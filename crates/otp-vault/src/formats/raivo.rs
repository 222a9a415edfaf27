//! Raivo OTP: JSON whose numbers are texts.

use serde_json::Value;

use crate::entry::Draft;
use crate::file::File;
use crate::json::Fields;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, ImportError, Reason};

pub(crate) fn recognise(file: &File<'_>) -> bool {
    let first = file.json.as_ref().and_then(|json| json.root().get(0));
    first.is_some_and(|item| item.get("kind").is_some() && item.get("timer").is_some())
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let items = file.root("Raivo OTP")?.as_array().ok_or(unlock.damaged())?;
    Ok(Report::of(items, unlock.progress, |item| {
        (item.text("account").into(), entry(item))
    }))
}

fn entry(item: &Value) -> Result<Entry, Reason> {
    let draft = Draft {
        kind: item.text("kind"),
        issuer: item.text("issuer"),
        account: item.text("account"),
        algorithm: item.text("algorithm"),
        digits: item.number("digits", Reason::Digits)?,
        period: item.number("timer", Reason::Period)?,
        counter: item.number("counter", Reason::Counter)?,
        pin: None,
    };
    draft.with(EntrySecret::from_base32(item.text("secret"))?)
}
