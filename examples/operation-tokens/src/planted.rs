//! A leak that `scripts/timing accounts` has to find, or it measures nothing.

use core::{hint::spin_loop, time::Duration};
use std::time::Instant;

/// Whether this is the build that has it: one with the variable `PLANTED_LEAK`, which that script alone sets.
const PLANTED: bool = option_env!("PLANTED_LEAK").is_some();

/// Takes 50 µs longer for an account that is known. In every other build, nothing.
pub(crate) fn leak(known: bool) {
    let begun = Instant::now();
    while PLANTED && known && begun.elapsed() < Duration::from_micros(50) {
        spin_loop();
    }
}
