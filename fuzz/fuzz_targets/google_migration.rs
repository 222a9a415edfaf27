//! Whatever the message of a Google migration is, it is read or refused as a whole, without recursion and with memory in
//! proportion.
#![cfg_attr(feature = "libfuzzer", no_main)]

use data_encoding::BASE64URL_NOPAD;
use otp_vault::{Algorithm, CodeError, Import};

fuzz::fuzz_target!(|message: &[u8]| {
    let uri = format!(
        "otpauth-migration://offline?data={}",
        BASE64URL_NOPAD.encode(message)
    );
    let Ok(imported) = Import::new(uri.as_bytes()).read() else {
        return;
    };
    assert_eq!(imported.format, "google-migration");
    for entry in &imported.entries {
        assert!(matches!(entry.digits, 6 | 8));
        match entry.code(59) {
            Ok(_) => {}
            // A code is made of four bytes, from up to the sixteenth (RFC 4226 section 5.3), and MD5 has sixteen.
            Err(CodeError::Short) => assert_eq!(entry.algorithm, Algorithm::Md5),
            Err(error) => panic!("{error}"),
        }
    }
});
