//! Whatever FCM and APNs answer: a push is sent where the status says so and nowhere else, a device is given up for what
//! says so alone, and of what the service said nothing is repeated but names that its vendor documents.
#![cfg_attr(feature = "libfuzzer", no_main)]

use serde_json::Value;
use token_delivery::fuzzing::pushed;

fuzz::fuzz_target!(|input: (u16, u8, &[u8])| {
    let (status, form, body) = input;
    // Those that are documented, mostly.
    let statuses = [
        200, 201, 307, 400, 401, 403, 404, 405, 410, 413, 429, 500, 503, status,
    ];
    let status = statuses[usize::from(form) % statuses.len()];
    let [fcm, apns] = pushed(status, body);
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut texts = Vec::new();
    strings(&read, &mut texts);
    let says = |name: &str| texts.contains(&name);

    assert_eq!(fcm.0 == "sent", (200..300).contains(&status));
    assert_eq!(apns.0 == "sent", status == 200);
    assert!(fcm.0 != "unregistered" || says("UNREGISTERED"));
    assert!(apns.0 != "unregistered" || status == 410 || (status == 400 && says("BadDeviceToken")));
    assert!(fcm.0 != "renew" || status == 401);
    let expired = matches!(status, 401 | 403) && says("ExpiredProviderToken");
    assert_eq!(
        apns.0 == "renew",
        expired && read["reason"] == "ExpiredProviderToken"
    );
    let open = status == 408 || status == 429 || status >= 500;
    assert!(apns.0 != "again" || open || (status == 400 && says("IdleTimeout")));
    assert!(fcm.0 != "again" || open);
    // All that is no name can be gone from the body, and nothing else is said.
    let bare = bare(&read).to_string();
    assert_eq!(pushed(status, bare.as_bytes()), [fcm, apns], "{bare}");
});

fn strings<'v>(value: &'v Value, into: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => into.push(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, into)),
        _ => {}
    }
}

/// The body with its names alone: a text of ASCII letters and `_` is one.
fn bare(value: &Value) -> Value {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    match value {
        Value::String(text) if text.bytes().all(letter) => value.clone(),
        Value::Array(items) => items.iter().map(bare).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), bare(value)))
            .collect(),
        _ => Value::Null,
    }
}
