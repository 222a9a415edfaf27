//! Base32 of secrets said again, by `data-encoding`.

use data_encoding::{DecodeError, Encoding, Specification};
use oath_otp::SecretError;

/// Base32 whose bits behind the last whole byte may be anything.
///
/// # Panics
/// Never: it is base32.
#[must_use]
pub fn dropping() -> Encoding {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    specification.check_trailing_bits = false;
    specification.encoding().expect("base32")
}

/// The bytes of a secret as people copy it, or why it is none.
///
/// # Errors
/// As those of `Secret`.
pub fn reference(text: &str, encoding: &Encoding) -> Result<Vec<u8>, SecretError> {
    // Twice the symbols of 1,024 bytes, rounded up.
    if text.len() > 3277 {
        return Err(SecretError::TooLong);
    }
    let blank = |c: &char| matches!(c, ' ' | '\t' | '\n' | '\x0c' | '\r' | '-');
    let text: String = text.chars().filter(|c| !blank(c)).collect();
    let symbols = text.trim_end_matches('=');
    let padding = text.len() - symbols.len();
    if padding > 0 && (padding > 7 || !text.len().is_multiple_of(8)) {
        return Err(SecretError::NotBase32);
    }
    let decoded: Result<Vec<u8>, DecodeError> =
        encoding.decode(symbols.to_ascii_uppercase().as_bytes());
    match decoded.map_err(|_| SecretError::NotBase32)? {
        bytes if bytes.is_empty() => Err(SecretError::Empty),
        bytes if bytes.len() > 1024 => Err(SecretError::TooLong),
        bytes => Ok(bytes),
    }
}
