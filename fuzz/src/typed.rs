//! What a typed character stands for, said again over Unicode's own tables.

use ott_core::is_hidden;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

/// The ASCII character that it counts as; a blank for what is dropped.
#[must_use]
pub fn plain(typed: char) -> Option<char> {
    match typed {
        '!'..='~' => Some(typed),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(typed) - 0xfee0),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Some('-'),
        _ if typed.is_whitespace() || is_hidden(typed) => Some(' '),
        _ => digit(typed),
    }
}

/// The digits of a script are ten neighbours, and scripts that are neighbours begin at a multiple of ten.
fn digit(typed: char) -> Option<char> {
    let is_digit = |c: char| c.general_category() == GeneralCategory::DecimalNumber;
    let before = (0..=u32::from(typed)).rev().map(char::from_u32);
    let run = before.take_while(|c| c.is_some_and(is_digit)).count();
    let value = u32::try_from(run.checked_sub(1)? % 10).ok()?;
    char::from_digit(value, 10)
}
