//! Times as stores keep them.

use chrono::{DateTime, Utc};

/// This time in whole microseconds, rounded down: databases keep no more, so nothing here does.
#[must_use]
pub fn whole_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}
