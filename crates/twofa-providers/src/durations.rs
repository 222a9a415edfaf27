//! For how long an account's changes can be undone, and its devices are trusted.

use token_store::ott_core::chrono::TimeDelta;

/// For how long at most a device is trusted.
pub const LONGEST_TRUST: TimeDelta = TimeDelta::days(90);

/// For how long a device is trusted, where the application has no other wish.
pub const TRUST: TimeDelta = TimeDelta::days(30);

/// For how long a notice's link works, and what it undoes can be undone.
pub const UNDO_WITHIN: TimeDelta = TimeDelta::days(7);
