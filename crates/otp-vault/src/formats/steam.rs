//! Steam: the maFile of Steam Desktop Authenticator and the application's own JSON.

use data_encoding::BASE64;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::entry::Draft;
use crate::file::File;
use crate::json::Fields;
use crate::report::Report;
use crate::unlock::Unlock;
use crate::{Entry, EntrySecret, ImportError, Reason};

pub(crate) fn recognise(file: &File<'_>) -> bool {
    let accounts = file.field("accounts").and_then(Value::as_object);
    file.field("shared_secret").is_some()
        || accounts.is_some_and(|accounts| {
            accounts
                .values()
                .any(|account| account.get("shared_secret").is_some())
        })
}

pub(crate) fn read(file: &File<'_>, unlock: &Unlock<'_>) -> Result<Report, ImportError> {
    let root = file.root("Steam")?;
    let accounts = root.field("accounts").as_object();
    let accounts: Vec<&Value> =
        accounts.map_or_else(|| vec![root], |accounts| accounts.values().collect());
    Ok(Report::of(accounts.iter(), unlock.progress, |item| {
        (item.text("account_name").into(), entry(item))
    }))
}

fn entry(root: &Value) -> Result<Entry, Reason> {
    let secret = BASE64
        .decode(root.text("shared_secret").as_bytes())
        .map_err(|_| Reason::BadSecret)?;
    let secret = Zeroizing::new(secret);
    let draft = Draft {
        kind: "steam",
        issuer: "Steam",
        account: root.text("account_name"),
        ..Draft::default()
    };
    draft.with(EntrySecret::from_bytes(&secret)?)
}
