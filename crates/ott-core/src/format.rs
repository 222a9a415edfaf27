//! What a token looks like.

use alloc::string::String;

use zeroize::Zeroizing;

use crate::{Reason, Rejected, crc32::crc32};

/// Symbols of the checksum that ends a prefixed token: base62 digits of a CRC-32.
const CHECKSUM_LENGTH: usize = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alphabet {
    Digits,
    Consonants,
    Base32,
    Base62,
    Base64Url,
}

impl Alphabet {
    const fn symbols(self) -> &'static [u8] {
        match self {
            Self::Digits => b"0123456789",
            Self::Consonants => b"BCDFGHJKLMNPQRSTVWXZ",
            Self::Base32 => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            Self::Base62 => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            Self::Base64Url => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        }
    }

    /// `log2` of the number of symbols in thousandths, rounded down: no_std has no `f64::log2`.
    const fn millibits(self) -> u32 {
        match self {
            Self::Digits => 3_321,
            Self::Consonants => 4_321,
            Self::Base32 => 5_000,
            Self::Base62 => 5_954,
            Self::Base64Url => 6_000,
        }
    }

    /// Whether a person types it, so that case, spaces and dashes carry no meaning.
    const fn forgiving(self) -> bool {
        matches!(self, Self::Digits | Self::Consonants | Self::Base32)
    }
}

/// What a token looks like: alphabet, length, optional prefix and checksum.
///
/// Every symbol is drawn uniformly, so the code space is `alphabet ^ length` exactly. Groups,
/// prefix and checksum add no entropy and count for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    alphabet: Alphabet,
    length: u8,
    group: u8,
    prefix: Option<&'static str>,
}

impl Format {
    /// Six digits: 10⁶ codes, 19 bits. For codes behind a first factor.
    pub const DIGITS_6: Self = Self::new(Alphabet::Digits, 6, 0);
    /// Eight digits: 10⁸ codes, 26 bits.
    pub const DIGITS_8: Self = Self::new(Alphabet::Digits, 8, 0);
    /// Eight of twenty consonants, shown `XXXX-XXXX`, no vowels, so no words: 34 bits.
    pub const READABLE_8: Self = Self::new(Alphabet::Consonants, 8, 4);
    /// Twenty-four symbols of base32 (RFC 4648) in groups of four: 120 bits.
    pub const RECOVERY: Self = Self::new(Alphabet::Base32, 24, 4);
    /// Forty-three symbols of the base64url alphabet (RFC 4648 section 5): 258 bits.
    pub const LINK: Self = Self::new(Alphabet::Base64Url, 43, 0);

    const fn new(alphabet: Alphabet, length: u8, group: u8) -> Self {
        Self {
            alphabet,
            length,
            group,
            prefix: None,
        }
    }

    /// Letters of both cases and digits (base62), `length` of them: 5.95 bits each.
    ///
    /// # Panics
    /// If `length` is 0: at compile time in a constant.
    #[must_use]
    pub const fn alphanumeric(length: u8) -> Self {
        assert!(length > 0, "a token has at least one symbol");
        Self::new(Alphabet::Base62, length, 0)
    }

    /// `prefix` + base62 + six symbols of CRC-32: a typing error is found offline, and secret
    /// scanners know the token when they see it.
    ///
    /// The alphabet becomes base62 with the same length; the checksum covers prefix and symbols.
    ///
    /// # Panics
    /// If `prefix` is empty, longer than 32 bytes, or not made of ASCII letters, digits and `_`.
    #[must_use]
    pub const fn prefixed(self, prefix: &'static str) -> Self {
        let bytes = prefix.as_bytes();
        assert!(
            !bytes.is_empty() && bytes.len() <= 32,
            "a prefix has 1 to 32 bytes"
        );
        let mut rest = bytes;
        while let [first, tail @ ..] = rest {
            assert!(
                first.is_ascii_alphanumeric() || *first == b'_',
                "a prefix is letters, digits, `_`"
            );
            rest = tail;
        }
        Self {
            alphabet: Alphabet::Base62,
            group: 0,
            prefix: Some(prefix),
            ..self
        }
    }

