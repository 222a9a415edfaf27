//! How a batch was made, as a line: another process makes the same one of it.

use token_store::ott_core::{
    chrono::{DateTime, Utc},
    rand::{TryRng as _, rngs::SysRng},
};

use super::kind::{KINDS, Kind};

/// How a batch was made: another process makes the same one of it.
pub(super) struct Recipe {
    pub(super) kind: Kind,
    pub(super) owner: usize,
    /// The token whose place it takes.
    pub(super) earlier: Option<usize>,
    pub(super) now: DateTime<Utc>,
    pub(super) seed: u64,
}

impl Recipe {
    pub(super) fn new(
        kind: Kind,
        owner: usize,
        earlier: Option<usize>,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            kind,
            owner,
            earlier,
            now: whole_micros(now),
            seed: SysRng.try_next_u64().expect("randomness"),
        }
    }

    /// As [`Stock::make`](super::Stock::make) reads it.
    pub(super) fn to_line(&self) -> String {
        let kind = KINDS.iter().position(|kind| *kind == self.kind);
        let earlier = self.earlier.map(|number| number.to_string());
        format!(
            "batch {} {} {} {} {}",
            kind.unwrap_or(0),
            self.owner,
            self.seed,
            self.now.timestamp_micros(),
            earlier.unwrap_or_default(),
        )
    }
}

/// As both processes read it.
pub(super) fn whole_micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}
