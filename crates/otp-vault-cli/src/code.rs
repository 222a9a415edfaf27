//! `code`: one account's code.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use zeroize::Zeroizing;

use crate::args;
use crate::failure::Failure;
use crate::output;
use crate::source::Source;

/// Unix seconds.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

pub(crate) fn code(options: &args::Code) -> Result<(), Failure> {
    let mut source = Source::open(options.file.as_deref(), &options.access, &options.query)?;
    let index = source.find(&options.query)?;
    let entry = source.entry(index)?;
    let mut time = options.at.unwrap_or_else(now);

    if let (Some(least), Some(left), Some(period)) = (
        options.min_remaining,
        entry.seconds_left(time),
        entry.period(),
    ) {
        if least > u64::from(period) {
            return Err(Failure::TooPatient(period));
        }
        if left < least {
            if options.at.is_none() {
                std::thread::sleep(Duration::from_secs(left));
            }
            time = time.saturating_add(left);
        }
    }
    let mut left = entry.seconds_left(time);
    let mut row = json!({
        "issuer": entry.issuer, "account": entry.account, "type": entry.kind.name(), "period": entry.period(),
        "counter": entry.counter(),
    });
    let code = if options.next {
        // Only looked at: the counter stays where it is, and the code comes again.
        let code = entry.next_code(time)?;
        left = left
            .zip(entry.period())
            .map(|(left, period)| left.saturating_add(period.into()));
        if let (Some(counter), Some(row)) = (entry.counter(), row.as_object_mut()) {
            row.insert("counter".into(), json!(counter.saturating_add(1)));
        }
        code
    } else {
        source.take(index, time)?
    };

    if options.json {
        if let Some(row) = row.as_object_mut() {
            row.insert("remaining".into(), json!(left));
        }
        return output::print(&output::json_with(&row, "code", code.expose_secret()));
    }
    let mut line = Zeroizing::new(String::with_capacity(512));
    line.push_str(code.expose_secret());
    if let (true, Some(left)) = (options.remaining, left) {
        line.push_str(&format!(" {left}"));
    }
    line.push('\n');
    output::print(line.as_bytes())
}
