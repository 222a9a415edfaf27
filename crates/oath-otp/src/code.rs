//! A code: the one we make, and the one a person typed.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Digits, Reason, Rejected};

/// A code that this crate made, as text with its leading zeros.
///
/// Not comparable on purpose: comparing codes is the work of `verify`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Code {
    text: [u8; 10],
    #[zeroize(skip)]
    digits: Digits,
}

impl Code {
    pub(crate) fn new(truncated: u32, digits: Digits) -> Self {
        let mut text = [b'0'; 10];
        let mut rest = digits.reduce(truncated);
        for digit in text.iter_mut().take(digits.get().into()).rev() {
            *digit = u8::try_from(rest % 10).map_or(b'0', |digit| digit | b'0');
            rest /= 10;
        }
        rest.zeroize();
        Code { text, digits }
    }

    /// The digits.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        let digits = self.text.get(..self.digits.get().into());
        // Neither default is ever taken: at most ten digits, and all of them ASCII.
        core::str::from_utf8(digits.unwrap_or_default()).unwrap_or_default()
    }
}

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
