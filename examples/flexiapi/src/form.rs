//! Fields of a form or of an address, `application/x-www-form-urlencoded`.

use core::fmt::Write as _;

use serde_json::{Map, Value};

/// The fields, the last of each name; `None` for what cannot be read.
pub(crate) fn fields(text: &str) -> Option<Map<String, Value>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let read = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decoded(name)?, Value::String(decoded(value)?)))
    });
    read.collect()
}

/// With `%XX` and `+` decoded.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A form with these fields.
pub(crate) fn written(fields: &[(&str, &str)]) -> String {
    let mut form = String::new();
    for (name, value) in fields {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(name);
        form.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                form.push(char::from(byte));
            } else {
                let _ = write!(form, "%{byte:02X}");
            }
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Escapes are read, and what is none refuses the whole.
    #[test]
    fn escapes_are_read_or_refused() {
        let read = |text| fields(text).map(|fields| Value::Object(fields).to_string());
        assert_eq!(
            read("a=1+2&b=%2B33").as_deref(),
            Some(r#"{"a":"1 2","b":"+33"}"#)
        );
        assert_eq!(read("").as_deref(), Some("{}"));
        let text = "a b+c&d=é%";
        let back = fields(&written(&[("x", text), ("y", "")])).expect("a form");
        assert_eq!((&back["x"], &back["y"]), (&text.into(), &"".into()));
        for bad in ["a=%", "a=%2", "a=%zz", "a=%ff", "%c3=1"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
