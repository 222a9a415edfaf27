//! A code: the one we make, and the one a person typed.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Digits, Reason, Rejected};

/// A code that this crate made, as text with its leading zeros.
///
/// Not comparable on purpose: comparing codes is the work of `verify`.
pub struct Code {
    /// Ten digits, of which the last ones count.
    text: [u8; 10],
    digits: Digits,
}

const POWERS_OF_TEN: [u32; 10] = [
    1_000_000_000,
    100_000_000,
    10_000_000,
    1_000_000,
    100_000,
    10_000,
    1_000,
    100,
    10,
    1,
];

impl Code {
    #[expect(clippy::arithmetic_side_effects, reason = "no power is 0")]
    pub(crate) fn new(truncated: u32, digits: Digits) -> Self {
        let number = digits.reduce(truncated);
        // Each digit by itself, so that none waits for another. Nothing here depends on the number.
        let text = POWERS_OF_TEN.map(|power| (number / power % 10) as u8 | b'0');
        Code { text, digits }
    }

    /// The digits.
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

/// What a person typed, read as a number. With the number of digits fixed, number and text say the
/// same, and one comparison of integers compares all digits at once.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Typed(u64);

impl Typed {
    /// Far above any real input, far below anything that takes time.
    const MAX_BYTES: usize = 64;

    /// Reads ASCII digits, ignores ASCII spaces and dashes, refuses everything else.
    pub(crate) fn parse(text: &str, digits: Digits) -> Result<Self, Rejected> {
        let malformed = Rejected::new(Reason::Malformed);
        if text.len() > Self::MAX_BYTES {
            return Err(malformed);
        }
        let (mut number, mut seen) = (Typed(0), 0_u8);
        for byte in text.bytes() {
            match byte {
                b' ' | b'-' => continue,
                b'0'..=b'9' => {}
                _ => return Err(malformed),
            }
            // What saturates has too many digits and is refused below.
            seen = seen.saturating_add(1);
            let digit = u64::from(byte ^ b'0');
            number.0 = number.0.saturating_mul(10).saturating_add(digit);
        }
        if seen == digits.get() {
            Ok(number)
        } else {
            Err(malformed)
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.0
    }
}