    /// Bits of entropy, rounded down.
    #[must_use]
    pub const fn entropy_bits(&self) -> u32 {
        #[expect(clippy::arithmetic_side_effects, reason = "255 * 6000 fits")]
        {
            self.length as u32 * self.alphabet.millibits() / 1_000
        }
    }

    /// How many different tokens there are, at most `u128::MAX`.
    #[must_use]
    pub fn code_space(&self) -> u128 {
        let symbols = u128::try_from(self.alphabet.symbols().len()).unwrap_or(u128::MAX);
        symbols.saturating_pow(u32::from(self.length))
    }

    pub(crate) const fn symbols(&self) -> &'static [u8] {
        self.alphabet.symbols()
    }

    pub(crate) const fn length(&self) -> u8 {
        self.length
    }

    /// The text that a person sees, from the bare symbols: groups, prefix, checksum.
    pub(crate) fn show(&self, symbols: &str) -> Zeroizing<String> {
        // Reserved in full, so that no reallocation leaves a copy behind.
        let mut shown = Zeroizing::new(String::with_capacity(
            symbols.len().saturating_mul(2).saturating_add(40),
        ));
        if let Some(prefix) = self.prefix {
            shown.push_str(prefix);
            shown.push_str(symbols);
            push_checksum(&mut shown);
            return shown;
        }
        for (at, symbol) in symbols.char_indices() {
            if at > 0 && at.checked_rem(usize::from(self.group)) == Some(0) {
                shown.push('-');
            }
            shown.push(symbol);
        }
        shown
    }

    /// The bare symbols of what was typed, or a refusal: the one spelling that is ever digested.
    ///
    /// Where a person types the alphabet, spaces and dashes are dropped and case is folded; every
    /// other character that is not a symbol refuses, Unicode digits and NUL included.
    pub(crate) fn canonical(&self, typed: &str) -> Result<Zeroizing<String>, Rejected> {
        let malformed = Rejected::new(Reason::Malformed);
        let length = usize::from(self.length);
        // Before any work: nobody types four separators a symbol.
        if typed.len() > length.saturating_mul(4).saturating_add(64) {
            return Err(malformed);
        }
        let typed = match self.prefix {
            None => typed,
            Some(prefix) => checked_symbols(typed, prefix).ok_or(malformed)?,
        };
        let forgiving = self.alphabet.forgiving();
        let mut symbols = Zeroizing::new(String::with_capacity(length));
        for byte in typed.bytes() {
            if forgiving && (byte == b' ' || byte == b'-') {
                continue;
            }
            let symbol = if forgiving {
                byte.to_ascii_uppercase()
            } else {
                byte
            };
            if !self.symbols().contains(&symbol) || symbols.len() == length {
                return Err(malformed);
            }
            symbols.push(char::from(symbol));
        }
        if symbols.len() == length {
            Ok(symbols)
        } else {
            Err(malformed)
        }
    }
}

fn push_checksum(shown: &mut String) {
    let base62 = Alphabet::Base62.symbols();
    let mut rest = crc32(shown.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LENGTH];
    for digit in digits.iter_mut().rev() {
        if let Some(symbol) = usize::try_from(rest % 62)
            .ok()
            .and_then(|value| base62.get(value))
        {
            *digit = *symbol;
        }
        rest /= 62;
    }
    shown.extend(digits.map(char::from));
}

fn checked_symbols<'t>(typed: &'t str, prefix: &str) -> Option<&'t str> {
    let (body, _) = typed.split_at_checked(typed.len().checked_sub(CHECKSUM_LENGTH)?)?;
    let symbols = body.strip_prefix(prefix)?;
    let mut expected = Zeroizing::new(String::with_capacity(typed.len()));
    expected.push_str(body);
    push_checksum(&mut expected);
    // The checksum is public arithmetic over what the caller sent: no secret is compared here.
    (expected.as_str() == typed).then_some(symbols)
}
