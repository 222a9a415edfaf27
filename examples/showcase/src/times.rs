//! Times as a person reads them, and as a program does.

use core::fmt;

use maud::{Markup, html};
use twofa_providers::token_store::ott_core::chrono::{DateTime, TimeDelta, Utc};

/// When it was or will be, in the reader's words; the whole time is there for who asks for it.
pub(crate) fn when(time: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    html! { time datetime=(stamp(time)) title=(whole(time)) { (in_words(time, now)) } }
}

/// The whole time: for what is kept, such as a printed sheet.
pub(crate) fn exactly(time: DateTime<Utc>) -> Markup {
    html! { time datetime=(stamp(time)) { (whole(time)) } }
}

fn stamp(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn whole(time: DateTime<Utc>) -> String {
    time.format("%-d %b %Y, %H:%M UTC").to_string()
}

/// "just now", "2 hours ago", "in 12 hours"; further than a month away, the day.
pub(crate) fn in_words(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let ago = now.signed_duration_since(time);
    let far = ago.abs();
    if far > TimeDelta::days(31) {
        return time.format("%-d %b %Y").to_string();
    }
    if far < TimeDelta::minutes(1) {
        return if ago < TimeDelta::zero() {
            "in a moment".into()
        } else {
            "just now".into()
        };
    }
    let length = length(far);
    if ago < TimeDelta::zero() {
        format!("in {length}")
    } else {
        format!("{length} ago")
    }
}

/// The largest unit of which there are two or more, rounded to the nearest.
fn length(far: TimeDelta) -> String {
    let minutes = far.num_seconds().saturating_add(30) / 60;
    let hours = minutes.saturating_add(30) / 60;
    let days = hours.saturating_add(12) / 24;
    let (count, unit) = match (minutes, hours) {
        (..=89, _) => (minutes, "minute"),
        (_, ..=35) => (hours, "hour"),
        _ => (days, "day"),
    };
    let more = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{more}")
}

/// How long a limit asks to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    /// When the next try is let in.
    pub(crate) at: DateTime<Utc>,
    /// How long that is from now.
    pub(crate) after: TimeDelta,
}

impl fmt::Display for Wait {
    /// "in 6 minutes (08:07 UTC)", rounded up: whoever comes back then is let in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.after.num_milliseconds().max(0).saturating_add(999) / 1_000;
        let (count, unit) = if seconds < 120 {
            (seconds, "second")
        } else {
            (seconds.saturating_add(59) / 60, "minute")
        };
        let more = if count == 1 { "" } else { "s" };
        let at = if seconds < 120 {
            self.at.format("%H:%M:%S")
        } else {
            // The minute after it has begun.
            let up = self.at.checked_add_signed(TimeDelta::seconds(59));
            up.unwrap_or(self.at).format("%H:%M")
        };
        write!(f, "in {count} {unit}{more} ({at} UTC)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000_i64.saturating_add(seconds), 0).expect("a time")
    }

    /// The past and the future are told in the largest unit of which there are two.
    #[test]
    fn times_are_told_in_words() {
        for (at, words) in [
            (0, "just now"),
            (-59, "just now"),
            (30, "in a moment"),
            (-60, "1 minute ago"),
            (-300, "5 minutes ago"),
            (-5_400, "2 hours ago"),
            (-7_200, "2 hours ago"),
            (43_200, "in 12 hours"),
            (-100_000, "28 hours ago"),
            (-172_800, "2 days ago"),
            (2_592_000, "in 30 days"),
            (-8_640_000, "6 Aug 2023"),
        ] {
            assert_eq!(in_words(seconds(at), seconds(0)), words, "{at}");
        }
    }

    /// A wait is told in minutes and by the clock, and is never shorter than it is.
    #[test]
    fn waits_are_told_in_minutes_and_by_the_clock() {
        for (after, words) in [
            (1, "in 1 second (22:13:21 UTC)"),
            (90, "in 90 seconds (22:14:50 UTC)"),
            (301, "in 6 minutes (22:19 UTC)"),
            (360, "in 6 minutes (22:20 UTC)"),
        ] {
            let wait = Wait {
                at: seconds(after),
                after: TimeDelta::seconds(after),
            };
            assert_eq!(wait.to_string(), words);
        }
    }
}
