//! A bar on standard error while accounts are read, where that takes long enough to be seen.

use core::cell::Cell;
use core::time::Duration;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

const WIDTH: usize = 30;

/// What is over sooner has no bar.
const PATIENCE: Duration = Duration::from_millis(200);

/// How often it is drawn.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Bar {
    is_terminal: bool,
    next: Cell<Instant>,
    is_drawn: Cell<bool>,
}

impl Bar {
    pub(crate) fn new() -> Bar {
        let now = Instant::now();
        Bar {
            is_terminal: io::stderr().is_terminal(),
            next: Cell::new(now.checked_add(PATIENCE).unwrap_or(now)),
            is_drawn: Cell::new(false),
        }
    }

    /// So many of so many were read.
    pub(crate) fn show(&self, done: usize, all: usize) {
        let now = Instant::now();
        if !self.is_terminal || now < self.next.get() {
            return;
        }
        self.next.set(now.checked_add(PAUSE).unwrap_or(now));
        self.is_drawn.set(true);
        let full = done.saturating_mul(WIDTH).checked_div(all).unwrap_or(WIDTH);
        // A terminal that is gone has nobody to see it.
        let _ = write!(
            io::stderr(),
            "\r{:░<WIDTH$} {done} of {all} accounts",
            "█".repeat(full.min(WIDTH))
        );
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.is_drawn.get() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
