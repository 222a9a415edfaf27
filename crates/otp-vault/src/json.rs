//! JSON whose texts are wiped.

use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::{ImportError, Reason, limits};

/// What a value takes in a list.
const VALUE_BYTES: usize = 32;
/// What the first node of an object takes.
const OBJECT_BYTES: usize = 640;
/// What a short text takes beside its value.
const TEXT_BYTES: usize = 32;

/// A document. Its texts are wiped on drop.
pub(crate) struct Json(Value);

impl Json {
    /// Refuses what is cut off, followed by anything or beyond [`limits`].
    pub(crate) fn parse(bytes: &[u8]) -> Option<Json> {
        Json::read(bytes).ok()?
    }

    /// The same for what a vault of ours holds, whose entries were counted when it was sealed.
    pub(crate) fn parse_own(bytes: &[u8]) -> Option<Json> {
        weigh(bytes, usize::MAX).ok()?;
        Json::build(bytes)
    }

    /// Reads a document that anybody may have made: also what its values take is capped, before any is built.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Json>, ImportError> {
        weigh(bytes, limits::JSON_BYTES)?;
        Ok(Json::build(bytes))
    }

    fn build(bytes: &[u8]) -> Option<Json> {
        let mut reader = serde_json::Deserializer::from_slice(bytes);
        // `weigh` counts the depth: the parser's own limit is one less than promised.
        reader.disable_recursion_limit();
        let mut values = reader.into_iter::<Value>();
        let root = Json(values.next()?.ok()?);
        values.next().is_none().then_some(root)
    }

    pub(crate) fn root(&self) -> &Value {
        &self.0
    }

    /// Indented, with a line end.
    pub(crate) fn write(value: Value) -> Zeroizing<Vec<u8>> {
        let value = Json(value);
        // Nothing in a value can fail to be written.
        let mut text = Zeroizing::new(serde_json::to_vec_pretty(&value.0).unwrap_or_default());
        text.push(b'\n');
        text
    }
}

impl Drop for Json {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Refuses JSON that is nested deeper than [`limits::JSON_DEPTH`], or whose values would take more than `most` bytes of
/// memory as a tree, before any of it is built.
///
/// Looks at brackets, commas and quotes alone, which is exact for JSON up to where it ends to be JSON.
///
/// # Errors
/// [`ImportError::TooMuchWork`].
pub fn weigh(bytes: &[u8], most: usize) -> Result<(), ImportError> {
    let (mut depth, mut memory): (usize, usize) = (0, 0);
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        let taken = match byte {
            b'{' | b'[' => {
                depth = depth.saturating_add(1);
                if *byte == b'{' { OBJECT_BYTES } else { 0 }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                0
            }
            b',' => VALUE_BYTES,
            b'"' => {
                let before = rest.len();
                while let Some(byte) = rest.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(rest.next()),
                        _ => {}
                    }
                }
                TEXT_BYTES.saturating_add(before.saturating_sub(rest.len()))
            }
            _ => 0,
        };
        memory = memory.saturating_add(taken);
        if depth > limits::JSON_DEPTH || memory > most {
            return Err(ImportError::TooMuchWork);
        }
    }
    Ok(())
}

/// Fields of an object. What is absent, null or of another type reads as nothing, unless it says otherwise.
pub(crate) trait Fields {
    /// A text, or none.
    fn text(&self, name: &str) -> &str;
    /// The items of a list, or none.
    fn list(&self, name: &str) -> &[Value];
    /// The field, or null.
    fn field(&self, name: &str) -> &Value;
    /// A whole number that is not negative, also as text; `wrong` for anything else that is there.
    fn number(&self, name: &str, wrong: Reason) -> Result<Option<u64>, Reason>;
}

impl Fields for Value {
    fn text(&self, name: &str) -> &str {
        self.field(name).as_str().unwrap_or_default()
    }

    fn list(&self, name: &str) -> &[Value] {
        self.field(name).as_array().map_or(&[], Vec::as_slice)
    }

    fn field(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }

    fn number(&self, name: &str, wrong: Reason) -> Result<Option<u64>, Reason> {
        match self.field(name) {
            Value::Null => Ok(None),
            Value::Number(number) => number.as_u64().map(Some).ok_or(wrong),
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) if text.bytes().all(|c| c.is_ascii_digit()) => {
                text.parse().map(Some).map_err(|_| wrong)
            }
            _ => Err(wrong),
        }
    }
}
