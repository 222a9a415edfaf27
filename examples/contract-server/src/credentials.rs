//! What the header `Authorization` holds.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode::Indifferent, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent),
);

/// What a client authenticates with: the text of Basic, or of a Bearer that is base64 as well.
///
/// Specification: RFC 7617, RFC 6750.
pub struct Credentials {
    text: Zeroizing<String>,
    /// Whether it came as Bearer.
    pub bearer: bool,
}

impl Credentials {
    /// Reads the header; `None` for what is neither.
    #[must_use]
    pub fn read(header: Option<&str>) -> Option<Self> {
        let (scheme, text) = header?.split_once(' ')?;
        let bearer = scheme.eq_ignore_ascii_case("bearer");
        if !bearer && !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let text = String::from_utf8(BASE64.decode(text.trim()).ok()?).ok()?;
        Some(Self {
            text: Zeroizing::new(text),
            bearer,
        })
    }

    /// All of it.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// Name and secret.
    #[must_use]
    pub fn expose_pair(&self) -> Option<(&str, &str)> {
        self.text.split_once(':')
    }
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Credentials(..)")
    }
}
