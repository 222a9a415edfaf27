//! What `otp-vault import` prints.

use serde_json::{Value, json};

use crate::cipher::Plain;
use crate::entry::Draft;
use crate::error::ExportError;
use crate::file::File;
use crate::json::{Fields, Json};
use crate::report::{Progress, Report};
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, Icon, ImportError, Imported, Password, Reason};

pub(crate) fn recognise(file: &File<'_>) -> bool {
    file.field("entries").is_some()
        && file.field("skipped").is_some()
        && file.field("format").is_some()
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    entries(file.root("otp-vault")?, unlock.progress).ok_or(unlock.damaged())
}

/// The accounts of a document; `None` if it is none.
pub(crate) fn entries(root: &Value, progress: Progress<'_>) -> Option<Report> {
    let items = root.field("entries").as_array()?;
    let mut report = Report::of(items, progress, |item| {
        (item.text("account").into(), entry(item))
    });
    // What was not read before is missing here too.
    for (at, row) in root.list("skipped").iter().enumerate() {
        let index = row.number("index", Reason::Form).ok().flatten();
        let index = index.and_then(|index| usize::try_from(index).ok());
        report.note(
            index.unwrap_or(at),
            row.text("name"),
            Err(Reason::of_text(row.text("reason"))),
        );
    }
    Some(report)
}

pub(crate) fn entry(item: &Value) -> Result<Entry, Reason> {
    let draft = Draft {
        kind: item.text("type"),
        issuer: item.text("issuer"),
        account: item.text("account"),
        algorithm: item.text("algorithm"),
        digits: item.number("digits", Reason::Digits)?,
        period: item.number("period", Reason::Period)?,
        counter: item.number("counter", Reason::Counter)?,
        pin: item.field("pin").as_str(),
    };
    let mut entry = draft.with(EntrySecret::from_base32(item.text("secret"))?)?;
    entry.note = item.field("note").as_str().map(Into::into);
    let groups = item.list("groups").iter().filter_map(Value::as_str);
    entry.groups = groups.map(Into::into).collect();
    entry.icon = Icon::from_data_url(item.text("icon"));
    Ok(entry)
}

pub(crate) fn check(_: &Entry) -> Result<(), Reason> {
    Ok(())
}

pub(crate) fn write(entries: &[&Entry], _: Option<&Password>) -> Result<Plain, ExportError> {
    Ok(document("otp-vault", entries, Vec::new()))
}

impl Imported {
    /// The JSON document that `otp-vault import` prints: `format`, `entries` and `skipped`.
    #[must_use]
    pub fn to_json(&self) -> zeroize::Zeroizing<Vec<u8>> {
        let skipped = self.skipped.iter().map(|skipped| {
            let mut row = json!({ "index": skipped.index, "reason": skipped.reason.to_string() });
            if let (Some(name), Some(row)) = (&skipped.name, row.as_object_mut()) {
                row.insert("name".into(), json!(name));
            }
            row
        });
        let entries: Vec<&Entry> = self.entries.iter().collect();
        document(self.format, &entries, skipped.collect())
    }
}

fn document(format: &str, entries: &[&Entry], skipped: Vec<Value>) -> Plain {
    let entries: Vec<Value> = entries.iter().map(|entry| row(entry)).collect();
    Json::write(json!({ "format": format, "entries": entries, "skipped": skipped }))
}

pub(crate) fn row(entry: &Entry) -> Value {
    let mut row = json!({
        "type": entry.kind.name(),
        "issuer": entry.issuer,
        "account": entry.account,
        "secret": entry.secret.expose_secret(),
        "algorithm": entry.algorithm_name(),
        "digits": entry.digits,
        "period": entry.period(),
        "counter": entry.counter(),
    });
    if let Some(fields) = row.as_object_mut() {
        if !entry.groups.is_empty() {
            fields.insert("groups".into(), json!(entry.groups));
        }
        if let Some(note) = &entry.note {
            fields.insert("note".into(), json!(note));
        }
        if let Some(pin) = &entry.pin {
            fields.insert("pin".into(), json!(pin.as_str()));
        }
        if let Some(icon) = &entry.icon {
            fields.insert("icon".into(), json!(icon.to_data_url()));
        }
    }
    row
}
