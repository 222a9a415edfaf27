//! How long a time step is.

use core::num::NonZeroU32;

/// The length of a time step in whole seconds: 1 to 2³¹ - 1, 30 by default.
///
/// The upper end is where authenticators stop agreeing. NIST SP 800-63B wants at most two minutes.
///
/// Specification: RFC 6238 section 4.1 (X).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "u32", into = "u32")
)]
pub struct Period(NonZeroU32);

impl Period {
    /// 30 seconds, which every authenticator knows.
    pub const SECONDS_30: Period = match Period::from_seconds(30) {
        Ok(period) => period,
        Err(_) => unreachable!(),
    };

    /// A period of this many seconds.
    ///
    /// # Errors
    /// [`InvalidPeriod`] for 0 and for 2³¹ and more.
    pub const fn from_seconds(seconds: u32) -> Result<Period, InvalidPeriod> {
        match NonZeroU32::new(seconds) {
            Some(nonzero) if seconds <= i32::MAX.cast_unsigned() => Ok(Period(nonzero)),
            _ => Err(InvalidPeriod(())),
        }
    }

    /// The period in seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0.get()
    }

    /// Whole periods in this many seconds.
    pub(crate) fn count_in(self, seconds: u64) -> u64 {
        // No overflow and no division by zero: the divisor's type excludes 0.
        seconds / core::num::NonZeroU64::from(self.0)
    }
}

impl Default for Period {
    fn default() -> Self {
        Period::SECONDS_30
    }
}

impl TryFrom<u32> for Period {
    type Error = InvalidPeriod;

    fn try_from(seconds: u32) -> Result<Self, InvalidPeriod> {
        Period::from_seconds(seconds)
    }
}

impl From<Period> for u32 {
    fn from(period: Period) -> u32 {
        period.seconds()
    }
}

/// A period of 0 seconds, or of 2³¹ seconds and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the period is not 1 to 2147483647 seconds")]
pub struct InvalidPeriod(());
