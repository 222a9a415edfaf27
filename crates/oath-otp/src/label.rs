//! Whose secret it is, as an authenticator shows it.

use alloc::string::String;

/// The names that an authenticator shows beside a code: who issued it, and for which account.
///
/// Neither name ever holds a secret. What a label can hold, an otpauth URI carries unchanged.
///
/// Specification: Key URI Format, "Label".
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    issuer: Option<String>,
    account: String,
}

impl Label {
    /// What each of the two names has at most: 255 bytes.
    pub const MAX_BYTES: usize = 255;

    /// An account of an issuer. Authenticators tell two accounts apart by this pair.
    ///
    /// # Errors
    /// [`LabelError`] for what a URI would not carry unchanged: an issuer that is empty or holds a
    /// colon, control characters, blanks at either end, more than 255 bytes. Also for characters that
    /// cannot be seen or turn the direction of text, with which one name passes for another.
    pub fn new(issuer: &str, account: &str) -> Result<Label, LabelError> {
        check_visible(issuer)?;
        check_visible(account)?;
        Label::import(issuer, account)
    }

    /// As [`new`](Label::new), of names that somebody else chose: invisible characters stay, since
    /// the secret beside them must not be lost.
    pub(crate) fn import(issuer: &str, account: &str) -> Result<Label, LabelError> {
        check(issuer)?;
        check(account)?;
        if issuer.is_empty() {
            return Err(LabelError::EmptyIssuer);
        }
        if issuer.contains(':') {
            return Err(LabelError::Colon);
        }
        Ok(Label {
            issuer: Some(issuer.into()),
            account: account.into(),
        })
    }

    /// An account without issuer.
    ///
    /// # Errors
    /// As for [`new`](Label::new); a colon in the account, which would read as an issuer.
    pub fn without_issuer(account: &str) -> Result<Label, LabelError> {
        check_visible(account)?;
        Label::import_without_issuer(account)
    }

    pub(crate) fn import_without_issuer(account: &str) -> Result<Label, LabelError> {
        check(account)?;
        if account.contains(':') {
            return Err(LabelError::Colon);
        }
        Ok(Label {
            issuer: None,
            account: account.into(),
        })
    }

    /// Who issued the secret.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The name of the account; may be empty.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }
}

fn check(name: &str) -> Result<(), LabelError> {
    if name.len() > Label::MAX_BYTES {
        Err(LabelError::TooLong)
    } else if name.contains(char::is_control) {
        Err(LabelError::ControlCharacter)
    } else if name.trim() != name {
        Err(LabelError::SurroundingBlanks)
    } else {
        Ok(())
    }
}

fn check_visible(name: &str) -> Result<(), LabelError> {
    if name.contains(is_invisible) {
        Err(LabelError::InvisibleCharacter)
    } else {
        Ok(())
    }
}

/// Whether a character has no shape of its own: Unicode's Default_Ignorable_Code_Point, with all
/// controls of direction, and the separators and annotations that are not drawn either.
///
/// Specification: Unicode 16.0, DerivedCoreProperties.txt; UAX #9 section 2.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Why a name does not fit a [`Label`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// A colon in the issuer, or in an account without issuer.
    #[error("a colon where it would part issuer and account")]
    Colon,
    /// A line break, NUL or another control character.
    #[error("a control character in a name")]
    ControlCharacter,
    /// An issuer without text.
    #[error("the issuer is empty")]
    EmptyIssuer,
    /// A character of no width, or one that turns the direction of text.
    #[error("an invisible character in a name")]
    InvisibleCharacter,
    /// Blanks before or behind a name.
    #[error("blanks around a name")]
    SurroundingBlanks,
    /// More than [`Label::MAX_BYTES`].
    #[error("a name is longer than 255 bytes")]
    TooLong,
}
