//! An account of a vault in a database.

use core::fmt;

use serde_json::json;
use zeroize::Zeroizing;

use crate::{
    Entry,
    formats::own,
    json::{Fields, Json},
};

/// What is kept of an account beside its place.
pub struct Draft {
    /// The account.
    pub entry: Entry,
    /// The name of its icon.
    pub icon: Option<String>,
    /// The URI that it was made from, as it came.
    pub uri: Option<Zeroizing<String>>,
}

/// An account as its owner sees it.
#[derive(Debug)]
pub struct Account {
    /// Its number.
    pub id: i64,
    /// The group that it stands in.
    pub group: Option<i64>,
    /// What is kept of it.
    pub kept: Draft,
    pub(super) item: [u8; 16],
    pub(super) sealed: Vec<u8>,
}

impl Draft {
    /// Nothing beside the account.
    #[must_use]
    pub const fn new(entry: Entry) -> Self {
        Self {
            entry,
            icon: None,
            uri: None,
        }
    }

    /// What is sealed: the row that `otp-vault import` prints, without a counter, with `icon_name` and `uri` where there are
    /// any.
    pub(super) fn write(&self) -> Zeroizing<Vec<u8>> {
        let mut row = own::row(&self.entry);
        if let Some(fields) = row.as_object_mut() {
            fields.remove("counter");
            if let Some(icon) = &self.icon {
                fields.insert("icon_name".into(), json!(icon));
            }
            if let Some(uri) = &self.uri {
                fields.insert("uri".into(), json!(uri.as_str()));
            }
        }
        Json::write(row)
    }

    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let json = Json::parse_own(text)?;
        let root = json.root();
        let text = |name| root.field(name).as_str();
        Some(Self {
            entry: own::entry(root).ok()?,
            icon: text("icon_name").map(Into::into),
            uri: text("uri").map(|uri| Zeroizing::new(uri.into())),
        })
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({}, ..)", self.entry.kind.name())
    }
}
