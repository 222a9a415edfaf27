//! What a person typed or pasted, character by character.

use crate::subject::is_hidden;

/// What a character stands for, in a text that a person typed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Typed {
    /// One of ASCII's: the character itself, or the same digit, letter or sign of another script or width.
    Ascii(u8),
    /// Nothing: a blank, or what is not seen.
    Nothing,
    /// Something that no token has.
    Other,
}

impl Typed {
    pub(crate) fn read(character: char) -> Self {
        if let Ok(ascii @ b'!'..=b'~') = u8::try_from(character) {
            return Self::Ascii(ascii);
        }
        if is_dash(character) {
            return Self::Ascii(b'-');
        }
        if character.is_whitespace() || is_hidden(character) {
            return Self::Nothing;
        }
        let plain = full_width(character).or_else(|| digit(character));
        plain.map_or(Self::Other, Self::Ascii)
    }
}

/// What an East Asian keyboard writes in the width of an ideograph (U+FF01 to U+FF5E).
fn full_width(character: char) -> Option<u8> {
    let offset = u32::from(character).checked_sub(0xff01)?;
    let ascii = u8::try_from(offset).ok()?.checked_add(b'!')?;
    (ascii <= b'~').then_some(ascii)
}

/// A decimal digit, in whichever script.
fn digit(character: char) -> Option<u8> {
    let at = ZEROS.partition_point(|zero| *zero <= character);
    let zero = ZEROS.get(at.checked_sub(1)?)?;
    let value = u32::from(character).checked_sub(u32::from(*zero))?;
    let value = u8::try_from(value).ok().filter(|value| *value < 10)?;
    value.checked_add(b'0')
}

/// Hyphens, dashes and minus signs, with which codes are grouped.
fn is_dash(character: char) -> bool {
    matches!(
        character,
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
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
