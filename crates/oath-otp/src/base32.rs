//! Base32 text of secrets, as people copy it.
//!
//! Written out because of what it must not do: leave copies of a secret behind, or let a typing
//! error become another key.

use alloc::string::String;
use alloc::vec::Vec;

use zeroize::{Zeroize, Zeroizing};

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
    let mut bits = Bits::default();
    for byte in bytes {
        bits.push(*byte, 8);
        while let Some(symbol) = bits.pop(5) {
            text.push(letter(symbol));
        }
    }
    if bits.held > 0 {
        bits.push(0, 5_u8.saturating_sub(bits.held));
        text.extend(bits.pop(5).map(letter));
    }
    text
}

/// Reads either case, without regard to ASCII blanks and dashes, with the right padding or none.
/// Refuses foreign characters and impossible lengths.
///
/// Specification: RFC 4648 section 6; sections 3.2 and 3.5 for padding and stray bits.
pub(crate) fn decode(text: &str, stray: StrayBits) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len().saturating_mul(5).div_ceil(8)));
    let mut bits = Bits::default();
    let (mut symbols, mut padding) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'-' => continue,
            blank if blank.is_ascii_whitespace() => continue,
            b'=' => padding = padding.saturating_add(1),
            _ if padding > 0 => return None,
            _ => {
                symbols = symbols.saturating_add(1);
                bits.push(value(byte)?, 5);
                bytes.extend(bits.pop(8));
            }
        }
    }
    // Five bits and more would be a symbol without need: 1, 3 or 6 symbols behind whole blocks.
    let possible = bits.held < 5;
    let clean = stray == StrayBits::Drop || bits.value == 0;
    let padded = padding < 8 && symbols.saturating_add(padding).is_multiple_of(8);
    (possible && clean && (padding == 0 || padded)).then_some(bytes)
}

fn letter(symbol: u8) -> char {
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

/// The bits between two alphabets, at most twelve of them.
#[derive(Default)]
struct Bits {
    value: u16,
    held: u8,
}

impl Bits {
    fn push(&mut self, bits: u8, count: u8) {
        self.value = self.value.wrapping_shl(count.into()) | u16::from(bits);
        self.held = self.held.saturating_add(count);
    }

    /// The oldest `count` bits, if there are as many.
    fn pop(&mut self, count: u8) -> Option<u8> {
        let rest = self.held.checked_sub(count)?;
        let bits = self.value.wrapping_shr(rest.into());
        self.value ^= bits.wrapping_shl(rest.into());
        self.held = rest;
        u8::try_from(bits).ok()
    }
}

impl Drop for Bits {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}
