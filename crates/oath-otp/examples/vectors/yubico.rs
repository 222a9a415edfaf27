//! OTPs of Yubikeys: read, written, refused, and typed in other ways.

use std::collections::BTreeMap;

use oath_otp::yubico::{Key, Otp, Press, modhex};
use serde_json::Value;

use crate::rows::{Rows, bytes, json, list, number, text};

/// What a block holds, and the same written again. What is no OTP is held against the private id of its key where another row
/// tells it, so that nothing but the block refuses it.
pub(crate) fn otps(file: &str, rows: &mut Rows) {
    let file = json(file);
    let mut private_ids = BTreeMap::new();
    for row in [list(&file, "known"), list(&file, "generated")].concat() {
        private_ids.insert(
            String::from(text(&row, "key")),
            String::from(text(&row, "private_id")),
        );
        press(text(&row, "key"), text(&row, "otp"), &row, rows);
    }
    for sequence in list(&file, "sequences") {
        let blocks = list(sequence, "otps").iter().zip(list(sequence, "decoded"));
        for (block, row) in blocks {
            let block = block.as_str().unwrap_or_default();
            let otp = format!("{}{block}", text(sequence, "public_id"));
            press(text(sequence, "key"), &otp, row, rows);
        }
    }
    for row in list(&file, "reject") {
        let private_id = private_ids.get(text(row, "key"));
        let private_id = private_id.map_or("000000000000", String::as_str);
        let otp = Otp::parse(text(row, "otp"));
        let read = otp.and_then(|otp| key(text(row, "key"), private_id).verify(&otp, None));
        rows.row(text(row, "otp"), &read.is_err(), &true);
    }
    for row in list(&file, "normalise_or_reject") {
        let read = Otp::parse(text(row, "otp"));
        let read = read.map(|otp| otp.to_modhex().expose_secret().to_owned());
        rows.row(
            text(row, "otp"),
            &read.as_deref().ok(),
            &Some(text(row, "same_as")),
        );
    }
    for row in list(&file, "modhex") {
        let (plain, letters) = (text(row, "ascii"), text(row, "modhex"));
        rows.row(
            letters,
            &modhex::encode(plain.as_bytes()).as_str(),
            &letters,
        );
        rows.row(letters, &modhex::decode(letters), &Some(plain.into()));
    }
    // Checksum and cipher alone are nothing that this crate offers: unit tests beside them have the same rows.
    for _ in list(&file, "crc16") {
        rows.skip();
    }
    rows.skip();
}

fn key(aes: &str, private_id: &str) -> Key {
    let (aes, private_id) = (bytes(aes), bytes(private_id));
    let aes = aes.try_into().expect("16 bytes");
    Key::from_bytes(&private_id.try_into().expect("6 bytes"), &aes)
}

fn press(aes: &str, otp: &str, row: &Value, rows: &mut Rows) {
    let field = |name| number(row, name).expect("a number");
    let expected = Press {
        session: field("session").try_into().expect("16 bits"),
        uses: field("use").try_into().expect("8 bits"),
        timestamp: field("timestamp").try_into().expect("24 bits"),
        random: field("random").try_into().expect("16 bits"),
    };
    let key = key(aes, text(row, "private_id"));
    let read = Otp::parse(otp);
    let pressed = read.and_then(|otp| key.verify(&otp, None));
    rows.row(otp, &pressed.ok(), &Some(expected));
    if let Ok(read) = Otp::parse(otp) {
        let written = key.generate(*read.public_id(), &expected);
        rows.row(otp, &written.to_modhex().expose_secret(), &otp);
    }
}
