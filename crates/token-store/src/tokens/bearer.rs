//! Authenticating: a bearer token proves, and nothing is spent.

use ott_core::{OwnedBinding, Policy, Reason, Record, chrono::TimeDelta};

use super::{Verb, by_itself::BoxError, rejected};
use crate::{Claimed, TokenStore, Tokens, TokensError, events};

/// How often the use of a bearer token is written down at most.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// Proves a bearer token: its record is live, its binding is right, and nothing is spent.
    ///
    /// `load` is as in [`Tokens::redeem_by_itself`]. The first use is noted, and from then on one a
    /// minute, or one in a quarter of the idle time where that is shorter. The first use of a token that was
    /// [earned](Tokens::earning), or issued as [in use](ott_core::IssueOptions::used), is its issue.
    ///
    /// # Errors
    /// As [`Tokens::redeem_by_itself`].
    pub async fn authenticate<L, F>(
        &self,
        policy: &Policy,
        tenant: &str,
        presented: &str,
        load: L,
    ) -> Result<Record, TokensError>
    where
        L: FnOnce(Claimed) -> F,
        F: Future<Output = Result<Option<OwnedBinding>, BoxError>>,
    {
        self.authenticate_any(&[policy], tenant, presented, load)
            .await
    }

    /// Proves a bearer token of any of these policies: whichever it is of, which
    /// [`Claimed::purpose`] and the record tell. Policies with prefixes of their own cost one look-up
    /// together, others one each.
    ///
    /// # Errors
    /// As [`Tokens::authenticate`]; the refusal of the last policy where none fits.
    pub async fn authenticate_any<L, F>(
        &self,
        policies: &[&Policy],
        tenant: &str,
        presented: &str,
        load: L,
    ) -> Result<Record, TokensError>
    where
        L: FnOnce(Claimed) -> F,
        F: Future<Output = Result<Option<OwnedBinding>, BoxError>>,
    {
        for policy in policies {
            self.takes(policy, Verb::Authenticate)?;
        }
        let mut refusal = rejected(Reason::Unknown);
        for policy in policies {
            match self.live(policy, tenant, presented).await {
                Ok((presented, record)) => {
                    let record = self.check(policy, &presented, record, load).await?;
                    self.note_use(&record).await?;
                    self.tell(events::TOKEN_AUTHENTICATED, policy, record.stored());
                    return Ok(record);
                }
                Err(error)
                    if matches!(error.reason(), Some(Reason::Malformed | Reason::Unknown)) =>
                {
                    refusal = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(refusal)
    }

    async fn note_use(&self, record: &Record) -> Result<(), TokensError> {
        let now = self.now();
        let stored = record.stored();
        let note_after = match stored.idle_micros {
            Some(idle) => NOTED_EVERY.min(TimeDelta::microseconds(idle / 4)),
            None => NOTED_EVERY,
        };
        let noted = |used| now.signed_duration_since(used) < note_after;
        if stored.used_at.is_some_and(noted) {
            return Ok(());
        }
        let touched = self.store.touch(&stored.id, now).await;
        touched.map_err(|error| self.outage("touch", error))
    }
}
