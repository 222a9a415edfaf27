//! What secret scanners have to know.

use crate::Kind;

/// Symbols of the checksum: base62 of a CRC-32.
const CHECKSUM: u8 = 6;

/// What secret scanners have to know of the tokens of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// A regular expression that finds them, as PCRE, RE2 and Hyperscan read it.
    pub pattern: String,
    /// A text for the form by which a scanner takes the pattern up.
    pub text: String,
}

/// What secret scanners have to know of the tokens of this kind; `None` where they have no prefix, so that nothing tells
/// them from other texts.
///
/// `report` is where a scanner posts what it found. [`Bearers::revoke_text`](crate::Bearers::revoke_text) takes it.
#[must_use]
pub fn registration(kind: &Kind, application: &str, report: &str) -> Option<Registration> {
    let format = kind.policy().token_format();
    let (prefix, length) = (format.prefix()?, format.length());
    let all = length.checked_add(CHECKSUM)?;
    let pattern = format!(r"\b{prefix}[0-9A-Za-z]{{{all}}}\b");
    let text = format!(
        "Tokens of {application} begin with `{prefix}`, then have {length} random symbols of 0-9A-Za-z and {CHECKSUM} \
         of a checksum: the CRC-32 (ISO-HDLC) of everything before it, as a number in base 62 with the digits \
         0-9A-Za-z, the highest first, with leading zeros.\n\
         Pattern: {pattern}\n\
         A match whose checksum is wrong is no token.\n\
         Report matches to {report}. A reported token is revoked and its owner told."
    );
    Some(Registration { pattern, text })
}
