//! Hexadecimal digits as letters that lie on the same keys in most keyboard layouts.

use alloc::string::String;
use alloc::vec::Vec;

/// The letters of 0 to 15.
const DIGITS: &[u8; 16] = b"cbdefghijklnrtuv";
/// What a Dvorak keyboard makes of the keys that [`DIGITS`] lie on in the QWERTY layout.
const DVORAK: &[u8; 16] = b"jxe.uidchtnbpygk";

/// Writes bytes in lower case.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    write(bytes, &mut text);
    text
}

/// Reads bytes, in either case; `None` for other letters, or an odd number of them.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = alloc::vec![0; text.len() / 2];
    read(text.as_bytes(), &mut bytes)?;
    Some(bytes)
}

/// Writes into a text that has room, so that nothing is left behind by growing.
pub(super) fn write(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            let letter = DIGITS.get(usize::from(digit)).copied();
            text.push(letter.unwrap_or_default().into());
        }
    }
}

/// Reads exactly as many bytes as there is room for.
pub(super) fn read(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != bytes.len() {
        return None;
    }
    for ([high, low], byte) in pairs.iter().zip(bytes) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(())
}

/// The letters that were meant, where a Dvorak keyboard typed others: only if each is one of those that it types, and
/// one of them is no modhex letter. Where all are both, the text is read as it stands.
pub(super) fn from_dvorak(letters: &mut [u8]) {
    let dvorak = |letter: &u8| {
        DVORAK
            .iter()
            .position(|typed| *typed == letter.to_ascii_lowercase())
    };
    let is_modhex = letters.iter().all(|letter| value(*letter).is_some());
    if is_modhex || !letters.iter().all(|letter| dvorak(letter).is_some()) {
        return;
    }
    for letter in letters {
        let meant = dvorak(letter).and_then(|digit| DIGITS.get(digit));
        *letter = meant.copied().unwrap_or(*letter);
    }
}

fn value(letter: u8) -> Option<u8> {
    let lower = letter.to_ascii_lowercase();
    let digit = DIGITS.iter().position(|digit| *digit == lower)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Letters are read into as many bytes as they are, and never into a part of them.
    #[test]
    fn letters_fill_their_bytes() {
        assert_eq!(read(b"cbcb", &mut [0; 2]), Some(()));
        for letters in [&b"cb"[..], b"cbc", b"cbcbc", b"cbcbcb"] {
            assert_eq!(read(letters, &mut [0; 2]), None);
        }
    }
}
