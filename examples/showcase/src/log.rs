//! The operator's log: the program's standard error.

use core::{error::Error, time::Duration};
use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// Between two complaints, which any visitor can cause.
const PAUSE: Duration = Duration::from_secs(5);

/// When the last complaint was written, and how many were not since.
static LAST: Mutex<Option<(Instant, u64)>> = Mutex::new(None);

/// An outage: the chain of causes. No error of these crates holds a secret.
#[expect(clippy::print_stderr, reason = "the operator's log")]
pub(crate) fn outage(error: &dyn Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        eprintln!("outage: {error}");
        cause = error.source();
    }
}

/// What an operator has to put right, where a visitor may be the cause: no request makes the log long.
#[expect(clippy::print_stderr, reason = "the operator's log")]
pub(crate) fn complain(line: &str) {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *last {
        Some((at, unwritten)) if at.elapsed() < PAUSE => *unwritten = unwritten.saturating_add(1),
        _ => {
            let unwritten = last.map_or(0, |(_, unwritten)| unwritten);
            *last = Some((Instant::now(), 0));
            drop(last);
            match unwritten {
                0 => eprintln!("{line}"),
                more => eprintln!("{line} (and {more} more)"),
            }
        }
    }
}
