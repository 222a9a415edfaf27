//! Bodies: JSON, or a form.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, http::header::CONTENT_TYPE};
use serde_json::{Map, Value};

/// What a body holds. Of a name that stands there twice the last value counts; unknown names are ignored.
pub(crate) enum Input {
    Form(BTreeMap<String, Vec<String>>),
    Json(Map<String, Value>),
}

/// The body cannot be read, or a field has another type.
pub(crate) struct Unreadable;

impl Input {
    /// Reads it. Without a content type it is a form.
    pub(crate) fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Unreadable> {
        let named = match request.headers().get(CONTENT_TYPE) {
            None => "",
            Some(value) => value.to_str().map_err(|_| Unreadable)?,
        };
        let kind = named.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/json" => match serde_json::from_slice(body) {
                Ok(Value::Object(fields)) => Ok(Self::Json(fields)),
                Ok(Value::Null) => Ok(Self::Json(Map::new())),
                _ => Err(Unreadable),
            },
            "" | "application/x-www-form-urlencoded" => form(body).ok_or(Unreadable),
            _ => Err(Unreadable),
        }
    }

    /// A text; `None` where it is absent.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Unreadable> {
        match self {
            Self::Form(fields) => Ok(fields.get(name).and_then(|values| values.last().cloned())),
            Self::Json(fields) => match fields.get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::String(text)) => Ok(Some(text.clone())),
                Some(_) => Err(Unreadable),
            },
        }
    }

    /// A text; empty where it is absent.
    pub(crate) fn text_or_empty(&self, name: &str) -> Result<String, Unreadable> {
        Ok(self.text(name)?.unwrap_or_default())
    }

    /// A list of texts; `None` where it is absent.
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<String>>, Unreadable> {
        match self {
            Self::Form(fields) => Ok(fields.get(name).cloned()),
            Self::Json(fields) => match fields.get(name) {
                None | Some(Value::Null) => Ok(None),
                Some(Value::Array(items)) => {
                    let text = |item: &Value| item.as_str().map(String::from);
                    let texts: Option<Vec<_>> = items.iter().map(text).collect();
                    texts.map(Some).ok_or(Unreadable)
                }
                Some(_) => Err(Unreadable),
            },
        }
    }

    /// Any value of JSON.
    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        match self {
            Self::Form(fields) => {
                let last = fields.get(name).and_then(|values| values.last());
                last.map(|text| Value::String(text.clone()))
            }
            Self::Json(fields) => fields.get(name).filter(|value| !value.is_null()).cloned(),
        }
    }
}

fn form(body: &[u8]) -> Option<Input> {
    let mut fields = BTreeMap::<String, Vec<String>>::new();
    for pair in body
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
    {
        let at = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = pair.split_at(at.unwrap_or(pair.len()));
        let value = value.get(1..).unwrap_or_default();
        let values = fields.entry(decoded(name)?).or_default();
        values.push(decoded(value)?);
    }
    Some(Input::Form(fields))
}

/// A part of a form, with `%XX` and `+` decoded.
fn decoded(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let high = digit(rest.next())?.checked_mul(16)?;
                u8::try_from(high.checked_add(digit(rest.next())?)?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
