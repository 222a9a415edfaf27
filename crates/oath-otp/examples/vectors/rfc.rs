//! The tables of the RFCs.

use oath_otp::{Digits, Hotp, Period, Secret, Totp};

use crate::rows::{Rows, bytes, json, list, number, secret, text};

/// RFC 2202 and RFC 4231: HMAC over eight bytes is HMAC over a counter. Other messages cannot be said.
pub(crate) fn hmac(file: &str, rows: &mut Rows) {
    for row in list(&json(file), "vectors") {
        let counter: Result<[u8; 8], _> = bytes(text(row, "data_hex")).try_into();
        let (Ok(algorithm), Ok(counter)) = (text(row, "algorithm").parse(), counter) else {
            rows.skip();
            continue;
        };
        let mac = bytes(text(row, "mac_hex"));
        let offset = mac.last().map_or(0, |last| usize::from(last & 15));
        let head = mac.get(offset..).and_then(|rest| rest.first_chunk());
        let truncated = u32::from_be_bytes(*head.expect("a MAC")) & 0x7fff_ffff;
        let hotp = Hotp {
            algorithm,
            digits: Digits::Ten,
            ..Hotp::default()
        };
        let key = secret(&bytes(text(row, "key_hex")));
        let code = hotp.generate(&key, u64::from_be_bytes(counter));
        let expected = format!("{truncated:010}");
        rows.row(
            text(row, "source"),
            &code.expose_secret(),
            &expected.as_str(),
        );
    }
}

/// RFC 4226 appendix D, both tables.
pub(crate) fn hotp(file: &str, rows: &mut Rows) {
    let file = json(file);
    let secret = secret(text(&file, "secret_ascii").as_bytes());
    for row in list(&file, "vectors") {
        let counter = number(row, "count").expect("a counter");
        let name = format!("counter {counter}");
        let code = Hotp::default().generate(&secret, counter);
        rows.row(&name, &code.expose_secret(), &text(row, "hotp"));
        let whole = Hotp {
            digits: Digits::Ten,
            ..Hotp::default()
        };
        let truncated = whole.generate(&secret, counter);
        let truncated = truncated.expose_secret().parse().ok();
        rows.row(&name, &truncated, &number(row, "truncated_dec"));
        let accepted = Hotp::default().verify(&secret, text(row, "hotp"), counter.checked_sub(1));
        let accepted = accepted.map(|counter| counter.get()).ok();
        rows.row(&name, &accepted, &Some(counter));
    }
}

/// RFC 6238 appendix B.
pub(crate) fn totp(file: &str, rows: &mut Rows) {
    let file = json(file);
    let period = number(&file, "period").and_then(|period| u32::try_from(period).ok());
    for row in list(&file, "vectors") {
        let name = text(row, "algorithm");
        let totp = Totp {
            algorithm: name.parse().unwrap_or_default(),
            digits: Digits::Eight,
            period: Period::from_seconds(period.expect("a period")).expect("a period"),
            ..Totp::default()
        };
        let keys = file.get("keys_ascii").expect("keys");
        let secret = secret(text(keys, name).as_bytes());
        let time = number(row, "time").expect("a time");
        let name = format!("{name} at {time}");
        let code = totp.generate(&secret, time);
        rows.row(&name, &code.expose_secret(), &text(row, "totp"));
        let step = u64::from_str_radix(text(row, "t_hex"), 16).ok();
        let accepted = totp.verify(&secret, text(row, "totp"), time, None);
        rows.row(&name, &accepted.map(|step| step.get()).ok(), &step);
    }
}

/// RFC 4648 section 10, read and written.
pub(crate) fn base32(file: &str, rows: &mut Rows) {
    for row in list(&json(file), "encode") {
        let (plain, encoded) = (text(row, "ascii"), text(row, "base32"));
        let read = Secret::import_short_base32(encoded);
        let read = read.map(|secret| secret.expose_secret().to_vec()).ok();
        // No secret is empty.
        let expected = (!plain.is_empty()).then(|| plain.as_bytes().to_vec());
        rows.row(plain, &read, &expected);
        if let Ok(secret) = Secret::import_short(plain.as_bytes()) {
            let written = secret.to_base32();
            let expected = encoded.trim_end_matches('=');
            rows.row(plain, &written.expose_secret(), &expected);
        }
    }
}
