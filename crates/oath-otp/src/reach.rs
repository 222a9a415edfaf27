//! How far a search goes.

/// How many steps or counters a search reaches beyond the expected one: 0 to 31.
///
/// Each one more is one more code that a guess may hit. RFC 6238 recommends one step of delay; 31
/// steps of 30 seconds are a quarter of an hour.
///
/// Specification: RFC 4226 section 7.4 (s); RFC 6238 section 5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "u8", into = "u8")
)]
pub struct Reach(u8);

impl Reach {
    /// The most: 31.
    pub const MAX: Reach = Reach(31);
    /// The expected step or counter alone.
    pub const NONE: Reach = Reach(0);
    /// One beyond the expected one.
    pub const ONE: Reach = Reach(1);

    /// A reach of this many steps or counters.
    ///
    /// # Errors
    /// [`InvalidReach`] above [`MAX`](Reach::MAX).
    pub const fn new(beyond: u8) -> Result<Reach, InvalidReach> {
        if beyond <= Reach::MAX.0 {
            Ok(Reach(beyond))
        } else {
            Err(InvalidReach(()))
        }
    }

    /// The number, 0 to 31.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Reach {
    type Error = InvalidReach;

    fn try_from(beyond: u8) -> Result<Self, InvalidReach> {
        Reach::new(beyond)
    }
}

impl From<Reach> for u8 {
    fn from(reach: Reach) -> u8 {
        reach.get()
    }
}

/// A reach above 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reach is not 0 to 31")]
pub struct InvalidReach(());

/// How many counters are searched for the first code of a pair: 1 to 1,000, 100 by default.
///
/// The upper end bounds the work of one attempt.
///
/// Specification: RFC 4226 section 7.4 and appendix E.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "u16", into = "u16")
)]
pub struct ResyncRange(u16);

impl ResyncRange {
    /// The most: 1,000 counters.
    pub const MAX: ResyncRange = ResyncRange(1_000);

    /// A range of this many counters.
    ///
    /// # Errors
    /// [`InvalidResyncRange`] for 0 and above [`MAX`](ResyncRange::MAX).
    pub const fn new(counters: u16) -> Result<ResyncRange, InvalidResyncRange> {
        if 1 <= counters && counters <= ResyncRange::MAX.0 {
            Ok(ResyncRange(counters))
        } else {
            Err(InvalidResyncRange(()))
        }
    }

    /// The number of counters, 1 to 1,000.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Default for ResyncRange {
    fn default() -> Self {
        ResyncRange(100)
    }
}

impl TryFrom<u16> for ResyncRange {
    type Error = InvalidResyncRange;

    fn try_from(counters: u16) -> Result<Self, InvalidResyncRange> {
        ResyncRange::new(counters)
    }
}

impl From<ResyncRange> for u16 {
    fn from(range: ResyncRange) -> u16 {
        range.get()
    }
}

/// A range of no counter, or of more than 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the range is not 1 to 1000 counters")]
pub struct InvalidResyncRange(());
