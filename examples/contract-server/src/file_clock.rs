//! For development: a clock that a file sets ahead.

use core::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::path::PathBuf;

use twofa_providers::token_store::{
    Clock, SystemClock,
    ott_core::chrono::{DateTime, TimeDelta, Utc},
};

use crate::{Options, warn};

/// In seconds, how far ahead a file may set it: some 7,900 years, so that every time has a year of four digits.
const FURTHEST: i64 = 250_000_000_000;

/// The machine's clock, and where a file is given, ahead of it by the seconds that the file holds. It is read each
/// time; one that cannot be read leaves what was read last.
///
/// Until [`FileClock::start`] it is the machine's: so accounts are never younger than what the file says later.
#[derive(Debug, Default)]
pub struct FileClock {
    file: Option<PathBuf>,
    last: AtomicI64,
    started: AtomicBool,
}

impl FileClock {
    /// With the file of the options.
    pub(crate) fn of(options: &Options) -> Self {
        if let Some(file) = &options.clock {
            let file = file.display();
            warn(&format!("the clock is moved by {file}: for development"));
        }
        Self {
            file: options.clock.clone(),
            ..Self::default()
        }
    }

    /// From now on the file is read.
    pub fn start(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    fn ahead(&self) -> i64 {
        if !self.started.load(Ordering::Relaxed) {
            return 0;
        }
        let text = self.file.as_ref().map(std::fs::read_to_string);
        let read = text
            .and_then(Result::ok)
            .and_then(|text| text.trim().parse().ok())
            .filter(|seconds| (0..=FURTHEST).contains(seconds));
        match read {
            Some(seconds) => {
                self.last.store(seconds, Ordering::Relaxed);
                seconds
            }
            None => self.last.load(Ordering::Relaxed),
        }
    }
}

impl Clock for FileClock {
    fn now(&self) -> DateTime<Utc> {
        let now = SystemClock.now();
        TimeDelta::try_seconds(self.ahead())
            .and_then(|ahead| now.checked_add_signed(ahead))
            .unwrap_or(now)
    }
}
