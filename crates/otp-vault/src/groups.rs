//! Groups, folders and categories that a file lists beside its entries, each under an id.

use std::collections::HashMap;

use serde_json::Value;

use crate::ExportError;
use crate::json::Fields;

/// The names of groups that were read, by id. Of several of one id, the first.
pub(crate) struct GroupNames<'a>(HashMap<String, &'a str>);

impl<'a> GroupNames<'a> {
    /// Of a list of objects with these two fields.
    pub(crate) fn of(groups: &'a [Value], id: &str, name: &str) -> GroupNames<'a> {
        let mut names = HashMap::new();
        for group in groups {
            if let Some(id) = key(group.field(id)) {
                names.entry(id).or_insert(group.text(name));
            }
        }
        GroupNames(names)
    }

    /// The name of the group with this id.
    pub(crate) fn name(&self, id: &Value) -> Option<String> {
        self.0.get(&key(id)?).map(|name| (*name).to_owned())
    }
}

/// An id, which may be a number; none for what is absent or empty.
fn key(id: &Value) -> Option<String> {
    match id {
        Value::Null => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

/// Groups that are written, in the order in which entries name them, and an id for each.
pub(crate) struct GroupIds<'a> {
    /// Name and id.
    pub(crate) groups: Vec<(&'a str, String)>,
    places: HashMap<&'a str, usize>,
}

impl<'a> GroupIds<'a> {
    pub(crate) fn of(
        names: impl Iterator<Item = &'a String>,
        fresh: impl Fn() -> Result<String, ExportError>,
    ) -> Result<GroupIds<'a>, ExportError> {
        let mut ids = GroupIds {
            groups: Vec::new(),
            places: HashMap::new(),
        };
        for name in names {
            if !ids.places.contains_key(name.as_str()) {
                ids.places.insert(name, ids.groups.len());
                ids.groups.push((name, fresh()?));
            }
        }
        Ok(ids)
    }

    pub(crate) fn id(&self, name: &str) -> Option<&str> {
        let place = self.places.get(name)?;
        self.groups.get(*place).map(|(_, id)| id.as_str())
    }
}
