//! Preconditions: named checks, and those that come with this crate.

use core::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use token_store::ott_core::{
    Destination, Subject,
    chrono::{DateTime, TimeDelta, Utc},
};

use crate::{BoxError, Parameters, Standing};

/// A precondition of an operation.
#[async_trait]
pub trait Check: Send + Sync {
    /// Whether it is met. It changes nothing: it is asked at begin, at each step and before the effect.
    ///
    /// # Errors
    /// Nothing is known: the step ends in an outage.
    async fn met(&self, asked: &Asked<'_>) -> Result<bool, BoxError>;
}

/// What a check is asked about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// When in the operation.
    pub stage: Stage,
    /// Whose. A decoy's name is that of nobody.
    pub subject: &'a Subject,
    /// The account as it is now; `None` where there is none yet, or none at all.
    pub standing: Option<&'a Standing>,
    /// For what.
    pub parameters: &'a Parameters,
    /// Where the token goes or went, where one is about to go or was presented.
    pub destination: Option<&'a Destination>,
    /// The present time.
    pub now: DateTime<Utc>,
}

/// When a check is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A token was asked for.
    Begin,
    /// A token was presented, or a proof taken up again.
    Step,
    /// The effect is about to happen.
    Apply,
}

/// For a time after a recovery or a change of what signs in, nothing else may happen.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    after_recovery: TimeDelta,
    after_change: TimeDelta,
}

impl Hold {
    /// 48 hours after a recovery, 24 hours after a change.
    pub const DEFAULT: Self = Self {
        after_recovery: TimeDelta::hours(48),
        after_change: TimeDelta::hours(24),
    };

    /// So long after a recovery, and after a change.
    #[must_use]
    pub const fn new(after_recovery: TimeDelta, after_change: TimeDelta) -> Self {
        Self {
            after_recovery,
            after_change,
        }
    }
}

#[async_trait]
impl Check for Hold {
    async fn met(&self, asked: &Asked<'_>) -> Result<bool, BoxError> {
        let Some(standing) = asked.standing else {
            return Ok(true);
        };
        let over = |since: Option<DateTime<Utc>>, hold| {
            since.is_none_or(|since| asked.now.signed_duration_since(since) >= hold)
        };
        Ok(over(standing.recovered_at, self.after_recovery)
            && over(standing.changed_at, self.after_change))
    }
}

/// A check by its name.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) silent: bool,
    pub(crate) check: Arc<dyn Check>,
}

impl Named {
    pub(crate) fn new(name: &'static str, silent: bool, check: impl Check + 'static) -> Self {
        Self {
            name,
            silent,
            check: Arc::new(check),
        }
    }
}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
