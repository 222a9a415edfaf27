//! The secret of an account, as base32 text.

use core::fmt;
use std::sync::LazyLock;

use data_encoding::{BASE32_NOPAD, Encoding, Specification};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::Reason;

/// The secret of an account. Wiped on drop.
///
/// Kept as upper-case base32 without padding, as the file spelled it: some programs write lengths that no bytes have,
/// and every program drops the bits that are left over.
#[derive(ZeroizeOnDrop)]
pub struct EntrySecret(String);

impl EntrySecret {
    /// What a secret has at most, in characters of base32: 1,024 bytes.
    const MAX_TEXT: usize = 1640;

    /// Reads base32: either case, blanks and dashes ignored, padding at the end.
    ///
    /// # Errors
    /// [`Reason::NoSecret`] and [`Reason::BadSecret`].
    ///
    /// Specification: RFC 4648 section 6.
    pub fn from_base32(text: &str) -> Result<EntrySecret, Reason> {
        if text.len() > EntrySecret::MAX_TEXT.saturating_mul(2) {
            return Err(Reason::BadSecret);
        }
        // Room for all of it, so that no shorter copy is left behind.
        let mut secret = EntrySecret(String::with_capacity(text.len()));
        let digits = text.trim_end_matches(|c: char| c == '=' || c.is_ascii_whitespace());
        for c in digits.chars() {
            match c.to_ascii_uppercase() {
                c @ ('A'..='Z' | '2'..='7') => secret.0.push(c),
                ' ' | '\t' | '-' => {}
                _ => return Err(Reason::BadSecret),
            }
        }
        match secret.0.len() {
            0 => Err(Reason::NoSecret),
            // One character holds no byte.
            1 => Err(Reason::BadSecret),
            2..=EntrySecret::MAX_TEXT => Ok(secret),
            _ => Err(Reason::BadSecret),
        }
    }

    /// Takes the bytes of a secret.
    ///
    /// # Errors
    /// [`Reason::NoSecret`] for none, [`Reason::BadSecret`] for more than 1,024.
    pub fn from_bytes(bytes: &[u8]) -> Result<EntrySecret, Reason> {
        match bytes.len() {
            0 => Err(Reason::NoSecret),
            1..=1024 => Ok(EntrySecret(BASE32_NOPAD.encode(bytes))),
            _ => Err(Reason::BadSecret),
        }
    }

    /// The base32 text, in upper case and without padding.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Zeroizing<Vec<u8>> {
        // Left-over bits count for nothing, and so does a last character that holds no whole byte.
        let whole = match self.0.len() % 8 {
            1 | 3 | 6 => self.0.len().saturating_sub(1),
            _ => self.0.len(),
        };
        let digits = self.0.get(..whole).unwrap_or_default();
        Zeroizing::new(LENIENT.decode(digits.as_bytes()).unwrap_or_default())
    }
}

/// Base32 whose left-over bits may be anything. Made once: each code decodes a secret.
static LENIENT: LazyLock<Encoding> = LazyLock::new(|| {
    let mut base32 = Specification::new();
    base32.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    base32.check_trailing_bits = false;
    // The alphabet is right: RFC 4648 section 6.
    base32.encoding().unwrap_or(BASE32_NOPAD)
});

impl fmt::Debug for EntrySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EntrySecret(..)")
    }
}

/// The password of a file. Wiped on drop.
#[derive(ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Takes a password as it was typed.
    #[must_use]
    pub fn new(text: String) -> Password {
        Password(text)
    }

    /// The text.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
