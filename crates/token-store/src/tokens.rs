//! Issuer, store, limits, clock and events in one: what most callers use.

mod bearer;
mod builder;
mod by_itself;
mod earning;
mod in_transaction;
mod issuing;
mod redeeming;
mod spending;
mod sweep;
mod telling;
mod without_limits;

use std::sync::Arc;

use ott_core::{
    AccountBudget, Decider, GuessBound, Issuer, Limit, Lookup, Policy, Reason, Record, RecordId,
    Rejected, Stored, Subject, Usage, Verdict,
    chrono::{DateTime, Utc},
    whole_micros,
};

pub use self::{
    builder::{BuildError, TokensBuilder},
    earning::Earning,
    issuing::Given,
    without_limits::WithoutLimits,
};
use crate::{
    ChargedStore, Clock, Decided, EventSink, Found, LimitStore, Revoke, TokenStore, TokensError,
    events,
};

/// Issues and redeems tokens: joins an [`Issuer`] to a store, limits, a clock and an event sink.
///
/// | policy | made by | taken by |
/// | --- | --- | --- |
/// | `code`, `readable` | [`Tokens::issue`] | [`Tokens::redeem`] |
/// | `recovery` | [`Tokens::issue_opts`] | [`Tokens::redeem_by_subject`] |
/// | `link` | [`Tokens::issue`] | [`Tokens::redeem_by_itself`] |
/// | `bearer` | [`Tokens::issue`] | [`Tokens::authenticate`] |
/// | `parked`, `prompt` | [`Tokens::park`] | [`Tokens::resume`] |
///
/// A redeem that earns another token, as a code does a session: [`Tokens::earning`].
///
/// Another verb than the policy's is [`TokensError::Misuse`]. Each redeem spends the policy's limits
/// first; [`Tokens::without_limits`] is the only other way.
pub struct Tokens<S: TokenStore + ?Sized = dyn TokenStore> {
    issuer: Arc<Issuer>,
    policies: Arc<[Policy]>,
    allowance: Limit,
    limits: Arc<dyn LimitStore>,
    /// Whether the store keeps the limits too.
    together: bool,
    clock: Arc<dyn Clock>,
    events: Arc<dyn EventSink>,
    store: Arc<S>,
}

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// The key ring and rules underneath.
    #[must_use]
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The store underneath.
    #[must_use]
    pub const fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// The store of the limits.
    #[must_use]
    pub fn limit_store(&self) -> &Arc<dyn LimitStore> {
        &self.limits
    }

    /// The store, if it charges the limits in the step of a verb.
    fn charged(&self) -> Option<&dyn ChargedStore> {
        self.together.then(|| self.store.charged()).flatten()
    }

    /// The policies that it was built with.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The allowance of an account, which every policy that spends it shares, and every engine above.
    #[must_use]
    pub const fn allowance(&self) -> &Limit {
        &self.allowance
    }

    /// What can be guessed at one account, over all policies.
    #[must_use]
    pub fn account_budget(&self) -> AccountBudget {
        let budget = AccountBudget::new(&self.allowance);
        self.policies.iter().fold(budget, AccountBudget::policy)
    }

    /// The bound on an attacker's success at one account within a year, over all policies.
    #[must_use]
    pub fn guess_bound(&self) -> GuessBound {
        self.account_budget().bound()
    }

    /// The present time, as this engine sees it, in whole microseconds.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        whole_micros(self.clock.now())
    }

    /// Decides about a waiting record, by its public id. The decider is the person who is signed in
    /// where the decision is made, or a part of the application.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn decide(
        &self,
        policy: &Policy,
        id: &RecordId,
        decider: impl Into<Decider>,
        verdict: Verdict,
        data: &[u8],
    ) -> Result<Found, TokensError> {
        let decider = decider.into();
        let refuse = |reason| {
            let event = self.event(events::TOKEN_REFUSED).of(decider.subject());
            self.refused(event.purpose(policy.purpose()).record(*id), reason)
        };
        let Some(Found(record)) = self.find(policy, id).await? else {
            return Err(refuse(Reason::Unknown));
        };
        let now = self.now();
        let decision = self
            .issuer
            .decide(policy, &record, &decider, verdict, data, now);
        let decision = decision.map_err(|error| match TokensError::from(error) {
            TokensError::Rejected(rejected) => refuse(rejected.reason()),
            error => error,
        })?;
        let decided = self.store.decide(id, &decision, now).await;
        match decided.map_err(|error| self.outage("decide", error))? {
            Decided::Decided(stored) => {
                let event = self.event(events::TOKEN_DECIDED).of(decider.subject());
                self.emit(event.purpose(policy.purpose()).record(*id));
                Ok(Found(self.open(policy, stored)?))
            }
            Decided::Refused(reason) => Err(refuse(reason)),
        }
    }

    /// Finds a record by its public name, dead ones included. It proves nothing.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn find(&self, policy: &Policy, id: &RecordId) -> Result<Option<Found>, TokensError> {
        self.known(policy)?;
        let stored = self.store.find(id).await;
        let stored = stored.map_err(|error| self.outage("find", error))?;
        let opened = stored.map(|stored| self.open(policy, stored)).transpose()?;
        Ok(opened.map(Found))
    }

    /// The subject's live records of this policy, oldest first. They prove nothing.
    ///
    /// # Errors
    /// [`TokensError::Unavailable`], or [`TokensError::KeyMissing`]: an outage is never a shorter
    /// list. A record that was edited is left out, with an event.
    pub async fn list(
        &self,
        policy: &Policy,
        subject: &Subject,
    ) -> Result<Vec<Found>, TokensError> {
        self.known(policy)?;
        let listed = self
            .store
            .list(subject, Some(policy.purpose()), self.now())
            .await;
        let stored = listed.map_err(|error| self.outage("list", error))?;
        stored
            .into_iter()
            .map(|stored| self.open(policy, stored).map(Found))
            .filter(|opened| !matches!(opened, Err(TokensError::Rejected(_))))
            .collect()
    }

    /// Revokes, and says how many records that were. A page on which people end their own tokens asks
    /// with [`Revoke::own`].
    ///
    /// # Errors
    /// [`TokensError::Unavailable`].
    pub async fn revoke(&self, what: &Revoke) -> Result<u64, TokensError> {
        let revoked = self.store.revoke(what).await;
        let revoked = revoked.map_err(|error| self.outage("revoke", error))?;
        let event = self.event(events::TOKEN_REVOKED).count(revoked);
        self.emit(match what {
            Revoke::Own { subject, record } => event.of(subject).record(*record),
            Revoke::Record(record) => event.record(*record),
            Revoke::Subject { subject, .. } => event.of(subject),
        });
        Ok(revoked)
    }

    /// Removes dead records and limits that are as good as new, at most `limit` of each, and says
    /// how many. Call it again while it answers `limit`.
    ///
    /// # Errors
    /// [`TokensError::Unavailable`].
    pub async fn purge(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, TokensError> {
        let outage = |error| self.outage("purge", error);
        let records = self.store.purge(before, limit).await.map_err(outage)?;
        let limits = self.limits.purge_limits(before, limit).await;
        Ok(records.max(limits.map_err(outage)?))
    }

    fn open(&self, policy: &Policy, stored: Stored) -> Result<Record, TokensError> {
        let (id, key, owner) = (stored.id, stored.key, stored.owner());
        let opened = self.issuer.open(policy, stored);
        opened.map_err(|rejected| match rejected.reason() {
            Reason::KeyMissing => self.key_missing(key),
            reason => {
                let event = self.event(events::TOKEN_REFUSED).of(owner.as_ref());
                self.refused(event.purpose(policy.purpose()).record(id), reason)
            }
        })
    }

    fn known(&self, policy: &Policy) -> Result<(), TokensError> {
        if self.policies.contains(policy) {
            Ok(())
        } else {
            Err(TokensError::Misuse(
                "the policy was not given to the builder",
            ))
        }
    }

    /// The policy is known, its tokens are redeemed, and in this way.
    fn takes(&self, policy: &Policy, verb: Verb) -> Result<(), TokensError> {
        self.known(policy)?;
        let fits = match (policy.token_lookup(), policy.usage()) {
            (Lookup::ByItself, Usage::Bearer) => Verb::Authenticate,
            (_, Usage::Bearer) => {
                return Err(TokensError::Misuse("a bearer token is found by itself"));
            }
            (Lookup::ByHandle { .. }, Usage::Once) => Verb::Redeem,
            (Lookup::ByItself, Usage::Once) => Verb::ByItself,
            (Lookup::BySubject, Usage::Once) => Verb::BySubject,
            (Lookup::Parked, Usage::Once) => Verb::Resume,
        };
        if fits == verb {
            return Ok(());
        }
        Err(TokensError::Misuse(match fits {
            Verb::Authenticate => "tokens of this policy authenticate",
            Verb::ByItself => "tokens of this policy are redeemed by `redeem_by_itself`",
            Verb::BySubject => "tokens of this policy are redeemed by `redeem_by_subject`",
            Verb::Redeem => "tokens of this policy are redeemed by `redeem`",
            Verb::Resume => "what this policy parks is taken up by `resume`",
        }))
    }
}

/// What takes a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Authenticate,
    ByItself,
    BySubject,
    Redeem,
    Resume,
}

impl<S: TokenStore + ?Sized> core::fmt::Debug for Tokens<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tokens")
            .field("issuer", &self.issuer)
            .field("policies", &self.policies)
            .finish_non_exhaustive()
    }
}

/// A refusal without an event, where one was told before.
const fn rejected(reason: Reason) -> TokensError {
    TokensError::Rejected(Rejected::new(reason))
}
