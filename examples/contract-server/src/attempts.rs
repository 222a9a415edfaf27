//! Failed attempts in a row.

use core::num::NonZeroU32;

use twofa_providers::token_store::{
    Charge, LimitStore, Spent, StoreError,
    ott_core::{
        Binding, Limit, LimitKey, LimitScope, Subject,
        chrono::{DateTime, Utc},
    },
};

/// So many failed attempts of a subject in a row, counted in one step each, until a success.
#[derive(Clone, Copy, Debug)]
pub struct Attempts(pub NonZeroU32);

impl Attempts {
    /// Counts a failure, and says whether it is the last one, or one after that: what the limit is for is up to the
    /// caller. Of failures at once, all but the last count as before it.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn fail(
        self,
        limits: &dyn LimitStore,
        subject: &Subject,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let Some(before_last) = NonZeroU32::new(self.0.get().saturating_sub(1)) else {
            return Ok(true);
        };
        let charge = Charge {
            key: key(subject),
            limit: Limit::ceiling(before_last.get()),
        };
        Ok(limits.spend(&[charge], now).await? != Spent::Allowed)
    }

    /// Forgets them.
    ///
    /// # Errors
    /// The store did not answer.
    pub async fn forget(
        self,
        limits: &dyn LimitStore,
        subject: &Subject,
    ) -> Result<(), StoreError> {
        limits.clear(&key(subject)).await
    }
}

fn key(subject: &Subject) -> LimitKey {
    let binding = Binding::subject(subject);
    LimitKey::new(LimitScope::Application, "failed attempts", &binding)
}
