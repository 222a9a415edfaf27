//! LastPass Authenticator: JSON.

use serde_json::Value;

use crate::entry::Draft;
use crate::file::File;
use crate::groups::GroupNames;
use crate::json::Fields;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, ImportError, Reason};

pub(crate) fn recognise(file: &File<'_>) -> bool {
    file.field("accounts").is_some() && file.field("folders").is_some()
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let root = file.root("LastPass Authenticator")?;
    let items = root.field("accounts").as_array().ok_or(unlock.damaged())?;
    let folders = GroupNames::of(root.list("folders"), "id", "name");
    Ok(Report::of(items, unlock.progress, |item| {
        (item.text("userName").into(), entry(item, &folders))
    }))
}

fn entry(item: &Value, folders: &GroupNames<'_>) -> Result<Entry, Reason> {
    // What its owner took out is still there as the service wrote it.
    let first = |names: [&str; 2]| {
        names
            .map(|name| item.text(name))
            .into_iter()
            .find(|name| !name.is_empty())
    };
    let draft = Draft {
        kind: "totp",
        issuer: first(["issuerName", "originalIssuerName"]).unwrap_or_default(),
        account: first(["userName", "originalUserName"]).unwrap_or_default(),
        algorithm: item.text("algorithm"),
        digits: item.number("digits", Reason::Digits)?,
        period: item.number("timeStep", Reason::Period)?,
        ..Draft::default()
    };
    let mut entry = draft.with(EntrySecret::from_base32(item.text("secret"))?)?;
    let id = item.field("folderData").field("folderId");
    entry.groups.extend(folders.name(id));
    Ok(entry)
}
