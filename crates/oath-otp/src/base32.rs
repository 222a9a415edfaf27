//! Base32 text of secrets, as people copy it.
//!
//! Written out because of what it must not do: leave copies of a secret behind, or let a typing
//! error become another key.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::Zeroizing;

/// What to do with the bits behind the last whole byte when they are not zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StrayBits {
    /// Drop them: issuers make such secrets, and a scanned one is whole.
    Drop,
    /// Refuse them: what a person copied may have lost its end.
    Refuse,
}

/// Upper case, without padding.
///
/// Specification: RFC 4648 section 6.
pub(crate) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    let symbols = bytes.len().saturating_mul(8).div_ceil(5);
    // The whole length at once, here and below: what grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(symbols));
    // The last bits read; of them the lowest `held` are not written yet.
    let (mut bits, mut held) = (Zeroizing::new(0_u64), 0_u32);
    for byte in bytes {
        *bits = *bits << 8 | u64::from(*byte);
        held = held.saturating_add(8);
        while let Some(rest) = held.checked_sub(5) {
            text.push(letter(bits.wrapping_shr(rest)));
            held = rest;
        }
    }
    if held > 0 {
        text.push(letter(bits.wrapping_shl(5_u32.saturating_sub(held))));
    }
    text
}

/// Reads either case, without regard to ASCII blanks and dashes, with the right padding or none.
/// Refuses foreign characters and impossible lengths.
///
/// Specification: RFC 4648 section 6; sections 3.2 and 3.5 for padding and stray bits.
#[expect(
    clippy::cast_possible_truncation,
    reason = "of the last bits, the oldest eight that are not written yet"
)]
pub(crate) fn decode(text: &str, stray: StrayBits) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len().saturating_mul(5).div_ceil(8)));
    let (mut bits, mut held) = (Zeroizing::new(0_u64), 0_u32);
    let (mut symbols, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'-' => continue,
            blank if blank.is_ascii_whitespace() => continue,
            b'=' => padding = padding.saturating_add(1),
            _ if padding > 0 => return None,
            _ => {
                symbols = symbols.saturating_add(1);
                *bits = *bits << 5 | u64::from(value(byte)?);
                held = held.saturating_add(5);
                if let Some(rest) = held.checked_sub(8) {
                    bytes.push(bits.wrapping_shr(rest) as u8);
                    held = rest;
                }
            }
        }
    }
    let stray_bits = *bits & !(u64::MAX.wrapping_shl(held));
    // Five bits and more would be a symbol without need: 1, 3 or 6 symbols behind whole blocks.
    let possible = held < 5;
    let clean = stray == StrayBits::Drop || stray_bits == 0;
    let padded = padding < 8 && symbols.saturating_add(padding).is_multiple_of(8);
    (possible && clean && (padding == 0 || padded)).then_some(bytes)
}

/// The letter of the lowest five bits.
fn letter(bits: u64) -> char {
    let symbol = (bits & 31) as u8;
    let base = if symbol < 26 {
        b'A'
    } else {
        b'2'.wrapping_sub(26)
    };
    char::from(base.wrapping_add(symbol))
}

fn value(byte: u8) -> Option<u8> {
    let base = match byte {
        b'A'..=b'Z' => b'A',
        b'a'..=b'z' => b'a',
        b'2'..=b'7' => b'2'.wrapping_sub(26),
        _ => return None,
    };
    Some(byte.wrapping_sub(base))
}
