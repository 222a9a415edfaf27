//! Issuer, store, limits, clock and events in one: what most callers use.

mod builder;
mod redeem;
mod spending;

use std::sync::Arc;

use ott_core::{
    Binding, Decision, Extra, Handle, Issued, Issuer, Policy, Reason, Record, RecordId, Rejected,
    Stored, Subject, Verdict,
    chrono::{DateTime, Utc},
    rand::rngs::SysRng,
};

use self::spending::charges;
pub use self::{
    builder::{BuildError, TokensBuilder},
    redeem::WithoutLimits,
};
use crate::{
    Clock, Decided, Event, EventSink, Inserted, LimitStore, Revoke, StoreError, TokenStore,
    TokensError, What,
};

/// Issues and redeems tokens: joins an [`Issuer`] to a store, limits, a clock and an event sink.
///
/// It spends the policy's limits before each redeem; [`Tokens::without_limits`] is the only other
/// way.
pub struct Tokens<S: TokenStore + ?Sized = dyn TokenStore> {
    issuer: Arc<Issuer>,
    policies: Vec<Policy>,
    limits: Arc<dyn LimitStore>,
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

    /// The limits underneath.
    #[must_use]
    pub fn limits(&self) -> &Arc<dyn LimitStore> {
        &self.limits
    }

    /// The policies that it was built with.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The present time, as this engine sees it.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Tells an event to the sink.
    pub fn emit(&self, subject: Option<&Subject>, what: What) {
        self.events.emit(Event {
            at: self.now(),
            subject: subject.cloned(),
            what,
        });
    }

    /// Issues a token: `token` for the message, `handle` for the flow.
    ///
    /// # Errors
    /// [`TokensError`]; then nothing was issued, and nothing may be sent.
    pub async fn issue(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
    ) -> Result<Issued, TokensError> {
        self.issue_with(policy, binding, Extra::default()).await
    }

    /// Issues a token again in the same flow: the flow's earlier token is superseded.
    ///
    /// # Errors
    /// [`TokensError`]; then nothing was issued, and the earlier token lives on.
    pub async fn resend(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        earlier: &Handle,
    ) -> Result<Issued, TokensError> {
        self.issue_with(
            policy,
            binding,
            Extra {
                resend: Some(earlier),
                ..Extra::default()
            },
        )
        .await
    }

    /// Issues a token that carries data or belongs to a running flow.
    ///
    /// # Errors
    /// [`TokensError`]; then nothing was issued.
    pub async fn issue_with(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        extra: Extra<'_>,
    ) -> Result<Issued, TokensError> {
        let mut batch = self.issue_batch_with(policy, binding, extra, 1).await?;
        batch
            .pop()
            .ok_or(TokensError::Misuse("a batch of one has one"))
    }

    /// Issues `count` tokens in one step, as a set of recovery codes: all or none, and what their
    /// slot held before is superseded.
    ///
    /// # Errors
    /// [`TokensError`]; then nothing was issued.
    pub async fn issue_batch(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        count: usize,
    ) -> Result<Vec<Issued>, TokensError> {
        self.issue_batch_with(policy, binding, Extra::default(), count)
            .await
    }

    /// Issues `count` tokens in one step, as [`Tokens::issue_batch`], each of which carries the data.
    ///
    /// # Errors
    /// [`TokensError`]; then nothing was issued.
    pub async fn issue_batch_with(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        extra: Extra<'_>,
        count: usize,
    ) -> Result<Vec<Issued>, TokensError> {
        self.known(policy)?;
        charges(policy, binding)?;
        let now = self.now();
        let issue = |_| {
            self.issuer
                .issue_from_rng(policy, binding, extra, now, &mut SysRng)
        };
        let batch = (0..count).map(issue).collect::<Result<Vec<_>, _>>()?;
        let records: Vec<_> = batch.iter().map(|issued| issued.record.clone()).collect();
        match self.store.insert(&records).await {
            Ok(Inserted::Done) => {}
            // 128 bits never collide by chance: the store or the random source is broken.
            Ok(Inserted::Collision) => {
                return Err(self.outage("insert", StoreError::Corrupt("an id came up twice")));
            }
            Err(error) => return Err(self.outage("insert", error)),
        }
        for record in &records {
            self.emit_of(
                record.stored(),
                What::Issued(*policy.purpose(), *record.id()),
            );
        }
        Ok(batch)
    }

