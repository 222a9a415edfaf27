//! The public name of a factor, and the highest counter of one.

use core::fmt;

use ott_core::LimitKey;

use crate::StoreError;

/// The highest counter that a factor store keeps: 2⁶³ − 1, what every database can hold.
pub const HIGHEST_COUNTER: u64 = (1 << 63) - 1;

/// What each method of a [`FactorStore`](crate::FactorStore) that is given a counter asks first.
///
/// # Errors
/// [`StoreError::Misuse`] for a counter above [`HIGHEST_COUNTER`].
pub const fn check_counter(counter: Option<u64>) -> Result<(), StoreError> {
    match counter {
        Some(counter) if counter > HIGHEST_COUNTER => {
            Err(StoreError::Misuse("a counter above 2^63 - 1"))
        }
        _ => Ok(()),
    }
}

/// The public name of a factor: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FactorId([u8; 16]);

impl FactorId {
    /// The id with these bytes, for a store that reads a row.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Under which its failures in a row are counted: its own bits, so that a store finds them beside its row.
    #[must_use]
    pub const fn failures_key(&self) -> LimitKey {
        LimitKey::of_random_id(self.0)
    }

    /// Reads what `Display` prints: 32 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| digits)?;
        Some(Self(number.to_be_bytes()))
    }
}

impl fmt::Display for FactorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for FactorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
