//! What a gateway's templates stand for, escaped for where they stand.

use core::fmt::Write as _;

use serde_json::Value;
use zeroize::Zeroizing;

/// What one message puts into the templates.
pub(super) struct Slots<'a> {
    /// `{to}`: the number with its plus; `{number}`: without.
    pub(super) to: &'a str,
    /// `{text}`.
    pub(super) text: &'a str,
    /// `{id}`: the idempotency key.
    pub(super) id: &'a str,
}

/// Every placeholder.
pub(super) const NAMES: [&str; 4] = ["id", "number", "text", "to"];

impl<'a> Slots<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        match name {
            "id" => Some(self.id),
            "number" => Some(self.to.trim_start_matches('+')),
            "text" => Some(self.text),
            "to" => Some(self.to),
            _ => None,
        }
    }
}

/// The names that stand in braces: lower-case letters and underscores alone, so that other braces mean themselves.
pub(super) fn names(template: &str) -> impl Iterator<Item = &str> {
    template.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let letters = |one: char| one.is_ascii_lowercase() || one == '_';
        (!name.is_empty() && name.chars().all(letters)).then_some(name)
    })
}

/// Fills a template in one pass: what was filled in is not looked at again.
pub(super) fn fill(
    template: &str,
    slots: &Slots<'_>,
    escape: fn(&str, &mut String),
) -> Zeroizing<String> {
    // Reserved in full, so that no reallocation leaves a copy behind.
    let most = slots.text.len().saturating_mul(3).saturating_add(200);
    let braces = template.matches('{').count().saturating_add(1);
    let length = template.len().saturating_add(most.saturating_mul(braces));
    let mut filled = Zeroizing::new(String::with_capacity(length));
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let slot = after.split_once('}');
        let slot = slot.and_then(|(name, after)| Some((slots.get(name)?, after)));
        match slot {
            Some((value, after)) => {
                escape(value, &mut filled);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// A JSON text with every string of the template filled; names stay as they are.
pub(super) fn json(template: &Value, slots: &Slots<'_>) -> Zeroizing<String> {
    // A character becomes six at most (`\u0001`); reserved in full, as above.
    let text = template.to_string();
    let most = slots.text.len().saturating_add(100).saturating_mul(6);
    let braces = text.matches('{').count().saturating_add(1);
    let length = text.len().saturating_add(most.saturating_mul(braces));
    let mut filled = Zeroizing::new(String::with_capacity(length));
    write_json(template, slots, &mut filled);
    filled
}

fn write_json(template: &Value, slots: &Slots<'_>, into: &mut String) {
    match template {
        Value::String(template) => write_string(&fill(template, slots, plain), into),
        Value::Array(items) => {
            into.push('[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    into.push(',');
                }
                write_json(item, slots, into);
            }
            into.push(']');
        }
        Value::Object(fields) => {
            into.push('{');
            for (number, (name, value)) in fields.iter().enumerate() {
                if number > 0 {
                    into.push(',');
                }
                write_string(name, into);
                into.push(':');
                write_json(value, slots, into);
            }
            into.push('}');
        }
        value => {
            let _ = write!(into, "{value}");
        }
    }
}

/// RFC 8259 section 7. Not by a serializer, whose buffers nobody wipes.
fn write_string(text: &str, into: &mut String) {
    into.push('"');
    for one in text.chars() {
        match one {
            '"' | '\\' => into.extend(['\\', one]),
            '\0'..='\x1f' => {
                let _ = write!(into, "\\u{:04x}", u32::from(one));
            }
            one => into.push(one),
        }
    }
    into.push('"');
}

/// A form of these fields, `application/x-www-form-urlencoded`.
pub(super) fn form(fields: &[(String, String)], slots: &Slots<'_>) -> Zeroizing<String> {
    let most = slots.text.len().saturating_mul(9).saturating_add(1_000);
    let mut form = Zeroizing::new(String::with_capacity(
        most.saturating_mul(fields.len().saturating_add(1)),
    ));
    for (name, template) in fields {
        if !form.is_empty() {
            form.push('&');
        }
        percent(name, &mut form);
        form.push('=');
        percent(&fill(template, slots, plain), &mut form);
    }
    form
}

fn plain(value: &str, into: &mut String) {
    into.push_str(value);
}

/// RFC 3986 section 2.1: everything but unreserved characters is escaped.
pub(super) fn percent(value: &str, into: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// The text with the token said symbol by symbol, as a voice reads it.
pub(super) fn spoken(text: &str, token: &str) -> Zeroizing<String> {
    // Reserved in full, so that no reallocation leaves a copy behind.
    let length = text.len().saturating_mul(3);
    let mut said = Zeroizing::new(String::with_capacity(length));
    for (number, words) in text.split(token).enumerate() {
        if number > 0 {
            for (place, symbol) in token.chars().enumerate() {
                if place > 0 {
                    said.push_str(", ");
                }
                said.push(symbol);
            }
        }
        said.push_str(words);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: Slots<'_> = Slots {
        to: "+49151",
        text: "{to} \"1\" & {id}\n",
        id: "k",
    };

    /// What is filled in is never a template, and braces that are none stay.
    #[test]
    fn filling_is_one_pass() {
        let filled = |template| fill(template, &SLOTS, plain).as_str().to_owned();
        assert_eq!(filled("{text}|{to}"), "{to} \"1\" & {id}\n|+49151");
        assert_eq!(filled("{number}{"), "49151{");
        assert_eq!(filled("{}{x}{ to }{to"), "{}{x}{ to }{to");
        assert_eq!(filled("{{to}}"), "{+49151}");
    }

    /// No text leaves the JSON string or the form field that it stands in.
    #[test]
    fn text_stays_in_its_field() {
        let template = serde_json::json!({"a": "{text}", "b": [{"c": "x{number}"}], "{to}": 1});
        let filled = json(&template, &SLOTS);
        let read: Value = serde_json::from_str(&filled).expect("JSON");
        assert_eq!(read["a"], SLOTS.text);
        assert_eq!(
            (&read["b"][0]["c"], &read["{to}"]),
            (&"x49151".into(), &1.into())
        );
        let fields = [("a".into(), "{text}".into()), ("b&".into(), "{to}".into())];
        let form = form(&fields, &SLOTS);
        assert_eq!(
            form.as_str(),
            "a=%7Bto%7D%20%221%22%20%26%20%7Bid%7D%0A&b%26=%2B49151"
        );
    }

    /// What is written is read again as it was, whatever is in it, and no buffer grew: growing leaves a copy behind.
    #[test]
    fn json_round_trip_in_one_buffer() {
        let text: String = (0..0x300).filter_map(char::from_u32).collect();
        let text = text + "\u{2028}\u{fffd}\u{1f600}";
        let slots = Slots {
            text: &text,
            ..SLOTS
        };
        let template = serde_json::json!({
            "\"\n{text}": "{text}{text}",
            "b": [null, true, -1.5, {}, [], "{text}", {"c": "\\"}],
        });
        let filled = json(&template, &slots);
        let read: Value = serde_json::from_str(&filled).expect("JSON");
        assert_eq!(read["\"\n{text}"], format!("{text}{text}"));
        let rest = serde_json::json!([null, true, -1.5, {}, [], text, {"c": "\\"}]);
        assert_eq!(read["b"], rest);
        assert_eq!(read.as_object().map(serde_json::Map::len), Some(2));
        let worst = "\u{1}".repeat(100);
        let slots = Slots {
            text: &worst,
            ..SLOTS
        };
        let template = serde_json::json!(["{text}", "{text}", {"a": "{text}{to}{id}"}]);
        let most = 6 * (100 + 100) * 7 + template.to_string().len();
        let filled = json(&template, &slots);
        assert_eq!(filled.capacity(), most, "it did not grow");
        for (text, token) in [("123", "123"), ("1231", "1"), ("Code 123!", "123")] {
            let said = spoken(text, token);
            assert_eq!(said.capacity(), text.len() * 3, "{text}");
        }
    }

    /// A voice reads the digits one by one.
    #[test]
    fn spoken_token_has_its_digits_apart() {
        assert_eq!(
            spoken("Code 123. 123!", "123").as_str(),
            "Code 1, 2, 3. 1, 2, 3!"
        );
    }
}
