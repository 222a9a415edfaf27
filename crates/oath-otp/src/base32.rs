//! Base32 text of secrets, as people copy it.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

/// Upper case, without padding.
pub(crate) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE32_NOPAD.encode(bytes))
}

/// Reads base32 in either case, without regard to ASCII blanks and dashes, with the right padding
/// or none. Refuses foreign characters, impossible lengths and stray bits: a typing error must not
/// become another key.
///
/// Specification: RFC 4648 section 6; sections 3.2 and 3.5 for padding and stray bits.
pub(crate) fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    // The whole length at once: a vector that grows leaves copies behind.
    let mut symbols = Zeroizing::new(Vec::with_capacity(text.len()));
    for byte in text.bytes() {
        if !byte.is_ascii_whitespace() && byte != b'-' {
            symbols.push(byte.to_ascii_uppercase());
        }
    }
    let with_padding = symbols.len();
    while symbols.pop_if(|last| *last == b'=').is_some() {}
    let padding = with_padding.saturating_sub(symbols.len());
    if padding != 0 && (padding >= 8 || with_padding.checked_rem(8) != Some(0)) {
        return None;
    }
    let length = BASE32_NOPAD.decode_len(symbols.len()).ok()?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    BASE32_NOPAD.decode_mut(&symbols, &mut bytes).ok()?;
    Some(bytes)
}
