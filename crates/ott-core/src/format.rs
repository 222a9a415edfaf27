//! What a token looks like.

mod builder;

use alloc::string::String;

use zeroize::Zeroizing;

pub use builder::FormatBuilder;

use crate::{Reason, Rejected, crc32::crc32, typed::Typed};

/// Symbols of the checksum that ends a prefixed token: base62 digits of a CRC-32.
const CHECKSUM_LENGTH: usize = 6;
pub(crate) const DIGITS: &str = "0123456789";
const CONSONANTS: &str = "BCDFGHJKLMNPQRSTVWXZ";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE64URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a token looks like: alphabet, length, optional prefix and checksum.
///
/// Every symbol is drawn uniformly, so [`Format::code_space`] is exact. Groups, prefix and checksum
/// add no entropy and count for none. Another one than these is made by [`Format::builder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    pub(crate) alphabet: &'static str,
    pub(crate) length: u8,
    /// Symbols between two dashes, when it is shown; 0 for no dashes.
    pub(crate) group: u8,
    /// What is dropped when it is typed.
    pub(crate) separators: &'static str,
    pub(crate) folds_case: bool,
    /// Whether the first symbol is never the alphabet's first.
    pub(crate) leads: bool,
    pub(crate) prefix: Option<&'static str>,
}

impl Format {
    /// Six digits: 10⁶ codes, 19 bits. For codes behind a first factor.
    pub const DIGITS_6: Self = Self::builder(DIGITS, 6).separators(" -").build();
    /// Eight digits: 10⁸ codes, 26 bits.
    pub const DIGITS_8: Self = Self::builder(DIGITS, 8).separators(" -").build();
    /// Eight of twenty consonants, shown `XXXX-XXXX`, no vowels, so no words: 34 bits.
    pub const READABLE_8: Self = Self::builder(CONSONANTS, 8).typed_in_groups_of(4).build();
    /// Twenty-four symbols of base32 (RFC 4648) in groups of four: 120 bits.
    pub const RECOVERY: Self = Self::builder(BASE32, 24).typed_in_groups_of(4).build();
    /// Forty-three symbols of the base64url alphabet (RFC 4648 section 5): 258 bits.
    pub const LINK: Self = Self::builder(BASE64URL, 43).build();

    /// Starts a format of `length` symbols of this alphabet: [`FormatBuilder`].
    pub const fn builder(alphabet: &'static str, length: u8) -> FormatBuilder {
        FormatBuilder::new(alphabet, length)
    }

    /// Letters of both cases and digits (base62), `length` of them: 5.95 bits each.
    ///
    /// # Panics
    /// If `length` is 0: at compile time in a constant.
    #[must_use]
    pub const fn alphanumeric(length: u8) -> Self {
        Self::builder(BASE62, length).build()
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
            prefix: Some(prefix),
            ..Self::alphanumeric(self.length)
        }
    }

    /// Bits of entropy, rounded down.
    #[must_use]
    pub const fn entropy_bits(&self) -> u32 {
        let (first, each) = self.choices();
        #[expect(clippy::arithmetic_side_effects, reason = "255 * 7000 fits")]
        {
            (millibits(first) + (self.length as u32 - 1) * millibits(each)) / 1_000
        }
    }

    /// How many different tokens there are, at most `u128::MAX`.
    #[must_use]
    pub const fn code_space(&self) -> u128 {
        let (first, each) = self.choices();
        let rest = (self.length as u32).saturating_sub(1);
        (each as u128)
            .saturating_pow(rest)
            .saturating_mul(first as u128)
    }

    /// Among how many symbols the first is drawn, and among how many each other.
    const fn choices(&self) -> (usize, usize) {
        let each = self.alphabet.len();
        (each.saturating_sub(self.leads as usize), each)
    }

    /// The symbols that the one at this place is drawn from.
    pub(crate) fn symbols_at(&self, place: usize) -> &'static [u8] {
        match self.alphabet.as_bytes() {
            [_, rest @ ..] if self.leads && place == 0 => rest,
            all => all,
        }
    }

    /// How many symbols it draws: groups, prefix and checksum aside.
    #[must_use]
    pub const fn length(&self) -> u8 {
        self.length
    }

    /// What it begins with, where it is one that secret scanners know: [`Format::prefixed`].
    #[must_use]
    pub const fn prefix(&self) -> Option<&'static str> {
        self.prefix
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
    /// Where the space is a separator, a person types or pastes it: blanks of every kind and what is not seen are
    /// dropped, and a digit, letter or dash of another script or width counts as ASCII's. Every other character that
    /// is not a symbol refuses, NUL included. Else it comes from a machine, and nothing but the separators is dropped.
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
        let mut symbols = Zeroizing::new(String::with_capacity(length));
        let by_hand = self.separators.contains(' ');
        for character in typed.chars() {
            let byte = match Typed::read(character) {
                Typed::Ascii(byte) if by_hand || character.is_ascii() => byte,
                Typed::Nothing if by_hand => continue,
                _ => return Err(malformed),
            };
            if self.separators.as_bytes().contains(&byte) {
                continue;
            }
            if symbols.len() == length {
                return Err(malformed);
            }
            let symbol = self.symbol(byte, symbols.len()).ok_or(malformed)?;
            symbols.push(char::from(symbol));
        }
        if symbols.len() == length {
            Ok(symbols)
        } else {
            Err(malformed)
        }
    }

    /// The symbol that this byte is at this place, in the alphabet's own case.
    fn symbol(&self, byte: u8, place: usize) -> Option<u8> {
        let other_case = if byte.is_ascii_lowercase() {
            byte.to_ascii_uppercase()
        } else {
            byte.to_ascii_lowercase()
        };
        let spellings = [Some(byte), self.folds_case.then_some(other_case)];
        let symbols = self.symbols_at(place);
        spellings
            .into_iter()
            .flatten()
            .find(|spelling| symbols.contains(spelling))
    }
}

/// `log2(symbols)` in thousandths, rounded down: no_std has no `f64::log2`.
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "`symbols` is 1 to 94, so the mantissa fits 32 bits and its square 64"
)]
const fn millibits(symbols: usize) -> u32 {
    const PLACES: u32 = 20;
    let whole = symbols.ilog2();
    // The mantissa, 1 <= m < 2, with 31 binary places: squaring doubles the logarithm.
    let mut mantissa = (symbols as u64) << (31 - whole);
    let mut fraction = 0_u64;
    let mut place = 0;
    while place < PLACES {
        mantissa = (mantissa * mantissa) >> 31;
        fraction <<= 1;
        if mantissa >= 1 << 32 {
            mantissa >>= 1;
            fraction |= 1;
        }
        place += 1;
    }
    whole * 1_000 + ((fraction * 1_000) >> PLACES) as u32
}

fn push_checksum(shown: &mut String) {
    let base62 = BASE62.as_bytes();
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
