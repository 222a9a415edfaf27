//! Whatever a gateway answers or posts as a receipt: a message was taken where a 2xx says so in its body, and what is
//! read as a name or an outcome stands there.
#![cfg_attr(feature = "libfuzzer", no_main)]

use serde_json::Value;
use token_delivery::{ReceiptOutcome, ReceiptRule, fuzzing::taken};

fuzz::fuzz_target!(|input: (u16, Option<u64>, &[u8])| {
    let (status, wait, body) = input;
    let read: Value = serde_json::from_slice(body).unwrap_or_default();
    for status in [status, 200, 299, 429, 503] {
        let yes = (200..300).contains(&status) && read["status"] == "queued";
        let named = taken(status, body, wait);
        assert_eq!(named.is_some(), yes, "{status}");
        if let Some(named) = named {
            assert_eq!(named, text(&read["id"]));
        }
    }
    let rule = ReceiptRule::new("/id", "/status")
        .delivered(&["delivered", "1", "true"])
        .failed(&["failed"]);
    let receipt = rule.read(body);
    let said = text(&read["id"]).zip(text(&read["status"]));
    assert_eq!(receipt.is_some(), said.is_some());
    if let (Some(receipt), Some((id, status))) = (receipt, said) {
        assert_eq!(receipt.reference, id);
        let outcome = match status.as_str() {
            "delivered" | "1" | "true" => ReceiptOutcome::Delivered,
            "failed" => ReceiptOutcome::Failed,
            _ => ReceiptOutcome::Underway,
        };
        assert_eq!(receipt.outcome, outcome);
    }
});

/// A value that is short and no list, as it is written without quotes.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return None,
    };
    (text.len() < 256).then_some(text)
}
