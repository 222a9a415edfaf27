//! Whose secret it is, as an authenticator shows it.

use alloc::string::String;

use crate::visible::{is_invisible, joins_signs};

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
    /// [`LabelError`] for what a URI would not carry to every authenticator unchanged: an issuer that is empty or
    /// holds a colon, control characters, blanks at either end, more than 255 bytes. Also for characters that
    /// cannot be seen or turn the direction of text, with which one name passes for another.
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

    /// The label of names that somebody else chose, and what had to be cleaned away: the secret beside them must not
    /// be lost for a name. An issuer may hold a colon here: a URI says it twice, so that it can be told apart.
    pub(crate) fn cleaned(issuer: &str, account: &str) -> (Label, Option<LabelError>) {
        let (issuer, wrong_issuer) = clean(issuer.trim());
        let (mut account, mut wrong_account) = clean(account.trim());
        if issuer.is_empty() && account.contains(':') {
            account.retain(|c| c != ':');
            account = account.trim().into();
            wrong_account = wrong_account.or(Some(LabelError::Colon));
        }
        let issuer = Some(issuer).filter(|issuer| !issuer.is_empty());
        let label = Label { issuer, account };
        (label, wrong_issuer.or(wrong_account))
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
    } else if name.contains(is_invisible) {
        Err(LabelError::InvisibleCharacter)
    } else if name.trim() != name {
        Err(LabelError::SurroundingBlanks)
    } else {
        Ok(())
    }
}

/// A name without what would harm a page or a list, and what was dropped. What joins several signs to one, as in
/// flags and emoji, stays.
fn clean(name: &str) -> (String, Option<LabelError>) {
    let Err(wrong) = check(name) else {
        return (name.into(), None);
    };
    let drawn = |c: &char| !c.is_control() && (!is_invisible(*c) || joins_signs(*c));
    let mut cleaned: String = name.chars().filter(drawn).collect();
    while cleaned.len() > Label::MAX_BYTES {
        cleaned.pop();
    }
    let cleaned: String = cleaned.trim().into();
    let changed = cleaned != name;
    (cleaned, changed.then_some(wrong))
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
    /// A broken percent escape, or bytes that are not UTF-8.
    #[error("a name is not percent-encoded UTF-8")]
    Encoding,
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
