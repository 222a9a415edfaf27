//! What a person typed, read as a number.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{Digits, Reason, Rejected, visible::is_invisible};

/// What a person typed, read as a number. With the number of digits fixed, number and text say the
/// same, and one comparison of integers compares all digits at once.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Typed(u64);

impl Typed {
    /// Far above any real input, far below anything that takes time.
    const MAX_BYTES: usize = 128;

    /// Reads decimal digits of any script, ignores what a copy from a mail or a page brings along (blanks, dashes,
    /// characters that are not seen), and refuses everything else.
    pub(crate) fn parse(text: &str, digits: Digits) -> Result<Self, Rejected> {
        let malformed = Rejected::new(Reason::Malformed);
        if text.len() > Self::MAX_BYTES {
            return Err(malformed);
        }
        let (mut number, mut seen) = (Typed(0), 0_u8);
        for character in text.chars() {
            let Some(digit) = value(character) else {
                if character.is_whitespace() || is_dash(character) || is_invisible(character) {
                    continue;
                }
                return Err(malformed);
            };
            // What saturates has too many digits and is refused below.
            seen = seen.saturating_add(1);
            number.0 = number.0.saturating_mul(10).saturating_add(digit.into());
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

impl Digits {
    /// Whether what was typed has the form of a code of so many digits. It is compared with no code: what
    /// is refused here need not be counted. What is read and what is ignored is said at
    /// [`Totp::verify`](crate::Totp::verify).
    ///
    /// # Errors
    /// [`Rejected`], with [`Reason::Malformed`](crate::Reason::Malformed).
    pub fn check_form(self, typed: &str) -> Result<(), Rejected> {
        Typed::parse(typed, self).map(drop)
    }
}

/// The value of a decimal digit, in whichever script.
fn value(character: char) -> Option<u32> {
    if character.is_ascii() {
        return character.to_digit(10);
    }
    let at = ZEROS.partition_point(|zero| *zero <= character);
    let zero = ZEROS.get(at.checked_sub(1)?)?;
    let value = u32::from(character).checked_sub(u32::from(*zero))?;
    (value < 10).then_some(value)
}

/// Hyphens, dashes and minus signs, with which codes are grouped.
fn is_dash(character: char) -> bool {
    matches!(
        character,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
    )
}

/// Zero in each script that has decimal digits, apart from ASCII: one to nine follow it.
///
/// Specification: Unicode 16.0, General_Category=Nd, Numeric_Value=0.
#[rustfmt::skip]
const ZEROS: [char; 75] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}',
    '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}', '\u{f20}',
    '\u{1040}', '\u{1090}', '\u{17e0}', '\u{1810}', '\u{1946}', '\u{19d0}', '\u{1a80}', '\u{1a90}',
    '\u{1b50}', '\u{1bb0}', '\u{1c40}', '\u{1c50}', '\u{a620}', '\u{a8d0}', '\u{a900}', '\u{a9d0}',
    '\u{a9f0}', '\u{aa50}', '\u{abf0}', '\u{ff10}', '\u{104a0}', '\u{10d30}', '\u{10d40}', '\u{11066}',
    '\u{110f0}', '\u{11136}', '\u{111d0}', '\u{112f0}', '\u{11450}', '\u{114d0}', '\u{11650}', '\u{116c0}',
    '\u{116d0}', '\u{116da}', '\u{11730}', '\u{118e0}', '\u{11950}', '\u{11bf0}', '\u{11c50}', '\u{11d50}',
    '\u{11da0}', '\u{11f50}', '\u{16130}', '\u{16a60}', '\u{16ac0}', '\u{16b50}', '\u{16d70}', '\u{1ccf0}',
    '\u{1d7ce}', '\u{1d7d8}', '\u{1d7e2}', '\u{1d7ec}', '\u{1d7f6}', '\u{1e140}', '\u{1e2f0}', '\u{1e4f0}',
    '\u{1e5f1}', '\u{1e950}', '\u{1fbf0}',
];
