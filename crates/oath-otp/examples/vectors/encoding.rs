//! Base32 as people and programs write it, and keys that HMAC takes for the same.

use oath_otp::{Hotp, Secret};

use crate::rows::{Rows, bytes, json, list, number, secret, text};

/// Texts to read and to refuse. What is a choice is refused here, since a person may have copied it:
/// stray bits and foreign characters (`Secret::from_base32`).
pub(crate) fn base32(file: &str, rows: &mut Rows) {
    let file = json(file);
    let read = |text: &str| {
        let secret = Secret::import_short_base32(text).ok()?;
        Some(secret.expose_secret().to_vec())
    };
    for row in [list(&file, "decode"), list(&file, "generated")].concat() {
        // No secret is empty.
        let expected = Some(bytes(text(&row, "hex"))).filter(|bytes| !bytes.is_empty());
        rows.row(text(&row, "text"), &read(text(&row, "text")), &expected);
    }
    for row in [list(&file, "reject"), list(&file, "choice")].concat() {
        rows.row(text(&row, "text"), &read(text(&row, "text")), &None);
    }
}

/// HMAC fills a short key with zeros: such pairs give equal codes, and an empty key would be that of
/// one zero byte, so it is refused.
pub(crate) fn zero_padding(file: &str, rows: &mut Rows) {
    let file = json(file);
    for row in list(&file, "pairs") {
        let counter = number(row, "counter").expect("a counter");
        for key in ["key_a", "key_b"] {
            let code = Hotp::default().generate(&secret(&bytes(text(row, key))), counter);
            rows.row(text(row, key), &code.expose_secret(), &text(row, "code"));
        }
    }
    rows.row("the empty key", &Secret::import_short(&[]).is_err(), &true);
    let zero = Hotp::default().generate(&secret(&[0]), 0);
    rows.row(
        "one zero byte",
        &zero.expose_secret(),
        &text(&file, "empty_key_code_counter_0"),
    );
}
