//! When and how somebody proved who they are.

use token_store::{
    Answer,
    ott_core::{
        CLOCK_ALLOWANCE,
        chrono::{DateTime, TimeDelta, Utc},
    },
};

/// When and how somebody proved who they are, before they got a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// When.
    pub at: DateTime<Utc>,
    /// How: names of RFC 8176 section 2, such as `pwd`, `otp`, `hwk`, or the application's own.
    pub methods: Vec<String>,
}

impl Proved {
    /// By these methods, at this time.
    #[must_use]
    pub fn by(methods: &[&str], at: DateTime<Utc>) -> Self {
        Self {
            at,
            methods: methods.iter().map(|name| String::from(*name)).collect(),
        }
    }

    /// Whether that is at most so long ago, not ahead of the clock by more than the allowance of all stores, and by all of
    /// these methods.
    ///
    /// # Errors
    /// [`StepUpNeeded`], which [`Challenge`](crate::Challenge) tells the client.
    pub fn within(
        &self,
        longest: TimeDelta,
        methods: &[&str],
        now: DateTime<Utc>,
    ) -> Result<(), StepUpNeeded> {
        // A time ahead of the clock is no proof: it would stay recent for as long as the clock is behind.
        let age = now.signed_duration_since(self.at);
        let recent = age <= longest && age >= -CLOCK_ALLOWANCE;
        let has = |wanted: &&str| self.methods.iter().any(|known| known == *wanted);
        if recent && methods.iter().all(has) {
            return Ok(());
        }
        Err(StepUpNeeded { longest })
    }
}

/// The person has to prove who they are again: 401 with a [`Challenge`](crate::Challenge) (RFC 9470).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a recent proof of the person is needed")]
pub struct StepUpNeeded {
    /// How long ago it may be.
    pub longest: TimeDelta,
}

/// Without a header that a program could act on: pages lead to the proof.
impl From<StepUpNeeded> for Answer {
    fn from(_: StepUpNeeded) -> Self {
        Self::Forbidden
    }
}

#[cfg(test)]
mod tests {
    use super::{DateTime, Proved, TimeDelta};

    /// A proof is recent from its time on until so long afterwards, and not before it.
    #[test]
    fn proof_is_recent_for_so_long() {
        let at = DateTime::UNIX_EPOCH;
        let proved = Proved::by(&["totp"], at);
        let hour = TimeDelta::hours(1);
        for (after, recent) in [
            (TimeDelta::zero(), true),
            (hour, true),
            (hour + TimeDelta::microseconds(1), false),
            (-TimeDelta::days(1), false),
        ] {
            let told = proved.within(hour, &["totp"], at + after);
            assert_eq!(told.is_ok(), recent, "{after}");
        }
        assert!(proved.within(hour, &["password"], at).is_err());
    }
}
