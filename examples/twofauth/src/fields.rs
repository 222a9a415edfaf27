//! The fields of a body, and what is wrong with them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::answer::ApiError;

/// Reads fields, and collects what is wrong.
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    wrong: BTreeMap<String, Vec<String>>,
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(map: &'a Map<String, Value>) -> Self {
        Self {
            map,
            wrong: BTreeMap::new(),
        }
    }

    pub(crate) fn wrong(&mut self, field: &str, what: &str) {
        let told = self.wrong.entry(field.to_owned()).or_default();
        told.push(format!("The {} {what}", field.replace('_', " ")));
    }

    /// What is there; null is `None`.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.map.contains_key(field)
    }

    /// It has to be there, even if it is null.
    pub(crate) fn present(&mut self, field: &str) {
        if !self.has(field) {
            self.wrong(field, "field must be present.");
        }
    }

    pub(crate) fn text(&mut self, field: &str) -> Option<&'a str> {
        let value = self.get(field)?;
        let text = value.as_str();
        if text.is_none() {
            self.wrong(field, "field must be a string.");
        }
        text
    }

    pub(crate) fn needed_text(&mut self, field: &str) -> &'a str {
        if self.get(field).is_none() {
            self.wrong(field, "field is required.");
            return "";
        }
        self.text(field).unwrap_or_default()
    }

    /// A whole number within bounds; 6.0 is one too.
    pub(crate) fn number(&mut self, field: &str, lowest: i64, highest: i64) -> Option<i64> {
        let value = self.get(field)?;
        let Some(number) = whole(value) else {
            self.wrong(field, "field must be an integer.");
            return None;
        };
        if !(lowest..=highest).contains(&number) {
            self.wrong(
                field,
                &format!("field must be between {lowest} and {highest}."),
            );
            return None;
        }
        Some(number)
    }

    pub(crate) fn boolean(&mut self, field: &str) -> Option<bool> {
        let value = self.get(field)?;
        let truth = value.as_bool();
        if truth.is_none() {
            self.wrong(field, "field must be true or false.");
        }
        truth
    }

    /// A list of ids.
    pub(crate) fn ids(&mut self, field: &str) -> Vec<i64> {
        let Some(value) = self.get(field) else {
            self.wrong(field, "field is required.");
            return Vec::new();
        };
        let ids = value
            .as_array()
            .and_then(|list| list.iter().map(whole).collect::<Option<Vec<i64>>>());
        if ids.is_none() {
            self.wrong(field, "field must be a list of integers.");
        }
        ids.unwrap_or_default()
    }

    pub(crate) fn check(self) -> Result<(), ApiError> {
        let Some(first) = self.wrong.values().flatten().next() else {
            return Ok(());
        };
        let body = json!({"message": first, "errors": self.wrong});
        Err(ApiError::of(422, body))
    }
}

/// A whole number, however JSON writes it.
pub(crate) fn whole(value: &Value) -> Option<i64> {
    if let Some(number) = value.as_i64() {
        return Some(number);
    }
    // Exact up to 2⁵³, and refused above.
    let float = value.as_f64().filter(|float| float.fract() == 0.0)?;
    if float.abs() > 9_007_199_254_740_992.0 || !value.is_f64() {
        return None;
    }
    format!("{float:.0}").parse().ok()
}

/// Texts are trimmed, and empty ones are null; but passwords stay as they are.
pub(crate) fn tidy(value: &mut Value) {
    match value {
        Value::String(text) => {
            let trimmed = text.trim();
            if trimmed.is_empty() {
                *value = Value::Null;
            } else if trimmed.len() < text.len() {
                *value = trimmed.into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        Value::Object(map) => {
            for (name, value) in map.iter_mut() {
                if !name.contains("password") {
                    tidy(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
