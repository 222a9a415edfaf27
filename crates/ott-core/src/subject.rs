//! Whom a token or factor belongs to.

use alloc::string::String;
use core::fmt;

/// The longest tenant or id, in bytes.
pub(crate) const LONGEST: usize = 255;

/// Whom a token or factor belongs to: a tenant and an opaque id of the caller's choosing.
///
/// Both are compared exactly, byte by byte. Use an id that never changes and is never given to
/// somebody else: a row's key, not an e-mail address.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    tenant: String,
    id: String,
}

impl Subject {
    /// A subject of a tenant. An application with one tenant passes `""`.
    ///
    /// # Errors
    /// [`InvalidName`] if the id is empty, or either is longer than 255 bytes or has a
    /// control character or one that is not seen ([`is_hidden`]).
    pub fn new(tenant: impl Into<String>, id: impl Into<String>) -> Result<Self, InvalidName> {
        let (tenant, id) = (tenant.into(), id.into());
        check_name(&tenant)?;
        check_name(&id)?;
        if id.is_empty() {
            return Err(InvalidName);
        }
        Ok(Self { tenant, id })
    }

    /// The tenant, `""` where there is only one.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The id within the tenant.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({:?}/{:?})", self.tenant, self.id)
    }
}

/// Whether a character shows nothing, or turns the text around it. In a name, an address or a label it lets one pass
/// for another.
///
/// These are Unicode's Default_Ignorable_Code_Point with all controls of direction; the separators and annotations
/// that are not drawn either; and the blank Braille pattern. Blanks and control characters are other kinds
/// (`char::is_whitespace`, `char::is_control`).
///
/// Specification: Unicode 16.0, DerivedCoreProperties.txt; UAX #9 section 2.
#[must_use]
pub const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
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

pub(crate) fn check_name(name: &str) -> Result<(), InvalidName> {
    if name.len() > LONGEST || !all_seen(name) {
        Err(InvalidName)
    } else {
        Ok(())
    }
}

/// Whether each character can be seen.
pub(crate) fn all_seen(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || is_hidden(c))
}

/// A tenant, subject or address that cannot be one. It does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid name: empty, too long, or with characters that do not belong there")]
pub struct InvalidName;
