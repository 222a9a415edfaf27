//! How often a push is tried, and for how long a service is left alone that asked for it.

use core::time::Duration;
use std::{collections::HashMap, sync::Mutex};

use tokio::time::{Instant, sleep};

use super::{PushOptions, PushStatus};
use crate::DeliveryError;

/// The longest wait that a service may ask for while somebody waits; a longer one is left to the caller.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The longest wait that is kept, and of how many.
const LONGEST_KEPT: Duration = Duration::from_secs(3_600);
const MOST_KEPT: usize = 1_000;

/// What one try came to.
#[derive(Debug)]
pub(super) enum Judged {
    Sent,
    /// Trying again does not help.
    Over(DeliveryError),
    /// It may help, after this time where one is named.
    Again {
        wait: Option<Duration>,
        whose: Whose,
        error: DeliveryError,
    },
    /// The token by which the server says who it is was refused.
    Renew(DeliveryError),
}

/// Who is to be left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// This device: 429.
    Device,
    /// The service, for all: 503.
    Service,
}

impl Judged {
    pub(super) fn again(status: PushStatus, wait: Option<Duration>) -> Self {
        Self::Again {
            wait,
            whose: match status.status {
                429 => Whose::Device,
                _ => Whose::Service,
            },
            error: DeliveryError::Unavailable(status.into()),
        }
    }

    pub(super) fn refused(status: PushStatus) -> Self {
        Self::Over(DeliveryError::Refused(status.into()))
    }

    pub(super) fn misconfigured(status: PushStatus) -> Self {
        Self::Over(misconfigured(status))
    }
}

pub(super) fn misconfigured(status: PushStatus) -> DeliveryError {
    DeliveryError::Misconfigured {
        which: "the push service does not know these credentials or this request",
        source: Some(status.into()),
    }
}

/// Until when services and devices are left alone.
#[derive(Default)]
pub(super) struct Waits(Mutex<HashMap<String, Instant>>);

impl Waits {
    fn check(&self, names: [&str; 2]) -> Result<(), DeliveryError> {
        let kept = lock(&self.0);
        let now = Instant::now();
        if names
            .iter()
            .any(|name| kept.get(*name).is_some_and(|until| *until > now))
        {
            let why = "the push service asked to be left alone for longer";
            return Err(DeliveryError::Unavailable(why.into()));
        }
        Ok(())
    }

    fn keep(&self, name: &str, wait: Duration) {
        let now = Instant::now();
        let Some(until) = now.checked_add(wait.min(LONGEST_KEPT)) else {
            return;
        };
        let mut kept = lock(&self.0);
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, until| *until > now);
        }
        if kept.len() < MOST_KEPT {
            kept.insert(name.into(), until);
        }
    }
}

/// Whoever panicked while it was held left it whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Asks until it is sent, over, or tried often enough. `service` and `device` name who may ask to be left alone.
pub(super) async fn tried<F>(
    options: &PushOptions,
    waits: &Waits,
    [service, device]: [&str; 2],
    ask: impl Fn() -> F,
) -> Result<(), DeliveryError>
where
    F: Future<Output = Result<Judged, DeliveryError>>,
{
    waits.check([service, device])?;
    let (mut left, mut pause, mut renewed) = (options.tries, options.pause, false);
    loop {
        let (wait, whose, error) = match ask().await? {
            Judged::Sent => return Ok(()),
            Judged::Over(error) => return Err(error),
            Judged::Renew(error) if renewed => return Err(error),
            Judged::Renew(_) => {
                renewed = true;
                continue;
            }
            Judged::Again { wait, whose, error } => (wait, whose, error),
        };
        let asked = wait.unwrap_or(pause);
        left = left.saturating_sub(1);
        if asked > LONGEST_WAIT {
            let whose = match whose {
                Whose::Device => device,
                Whose::Service => service,
            };
            waits.keep(whose, asked);
            return Err(error);
        }
        if left == 0 {
            return Err(error);
        }
        sleep(asked).await;
        pause = pause.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::*;

    /// A service that refuses each new token is asked twice, whatever a clock says of their age.
    #[tokio::test]
    async fn token_is_made_again_once() {
        let (asked, waits) = (Cell::new(0), Waits::default());
        let options = PushOptions::default();
        let answer = PushStatus {
            status: 401,
            reason: None,
        };
        let ask = || {
            asked.set(asked.get() + 1);
            core::future::ready(match asked.get() {
                0..10 => Ok(Judged::Renew(misconfigured(answer))),
                _ => Ok(Judged::Sent),
            })
        };
        let result = tried(&options, &waits, ["", "device"], ask).await;
        assert!(matches!(result, Err(DeliveryError::Misconfigured { .. })));
        assert_eq!(asked.get(), 2);
    }

    /// Names that strangers choose fill no memory, and a wait of ages is one of an hour.
    #[test]
    fn waits_are_bounded() {
        let waits = Waits::default();
        for number in 0..MOST_KEPT * 2 {
            waits.keep(&number.to_string(), Duration::MAX);
        }
        assert_eq!(lock(&waits.0).len(), MOST_KEPT);
        let latest = lock(&waits.0).values().max().copied();
        let bound = Instant::now() + LONGEST_KEPT;
        assert!(latest.is_some_and(|latest| latest <= bound));
        assert!(waits.check(["", "7"]).is_err() && waits.check(["", "a"]).is_ok());
    }
}
