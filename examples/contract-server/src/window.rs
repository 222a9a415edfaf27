//! So many within so many seconds, exactly.

use serde::Deserialize;
use twofa_providers::token_store::{
    Charge, LimitStore, Spent, StoreError,
    ott_core::{
        Binding, Limit, LimitKey, LimitScope, Subject,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

/// `count` within any `seconds`.
///
/// A pace lets one more through each time a part of it has come back; a contract that counts within a window does
/// not. So there are `count` places, and each is free again `seconds` after it was taken.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, try_from = "Settings")]
pub struct Rate {
    count: u32,
    seconds: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    count: u32,
    seconds: u32,
}

/// Numbers that are no rate.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a rate has a count of 1 to 1000 within 1 to 31536000 seconds")]
pub struct RateError;

impl TryFrom<Settings> for Rate {
    type Error = RateError;

    fn try_from(settings: Settings) -> Result<Self, RateError> {
        let Settings { count, seconds } = settings;
        let fits = (1..=1_000).contains(&count) && (1..=31_536_000).contains(&seconds);
        fits.then_some(Self { count, seconds }).ok_or(RateError)
    }
}

impl Rate {
    /// `count` within any `seconds`.
    ///
    /// # Panics
    /// If either is 0: at compile time in a constant.
    #[must_use]
    pub const fn new(count: u32, seconds: u32) -> Self {
        assert!(count > 0 && seconds > 0, "a rate allows one in a second");
        Self { count, seconds }
    }

    /// How many.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// The pace that lets through as many at once, and as many again in the same time.
    #[must_use]
    pub fn pace(self) -> Limit {
        Limit::pace(self.count, self.every())
    }

    /// The allowance of as many at once, and as many again in the same time.
    #[must_use]
    pub fn allowance(self) -> Limit {
        Limit::allowance(self.count, self.every())
    }

    fn every(self) -> TimeDelta {
        let seconds = TimeDelta::seconds(self.seconds.into());
        let each = i32::try_from(self.count).unwrap_or(i32::MAX);
        let every = seconds.checked_div(each).unwrap_or(seconds);
        every.max(TimeDelta::microseconds(1))
    }

    /// Takes a place of the subject's, or says when there is one. A refusal takes none.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn take(
        self,
        limits: &dyn LimitStore,
        name: &str,
        subject: &Subject,
        now: DateTime<Utc>,
    ) -> Result<Result<(), DateTime<Utc>>, StoreError> {
        let limit = Limit::pace(1, TimeDelta::seconds(self.seconds.into()));
        let mut first = None;
        for place in 0..self.count {
            let binding = Binding::subject(subject);
            let key = LimitKey::new(
                LimitScope::Application,
                &format!("{name} {place}"),
                &binding,
            );
            match limits.spend(&[Charge { key, limit }], now).await? {
                Spent::Allowed => return Ok(Ok(())),
                Spent::RetryAt(_, at) => first = Some(first.map_or(at, |first| at.min(first))),
                Spent::Ahead(_) => {
                    let what = "a limit's time lies beyond every clock";
                    return Err(StoreError::Corrupt(what));
                }
                Spent::Locked(_) => {}
            }
        }
        Ok(Err(first.unwrap_or(now)))
    }
}
