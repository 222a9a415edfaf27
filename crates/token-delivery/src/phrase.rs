//! The anti-phishing code of an account.

use core::fmt;

/// The longest, in characters.
const LONGEST: usize = 64;

/// A text that a person chose once, and that stands in each message to them: one without it is not from here.
///
/// # Security
/// Give it to messages to addresses that were verified before, and to no other: whoever has a code sent to an address
/// of theirs would read it there. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub struct Phrase(String);

impl Phrase {
    /// A phrase of 1 to 64 characters.
    ///
    /// # Errors
    /// [`InvalidPhrase`] for another length, blanks at its ends, control characters, characters that are not seen, and
    /// `/`, `@` and `\`, of which a mail program makes links.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidPhrase> {
        let text = text.into();
        let bad = |c: char| c.is_control() || ott_core::is_hidden(c) || "/@\\".contains(c);
        let length = text.chars().count();
        if length == 0 || length > LONGEST || text.trim() != text || text.chars().any(bad) {
            return Err(InvalidPhrase);
        }
        Ok(Self(text))
    }

    /// The text, for the message and for its owner.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(..)")
    }
}

/// A text that is no [`Phrase`]. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an anti-phishing code has 1 to 64 characters that can be seen, none of them `/`, `@` or `\\`"
)]
pub struct InvalidPhrase;
