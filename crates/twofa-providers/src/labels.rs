//! What owners call their factors and devices.

use token_store::ott_core::Reason;

use crate::error::TwoFactorError;

/// The longest label, in characters.
pub const LONGEST_LABEL: usize = 64;

/// The label without blanks around it: 1 to [`LONGEST_LABEL`] characters that can be seen.
pub(crate) fn check_label(label: &str) -> Result<String, TwoFactorError> {
    let label = label.trim();
    let strange = label.is_empty()
        || label.chars().count() > LONGEST_LABEL
        || label.chars().any(char::is_control);
    if strange {
        Err(Reason::Malformed.into())
    } else {
        Ok(label.into())
    }
}
