//! What owners call their factors and devices.

use token_store::ott_core::is_hidden;

/// The longest label, in characters.
pub const MAX_LABEL: usize = 64;

/// The label without blanks around it: 1 to [`MAX_LABEL`] characters that can be seen.
pub(crate) fn check_label(label: &str) -> Result<String, InvalidLabel> {
    let label = label.trim();
    if label.is_empty() {
        Err(InvalidLabel::Empty)
    } else if label.chars().count() > MAX_LABEL {
        Err(InvalidLabel::TooLong)
    } else if label.contains(char::is_control) {
        Err(InvalidLabel::ControlCharacter)
    } else if label.contains(is_hidden) {
        Err(InvalidLabel::HiddenCharacter)
    } else {
        Ok(label.into())
    }
}

/// Why a text is no label of a factor or device. Show it to who typed it: it does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLabel {
    /// A line break, NUL or another control character.
    #[error("a control character in the label")]
    ControlCharacter,
    /// Nothing but blanks.
    #[error("the label is empty")]
    Empty,
    /// A character that cannot be seen, or turns the direction of the text.
    #[error("a character in the label that cannot be seen, or turns the text around it")]
    HiddenCharacter,
    /// More than [`MAX_LABEL`] characters.
    #[error("the label is longer than {MAX_LABEL} characters")]
    TooLong,
}
