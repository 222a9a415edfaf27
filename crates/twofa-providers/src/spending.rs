//! Spending limits in order: what was spent before the one that refuses is given back.

use token_store::{
    Charge, Spent,
    ott_core::{
        LimitKey, Subject,
        chrono::{DateTime, Utc},
    },
};

use crate::{
    attempt::Attempt, error::TwoFactorError, events::THROTTLED, limits::Limits, rows::Rows,
};

/// Which limit refused, and until when.
#[derive(Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) key: LimitKey,
    /// `None` where time does not help.
    pub(crate) at: Option<DateTime<Utc>>,
}

impl Refused {
    /// This refusal, with whichever time comes first.
    pub(crate) fn or_sooner(self, other: Self) -> Self {
        let at = self
            .at
            .map(|at| other.at.map_or(at, |sooner| sooner.min(at)));
        Self { at, ..self }
    }
}

impl Rows {
    /// Pays for starting an enrolment, or for a renewal of recovery codes.
    pub(crate) async fn pay_enrolment(
        &self,
        limits: &Limits,
        attempt: &Attempt<'_>,
    ) -> Result<(), TwoFactorError> {
        let charges = [limits.of_enrolment(attempt.subject)];
        match self.spend(attempt.subject, None, &charges).await? {
            Ok(()) => Ok(()),
            Err(refused) => Err(self.throttled(attempt, refused)),
        }
    }

    /// Spends in this order. What the network spent stays spent; the rest is given back on a refusal,
    /// since nothing will be compared: who hammers a reached limit must not use up the one before it.
    pub(crate) async fn spend(
        &self,
        subject: &Subject,
        network: Option<Charge>,
        charges: &[Charge],
    ) -> Result<Result<(), Refused>, TwoFactorError> {
        let all: Vec<_> = network.iter().chain(charges).copied().collect();
        if all.is_empty() {
            return Ok(Ok(()));
        }
        let spent = self.tokens.limit_store().spend(&all, self.now()).await;
        let (key, refused) = match spent.map_err(|error| self.outage("spend", error))? {
            Spent::Allowed => return Ok(Ok(())),
            Spent::Ahead(key) => (key, None),
            Spent::Locked(key) => (key, Some(Refused { key, at: None })),
            Spent::RetryAt(key, at) => (key, Some(Refused { key, at: Some(at) })),
        };
        if network.is_none_or(|charge| charge.key != key) {
            let before = charges.iter().take_while(|charge| charge.key != key);
            self.give_back(&before.copied().collect::<Vec<_>>(), 1)
                .await;
        }
        match refused {
            Some(refused) => Ok(Err(refused)),
            // A clock was ahead when it was spent. An operator clears it.
            None => Err(self.limit_ahead(subject)),
        }
    }

    pub(crate) fn throttled(&self, attempt: &Attempt<'_>, refused: Refused) -> TwoFactorError {
        self.tell_throttled(attempt, refused);
        TwoFactorError::Throttled {
            retry_at: refused.at,
            retry_after: refused.at.map(|at| at.signed_duration_since(self.now())),
        }
    }

    pub(crate) fn tell_throttled(&self, attempt: &Attempt<'_>, refused: Refused) {
        let event = self.event(THROTTLED, attempt.subject);
        let event = event.provider(attempt.provider);
        self.emit(event.retry_at(refused.at));
    }
}
