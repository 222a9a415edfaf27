//! Times that a script can reckon with.

use token_store::{
    StoreError,
    ott_core::chrono::{DateTime, Utc},
};

/// A Lua number is an integer below 2⁵³, about 9.007·10¹⁵. A time of a caller, the longest that a limit
/// takes to come back (a hundred years, 3.2·10¹⁵) and one period more stay below.
const FURTHEST: i64 = 5_000_000_000_000_000;

/// The furthest that a record may live; a minute more stays below 2⁵³.
const FURTHEST_END: i64 = 8_000_000_000_000_000;

/// The longest idle time: added to [`FURTHEST`] it stays below [`FURTHEST_END`].
const LONGEST_IDLE: i64 = 3_000_000_000_000_000;

const MISUSE: StoreError = StoreError::Misuse("a time beyond the year 2128 (an end: 2223)");

/// A caller's time in microseconds since 1970.
pub(crate) fn micros(time: DateTime<Utc>) -> Result<i64, StoreError> {
    bounded(time.timestamp_micros(), FURTHEST)
}

/// The end of a record.
pub(crate) fn end(time: DateTime<Utc>) -> Result<i64, StoreError> {
    bounded(time.timestamp_micros(), FURTHEST_END)
}

/// How long a record may be unused.
pub(crate) fn idle(micros: i64) -> Result<i64, StoreError> {
    bounded(micros, LONGEST_IDLE)
}

fn bounded(micros: i64, furthest: i64) -> Result<i64, StoreError> {
    if micros.unsigned_abs() <= furthest.unsigned_abs() {
        Ok(micros)
    } else {
        Err(MISUSE)
    }
}
