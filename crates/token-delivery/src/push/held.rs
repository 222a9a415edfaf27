//! A token that authenticates many requests, and is made again before its end.

use std::sync::Arc;

use ott_core::chrono::{DateTime, TimeDelta, Utc};
use tokio::{sync::Mutex, time::Instant};
use zeroize::Zeroizing;

use crate::DeliveryError;

/// Of callers at the same moment one read the clock before another did: so far apart, and a token is none of another time.
const SAME_TIME: TimeDelta = TimeDelta::minutes(1);

/// One token, made by one caller at a time: the others wait and take the same, or the same failure.
#[derive(Default)]
pub(super) struct Held(Mutex<Slot>);

#[derive(Default)]
struct Slot {
    token: Option<Token>,
    failed_at: Option<Instant>,
}

/// A token, and the time in which it is used.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) text: Arc<Zeroizing<String>>,
    pub(super) made_at: DateTime<Utc>,
    /// Before its end: from here on it is made again.
    pub(super) renew_at: DateTime<Utc>,
}

impl Held {
    /// The token that is held, or the one that `make` makes, which is polled in that case alone.
    pub(super) async fn get(
        &self,
        now: DateTime<Utc>,
        make: impl Future<Output = Result<Token, DeliveryError>>,
    ) -> Result<Token, DeliveryError> {
        let asked_at = Instant::now();
        let mut slot = self.0.lock().await;
        // A clock that was set back makes no token young.
        let good = |token: &&Token| {
            let ahead = token.made_at.signed_duration_since(now);
            ahead < SAME_TIME && now < token.renew_at
        };
        if let Some(token) = slot.token.as_ref().filter(good) {
            return Ok(token.clone());
        }
        // Whoever waited for one that failed does not wait for another.
        if slot
            .failed_at
            .is_some_and(|failed_at| failed_at >= asked_at)
        {
            let why = "another request for an access token failed just now";
            return Err(DeliveryError::Unavailable(why.into()));
        }
        match make.await {
            Ok(token) => {
                slot.token = Some(token.clone());
                Ok(token)
            }
            Err(error) => {
                slot.failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }

    /// Forgets the token that was just refused, where it is that old at least: whether asking again can help.
    pub(super) async fn forget(
        &self,
        refused: &Token,
        now: DateTime<Utc>,
        least_age: TimeDelta,
    ) -> bool {
        let mut slot = self.0.lock().await;
        let same = |held: &Token| Arc::ptr_eq(&held.text, &refused.text);
        match &slot.token {
            // Somebody else had it refused, and made another one.
            Some(held) if !same(held) => true,
            Some(held) if now.signed_duration_since(held.made_at) < least_age => false,
            _ => {
                slot.token = None;
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who read the clock a moment before the one that made a token takes that token: of callers at once, one makes it.
    #[tokio::test]
    async fn callers_at_once_have_one_token() {
        let (held, mut made) = (Held::default(), 0);
        for micros in [1_800_000_000_100_000, 1_800_000_000_000_000] {
            let now = DateTime::from_timestamp_micros(micros).expect("a time");
            let token = Token {
                text: Arc::default(),
                made_at: now,
                renew_at: now + TimeDelta::hours(1),
            };
            let make = async {
                made += 1;
                Ok(token)
            };
            held.get(now, make).await.expect("a token");
        }
        assert_eq!(made, 1);
    }
}
