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
    /// colon, control characters, blanks at either end, more than 255 bytes.
    pub fn new(issuer: &str, account: &str) -> Result<Label, LabelError> {
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
    /// Blanks before or behind a name.
    #[error("blanks around a name")]
    SurroundingBlanks,
    /// More than [`Label::MAX_BYTES`].
    #[error("a name is longer than 255 bytes")]
    TooLong,
}
