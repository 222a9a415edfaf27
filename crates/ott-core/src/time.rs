//! Times as stores keep them, and how long a year is.

use chrono::{DateTime, TimeDelta, Utc};

/// How far a record may lie in the future: the clocks of several machines differ.
pub const CLOCK_ALLOWANCE: TimeDelta = TimeDelta::seconds(60);
pub(crate) const CLOCK_ALLOWANCE_MICROS: i64 = 60_000_000;

/// A year, wherever one is counted.
pub(crate) const YEAR_DAYS: i64 = 365;
pub(crate) const YEAR_MICROS: i64 = YEAR_DAYS * 86_400 * 1_000_000;

/// This time in whole microseconds, rounded down: databases keep no more, so nothing here does.
#[must_use]
pub fn whole_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}
