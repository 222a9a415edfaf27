//! A code that we make.

use core::fmt;

use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Digits;

/// A code that this crate made, as text with its leading zeros.
///
/// Not comparable on purpose: comparing codes is the work of `verify`.
pub struct Code {
    /// Ten digits, of which the last ones count: those are the number modulo ten to their power
    /// (RFC 4226 section 5.3, step 3).
    text: [u8; 10],
    digits: Digits,
}

impl Code {
    pub(crate) fn new(truncated: u32, digits: Digits) -> Self {
        let text = decimal(truncated);
        Code { text, digits }
    }

    /// The code of an HMAC of 16 bytes that was computed elsewhere; `None` where its last four bits name an offset behind
    /// byte 12, from which no four bytes follow.
    ///
    /// No hash of RFC 4226 and RFC 6238 is as short: this is for MD5, which this crate does not have.
    ///
    /// Specification: RFC 4226 section 5.3, step 2.
    #[must_use]
    pub fn of_short_mac(mac: &[u8; 16], digits: Digits) -> Option<Self> {
        let mut words = [0; 5];
        for (word, bytes) in words.iter_mut().zip(mac.as_chunks::<4>().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        let tail = words[3];
        let mut truncated = crate::truncate::truncate(words, tail);
        let code = (tail & 0xf <= 12).then(|| Code::new(truncated, digits));
        truncated.zeroize();
        words.zeroize();
        code
    }

    /// Five of Steam's 26 letters and digits, of which the first stands for the least part of the number.
    pub(crate) fn steam(truncated: u32) -> Self {
        let (mut text, mut rest) = ([0; 10], truncated);
        for place in text.iter_mut().skip(5) {
            *place = steam_letter(rest % 26);
            rest /= 26;
        }
        rest.zeroize();
        let digits = Digits::Five;
        Code { text, digits }
    }

    /// The digits, or Steam's letters.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        let front = self.text.len().saturating_sub(self.digits.get().into());
        let digits = self.text.get(front..);
        // Neither default is ever taken: at most ten digits, and all of them ASCII.
        core::str::from_utf8(digits.unwrap_or_default()).unwrap_or_default()
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.text = [0; 10];
        zeroize::optimization_barrier(&self.text);
    }
}

impl ZeroizeOnDrop for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

/// One of 26, looked up without an address that depends on it: all are read.
fn steam_letter(index: u32) -> u8 {
    (0..)
        .zip(b"23456789BCDFGHJKMNPQRTVWXY")
        .fold(0, |found, (at, letter)| {
            u8::conditional_select(&found, letter, index.ct_eq(&at))
        })
}

/// The ten digits of a number, with leading zeros.
///
/// Two digits, and eight in the bytes of one word, which is parted three times: all fields at once
/// into their halves. No branch and no address depends on the number, nor does a time: by constants
/// the compiler multiplies, where a division takes longer for some numbers.
#[expect(clippy::cast_possible_truncation, reason = "two digits")]
fn decimal(number: u32) -> [u8; 10] {
    let (front, rest) = (number / 100_000_000, number % 100_000_000);
    // A field's high half goes below its low one, as the first digit comes first in memory. The
    // factors are 2^20 / 100 and 2^10 / 10, rounded up: exact for what the fields hold.
    let fours = u64::from(rest / 10_000) | u64::from(rest % 10_000) << 32;
    let high = (fours.wrapping_mul(10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = high | fours.wrapping_sub(high.wrapping_mul(100)) << 16;
    let high = (twos.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    let ones = high | twos.wrapping_sub(high.wrapping_mul(10)) << 8;
    let [c, d, e, f, g, h, i, j] = (ones | 0x3030_3030_3030_3030).to_le_bytes();
    let [a, b] = [front / 10, front % 10].map(|digit| digit as u8 | b'0');
    [a, b, c, d, e, f, g, h, i, j]
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    /// Each value of each field of the ten digits is written as `format!` writes it.
    #[test]
    fn decimal_digits_of_every_field() {
        // Each value of each field: four digits at either place, and the two in front.
        let fields = (0..10_000).flat_map(|four: u32| {
            let (low, high) = (four, four.saturating_mul(10_000));
            [
                low,
                high,
                high.saturating_add(9_999),
                low.saturating_add(99_990_000),
            ]
        });
        let fronts = (0..=21).map(|front: u32| front.saturating_mul(100_000_000));
        let ends = fronts.clone().skip(1).map(|front| front.saturating_sub(1));
        let numbers = fields.chain(fronts).chain(ends).chain([0x7fff_ffff]);
        for number in numbers {
            assert_eq!(
                decimal(number).as_slice(),
                format!("{number:010}").as_bytes()
            );
        }
    }
}
