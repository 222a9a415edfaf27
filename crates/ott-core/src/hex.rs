//! Lower-case hexadecimal, for ids, handles and key files.

use alloc::string::String;

pub(crate) fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
}

/// Exactly `2 * N` lower-case digits, or nothing: one spelling a value.
pub(crate) fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    parse_hex_into(text, &mut bytes).then_some(bytes)
}

/// As [`parse_hex`], into a place of the caller's, so that a secret is copied nowhere else. Says
/// whether it was one.
pub(crate) fn parse_hex_into(text: &str, bytes: &mut [u8]) -> bool {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return false;
    };
    if pairs.len() != bytes.len() {
        return false;
    }
    bytes.iter_mut().zip(pairs).all(|(byte, [high, low])| {
        let value = nibble(*high).zip(nibble(*low));
        value.is_some_and(|(high, low)| {
            *byte = high << 4 | low;
            true
        })
    })
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => digit.checked_sub(b'0'),
        b'a'..=b'f' => digit.checked_sub(b'a')?.checked_add(10),
        _ => None,
    }
}