    /// Approves or denies a waiting record, by its public id. The decider is the person who is
    /// signed in where the decision is made.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn decide(
        &self,
        policy: &Policy,
        id: &RecordId,
        decider: &Subject,
        verdict: Verdict,
        data: &[u8],
    ) -> Result<Record, TokensError> {
        self.known(policy)?;
        let Some(record) = self.find(policy, id).await? else {
            return Err(self.refused(
                policy,
                Some(decider),
                Some(*id),
                Rejected::new(Reason::Unknown),
            ));
        };
        let now = self.now();
        let decision: Decision = self.issuer.decide(&record, decider, verdict, data, now)?;
        match self
            .store
            .decide(id, &decision, now)
            .await
            .map_err(|error| self.outage("decide", error))?
        {
            Decided::Decided(stored) => {
                self.emit(Some(decider), What::Decided(*policy.purpose(), *id));
                self.open(policy, stored)
            }
            Decided::Refused(reason) => {
                Err(self.refused(policy, Some(decider), Some(*id), Rejected::new(reason)))
            }
        }
    }

    /// Finds a record by its public name, dead ones included. It proves nothing.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn find(
        &self,
        policy: &Policy,
        id: &RecordId,
    ) -> Result<Option<Record>, TokensError> {
        self.known(policy)?;
        let stored = self
            .store
            .find(id)
            .await
            .map_err(|error| self.outage("find", error))?;
        stored.map(|stored| self.open(policy, stored)).transpose()
    }

    /// The subject's live records of this policy, oldest first.
    ///
    /// # Errors
    /// [`TokensError::Unavailable`], or [`TokensError::KeyMissing`]: an outage is never a shorter
    /// list. A record that was edited is left out, with an event.
    pub async fn list(
        &self,
        policy: &Policy,
        subject: &Subject,
    ) -> Result<Vec<Record>, TokensError> {
        self.known(policy)?;
        let listed = self
            .store
            .list(subject, Some(policy.purpose()), self.now())
            .await;
        let stored = listed.map_err(|error| self.outage("list", error))?;
        stored
            .into_iter()
            .map(|stored| self.open(policy, stored))
            .filter(|opened| !matches!(opened, Err(TokensError::Rejected(_))))
            .collect()
    }

    /// Revokes, and says how many records that were.
    ///
    /// # Errors
    /// [`TokensError::Unavailable`].
    pub async fn revoke(&self, what: &Revoke) -> Result<u64, TokensError> {
        let revoked = self
            .store
            .revoke(what)
            .await
            .map_err(|error| self.outage("revoke", error))?;
        let subject = match what {
            Revoke::Record(_) => None,
            Revoke::Subject { subject, .. } => Some(subject),
        };
        self.emit(subject, What::Revoked(revoked));
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
        let limits = self
            .limits
            .purge_limits(before, limit)
            .await
            .map_err(outage)?;
        Ok(records.max(limits))
    }

    fn open(&self, policy: &Policy, stored: Stored) -> Result<Record, TokensError> {
        let (id, key, owner) = (stored.id, stored.key, stored.owner());
        self.issuer
            .open(policy, stored)
            .map_err(|rejected| match rejected.reason() {
                Reason::KeyMissing => {
                    self.emit(None, What::KeyMissing(key));
                    TokensError::KeyMissing(key)
                }
                _ => self.refused(policy, owner.as_ref(), Some(id), rejected),
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

    fn outage(&self, verb: &'static str, error: StoreError) -> TokensError {
        self.emit(None, What::StoreFailed(verb));
        TokensError::Unavailable(error)
    }

    /// A refusal, told with whose it was: guesses spread over accounts show in the events alone.
    fn refused(
        &self,
        policy: &Policy,
        subject: Option<&Subject>,
        id: Option<RecordId>,
        rejected: Rejected,
    ) -> TokensError {
        self.emit(
            subject,
            What::Refused(*policy.purpose(), id, rejected.reason()),
        );
        TokensError::Rejected(rejected)
    }

    fn emit_of(&self, stored: &Stored, what: What) {
        self.emit(stored.owner().as_ref(), what);
    }
}

impl<S: TokenStore + ?Sized> core::fmt::Debug for Tokens<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tokens")
            .field("issuer", &self.issuer)
            .field("policies", &self.policies)
            .finish_non_exhaustive()
    }
}
