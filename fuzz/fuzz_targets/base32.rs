//! Base32 is read as `data-encoding` reads it, once blanks, dashes and padding are settled; what is
//! read is written in one way alone.
#![cfg_attr(feature = "libfuzzer", no_main)]

use data_encoding::BASE32_NOPAD;
use fuzz::secrets::{dropping, reference};
use oath_otp::{Account, Secret, SecretError};

fuzz::fuzz_target!(|text: &str| {
    let strict = reference(text, &BASE32_NOPAD);
    assert_eq!(bytes(Secret::import_short_base32(text)), strict, "{text:?}");
    let long = strict.and_then(|bytes| match bytes.len() {
        16.. => Ok(bytes),
        _ => Err(SecretError::TooShort),
    });
    assert_eq!(bytes(Secret::from_base32(text)), long, "{text:?}");

    // In a URI stray bits are dropped, and nothing else differs.
    let encoded = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
    let uri = format!("otpauth://totp/a?secret={encoded}");
    if uri.len() <= 4096 {
        let read = Account::from_uri(&uri).map(|account| account.secret.expose_secret().to_vec());
        assert_eq!(
            read,
            reference(text, &dropping()).map_err(Into::into),
            "{text:?}"
        );
    }

    if let Ok(secret) = Secret::import_short_base32(text) {
        let written = secret.to_base32();
        let written = written.expose_secret();
        assert_eq!(written, BASE32_NOPAD.encode(secret.expose_secret()));
        let again = Secret::import_short_base32(written).expect("what was written is read");
        assert_eq!(again.expose_secret(), secret.expose_secret());
        assert_eq!(again.to_base32().expose_secret(), written);
    }
});

fn bytes(secret: Result<Secret, SecretError>) -> Result<Vec<u8>, SecretError> {
    secret.map(|secret| secret.expose_secret().to_vec())
}
