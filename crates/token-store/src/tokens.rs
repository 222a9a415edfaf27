//! Issuer, store, limits, clock and events in one: what most callers use.

use std::sync::Arc;

use ott_core::{
    Binding, Decision, Extra, Handle, Issued, Issuer, KeyRing, Limit, LimitKey, Policy,
    PolicyError, Presented, Purpose, Reason, Record, RecordId, Rejected, Stored, Subject, Usage,
    Verdict,
    chrono::{DateTime, TimeDelta, Utc},
    rand::rngs::SysRng,
};

use crate::{
    Charge, Clock, Decided, Event, EventSink, Inserted, LimitStore, NoEvents, OpenRedeem, Opened,
    Redeemed, Revoke, Spent, StoreError, SystemClock, TokenStore, TokensError, Unchecked, What,
};

/// How often the use of a bearer token is written down at most.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

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

/// Builds [`Tokens`].
pub struct TokensBuilder<S> {
    issuer: Issuer,
    policies: Vec<Policy>,
    limits: Arc<dyn LimitStore>,
    clock: Arc<dyn Clock>,
    events: Arc<dyn EventSink>,
    store: Arc<S>,
}

impl<S: TokenStore + LimitStore + 'static> Tokens<S> {
    /// Starts with keys and a store, which keeps the limits too.
    pub fn builder(keys: KeyRing, store: S) -> TokensBuilder<S> {
        Self::builder_shared(keys, Arc::new(store))
    }

    /// As [`Tokens::builder`], with a store that others hold too.
    pub fn builder_shared(keys: KeyRing, store: Arc<S>) -> TokensBuilder<S> {
        TokensBuilder {
            issuer: Issuer::new(keys),
            policies: Vec::new(),
            limits: Arc::clone(&store) as Arc<dyn LimitStore>,
            clock: Arc::new(SystemClock),
            events: Arc::new(NoEvents),
            store,
        }
    }
}

impl<S: TokenStore + 'static> TokensBuilder<S> {
    /// Adds a policy. A token of a policy that was not added is neither issued nor redeemed.
    #[must_use]
    pub fn policy(mut self, policy: &Policy) -> Self {
        self.policies.push(*policy);
        self
    }

    /// Another store for the limits.
    #[must_use]
    pub fn limits(self, limits: Arc<dyn LimitStore>) -> Self {
        Self { limits, ..self }
    }

    /// Another clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Where events go.
    #[must_use]
    pub fn events(self, events: Arc<dyn EventSink>) -> Self {
        Self { events, ..self }
    }

    /// Refuses what was issued earlier: see [`Issuer::not_before`].
    #[must_use]
    pub fn not_before(self, time: DateTime<Utc>) -> Self {
        Self {
            issuer: self.issuer.not_before(time),
            ..self
        }
    }

    /// Builds.
    ///
    /// # Errors
    /// [`BuildError`] if a policy's parts do not fit, if it exceeds the guess budget, or if two
    /// share a purpose.
    pub fn build(self) -> Result<Tokens<S>, BuildError> {
        for (at, policy) in self.policies.iter().enumerate() {
            policy.check()?;
            let earlier = self.policies.iter().take(at);
            if earlier
                .into_iter()
                .any(|other| other.purpose() == policy.purpose())
            {
                return Err(BuildError::PurposeTwice(*policy.purpose()));
            }
        }
        let Self {
            issuer,
            policies,
            limits,
            clock,
            events,
            store,
        } = self;
        Ok(Tokens {
            issuer: Arc::new(issuer),
            policies,
            limits,
            clock,
            events,
            store,
        })
    }
}

/// Why no [`Tokens`] was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A policy's parts do not fit, or it exceeds the guess budget.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Two policies share a purpose.
    #[error("two policies share the purpose `{}`", .0.as_str())]
    PurposeTwice(Purpose),
}

impl<S: TokenStore + 'static> Tokens<S> {
    /// The same, for holders that do not care which store it is.
    #[must_use]
    pub fn into_shared(self) -> Arc<Tokens> {
        let Self {
            issuer,
            policies,
            limits,
            clock,
            events,
            store,
        } = self;
        Arc::new(Tokens {
            issuer,
            policies,
            limits,
            clock,
            events,
            store: store as Arc<dyn TokenStore>,
        })
    }
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
        let mut batch = self.issue_all(policy, binding, extra, 1).await?;
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
        self.issue_all(policy, binding, Extra::default(), count)
            .await
    }

    async fn issue_all(
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

    /// Redeems the token of this flow, at most once.
    ///
    /// Of any number of concurrent calls, at most one succeeds. The binding is what the server
    /// knows, never what the request says.
    ///
    /// # Errors
    /// [`TokensError`]: a refusal, a limit, or an outage. After an outage the token may be spent.
    pub async fn redeem(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
        typed: &str,
    ) -> Result<Record, TokensError> {
        self.redeem_limited(policy, binding, || {
            self.issuer
                .present_by_id(policy, handle, binding, typed, self.now())
        })
        .await
    }

    /// Redeems a token that is found within its subject, at most once: a recovery code.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn redeem_by_subject(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        typed: &str,
    ) -> Result<Record, TokensError> {
        self.redeem_limited(policy, binding, || {
            self.issuer
                .present_by_subject(policy, binding, typed, self.now())
        })
        .await
    }

    /// Redeems a token that is found by itself, at most once: a link. It is spent whether or not
    /// the binding is right afterwards.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn redeem_by_itself(
        &self,
        policy: &Policy,
        tenant: &str,
        presented: &str,
    ) -> Result<Unchecked, TokensError> {
        let binding = Binding::tenant(tenant);
        let present = || {
            self.issuer
                .present_by_itself(policy, tenant, presented, self.now())
        };
        let record = self.redeem_limited(policy, &binding, present).await?;
        Ok(Unchecked::new(record, Arc::clone(&self.issuer)))
    }

    /// Redeems and hands over the open transaction in which it happened, so that redeeming and
    /// applying commit together. A refusal is committed before it is told.
    ///
    /// What it spent of the policy's limits stays spent, also by a success.
    ///
    /// # Errors
    /// As [`Tokens::redeem`]. Dropping the transaction leaves the token unspent.
    pub async fn redeem_open(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
        typed: &str,
    ) -> Result<(S::Transaction, Record), TokensError>
    where
        S: OpenRedeem,
    {
        self.known_once(policy)?;
        let presented = self
            .issuer
            .present_by_id(policy, handle, binding, typed, self.now());
        let presented = presented.map_err(|rejected| self.refused(policy, None, rejected))?;
        let spent = self.spend(policy, binding).await?;
        let opened = self
            .store
            .redeem_open(&presented, self.now())
            .await
            .map_err(|error| self.outage("redeem", error))?;
        match opened {
            // Nothing is given back: the limits may wait for the very writer that is open now.
            Opened::Redeemed(transaction, stored) => {
                Ok((transaction, self.redeemed(policy, stored)?))
            }
            Opened::Refused(reason) => {
                let error = self.refused_record(policy, &presented, reason).await;
                let times = u32::from(counted_nothing(&error));
                self.give_back(&spent, times).await;
                Err(error)
            }
        }
    }

    /// Redeems without spending the policy's limits. `reason` says what limits guesses instead, for
    /// the reader of the code.
    #[must_use]
    pub const fn without_limits(&self, reason: &'static str) -> WithoutLimits<'_, S> {
        WithoutLimits {
            tokens: self,
            _reason: reason,
        }
    }

    /// Proves a bearer token: its record is live, and nothing is spent. Notes the use once a minute,
    /// or once in a quarter of the idle time where that is shorter.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn authenticate(
        &self,
        policy: &Policy,
        tenant: &str,
        presented: &str,
    ) -> Result<Unchecked, TokensError> {
        self.known(policy)?;
        if policy.usage() != Usage::Bearer {
            return Err(TokensError::Misuse(
                "only a bearer token authenticates; redeem the others",
            ));
        }
        let now = self.now();
        let refuse = |id, rejected| self.refused(policy, id, rejected);
        let presented = self
            .issuer
            .present_by_itself(policy, tenant, presented, now)
            .map_err(|why| refuse(None, why))?;
        let id = *presented.id();
        let Some(stored) = self
            .store
            .find(&id)
            .await
            .map_err(|error| self.outage("find", error))?
        else {
            return Err(refuse(Some(id), Rejected::new(Reason::Unknown)));
        };
        let last = stored.used_at.unwrap_or(stored.issued_at);
        let note_after = match stored.idle_micros {
            Some(idle) => NOTED_EVERY.min(TimeDelta::microseconds(idle / 4)),
            None => NOTED_EVERY,
        };
        let record = self.open(policy, stored)?;
        record
            .authenticate(&presented, now)
            .map_err(|why| refuse(Some(id), why))?;
        if now.signed_duration_since(last) >= note_after {
            self.store
                .touch(&id, now)
                .await
                .map_err(|error| self.outage("touch", error))?;
        }
        self.emit_of(record.stored(), What::Authenticated(*policy.purpose(), id));
        Ok(Unchecked::new(record, Arc::clone(&self.issuer)))
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
            return Err(self.refused(policy, Some(*id), Rejected::new(Reason::Unknown)));
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
            Decided::Refused(reason) => Err(self.refused(policy, Some(*id), Rejected::new(reason))),
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

    async fn redeem_limited(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        present: impl FnOnce() -> Result<Presented, Rejected>,
    ) -> Result<Record, TokensError> {
        self.known_once(policy)?;
        // What cannot be a token is refused before it costs the account anything.
        let presented = present().map_err(|rejected| self.refused(policy, None, rejected))?;
        let spent = self.spend(policy, binding).await?;
        let redeemed = self.redeem_presented(policy, &presented).await;
        let times = match &redeemed {
            // A success gives back what its own flow spent, and nothing that others did.
            Ok(record) => record.stored().attempts.max(1),
            Err(error) => u32::from(counted_nothing(error)),
        };
        self.give_back(&spent, times).await;
        redeemed
    }

    /// Gives back what was spent. The answer stands whether or not this succeeds: failing now would
    /// lose a token for a few guesses too few.
    async fn give_back(&self, charges: &[Charge], times: u32) {
        if charges.is_empty() || times == 0 {
            return;
        }
        let refunded = self.limits.refund(charges, times).await;
        refunded.unwrap_or_else(|_| self.emit(None, What::StoreFailed("refund")));
    }

    async fn redeem_presented(
        &self,
        policy: &Policy,
        presented: &Presented,
    ) -> Result<Record, TokensError> {
        let redeemed = self
            .store
            .redeem(presented, self.now())
            .await
            .map_err(|error| self.outage("redeem", error))?;
        match redeemed {
            Redeemed::Redeemed(stored) => self.redeemed(policy, stored),
            Redeemed::Refused(reason) => Err(self.refused_record(policy, presented, reason).await),
        }
    }

    fn redeemed(&self, policy: &Policy, stored: Stored) -> Result<Record, TokensError> {
        let record = self.open(policy, stored)?;
        self.emit_of(
            record.stored(),
            What::Redeemed(*policy.purpose(), *record.id()),
        );
        Ok(record)
    }

    /// A refusal by the store. One for want of a key is an outage if the ring really lacks it.
    async fn refused_record(
        &self,
        policy: &Policy,
        presented: &Presented,
        reason: Reason,
    ) -> TokensError {
        if reason == Reason::KeyMissing {
            let key = match self.store.find(presented.id()).await {
                Ok(stored) => stored.map(|stored| stored.key),
                Err(error) => return self.outage("find", error),
            };
            return match key.filter(|key| !self.issuer.keys().ids().any(|id| id == *key)) {
                Some(key) => {
                    self.emit(None, What::KeyMissing(key));
                    TokensError::KeyMissing(key)
                }
                None => self.refused(
                    policy,
                    Some(*presented.id()),
                    Rejected::new(Reason::KeyRetired),
                ),
            };
        }
        self.refused(policy, Some(*presented.id()), Rejected::new(reason))
    }

    async fn spend(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
    ) -> Result<Vec<Charge>, TokensError> {
        let charges = charges(policy, binding)?;
        if charges.is_empty() {
            return Ok(charges);
        }
        let spent = self
            .limits
            .spend(&charges, self.now())
            .await
            .map_err(|error| self.outage("spend", error))?;
        let (refused, retry_at) = match spent {
            Spent::Allowed => return Ok(charges),
            Spent::RetryAt(key, at) => (key, Some(at)),
            Spent::Locked(key) => (key, None),
        };
        // Nothing will be evaluated: who hammers a reached limit must not use up the one before it.
        let before = charges.iter().take_while(|charge| charge.key != refused);
        self.give_back(&before.copied().collect::<Vec<_>>(), 1)
            .await;
        let subject = subject_of(binding);
        self.emit(
            subject.as_ref(),
            What::Throttled(policy.purpose().as_str(), retry_at),
        );
        Err(TokensError::Throttled { retry_at })
    }

    fn open(&self, policy: &Policy, stored: Stored) -> Result<Record, TokensError> {
        let (id, key) = (stored.id, stored.key);
        self.issuer
            .open(policy, stored)
            .map_err(|rejected| match rejected.reason() {
                Reason::KeyMissing => {
                    self.emit(None, What::KeyMissing(key));
                    TokensError::KeyMissing(key)
                }
                _ => self.refused(policy, Some(id), rejected),
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

    fn known_once(&self, policy: &Policy) -> Result<(), TokensError> {
        self.known(policy)?;
        match policy.usage() {
            Usage::Once => Ok(()),
            Usage::Bearer => Err(TokensError::Misuse(
                "a bearer token is not redeemed; it authenticates",
            )),
        }
    }

    fn outage(&self, verb: &'static str, error: StoreError) -> TokensError {
        self.emit(None, What::StoreFailed(verb));
        TokensError::Unavailable(error)
    }

    fn refused(&self, policy: &Policy, id: Option<RecordId>, rejected: Rejected) -> TokensError {
        self.emit(
            None,
            What::Refused(*policy.purpose(), id, rejected.reason()),
        );
        TokensError::Rejected(rejected)
    }

    fn emit_of(&self, stored: &Stored, what: What) {
        self.emit(stored.owner().as_ref(), what);
    }
}

/// What a redeem spends: the policy's pace and allowance, counted for the subject, or for the
/// destination where there is no subject.
fn charges(policy: &Policy, binding: &Binding<'_>) -> Result<Vec<Charge>, TokensError> {
    let limits = [("pace", policy.pace()), ("allowance", policy.allowance())];
    let limits = limits
        .into_iter()
        .filter_map(|(name, limit)| limit.map(|limit| (name, *limit)));
    limits
        .map(|(name, limit)| charge(policy, name, limit, binding))
        .collect()
}

/// Whether a refusal compared nothing that was wrong: a key that the ring lacks, or the right token
/// before its decision.
fn counted_nothing(error: &TokensError) -> bool {
    match error {
        TokensError::KeyMissing(_) => true,
        TokensError::Rejected(rejected) => rejected.reason() == Reason::Pending,
        _ => false,
    }
}

fn charge(
    policy: &Policy,
    name: &str,
    limit: Limit,
    binding: &Binding<'_>,
) -> Result<Charge, TokensError> {
    let account = binding.account().ok_or(TokensError::Misuse(
        "a policy with limits needs a subject or a destination to count them for",
    ))?;
    let name = format!("{} {name}", policy.purpose().as_str());
    Ok(Charge {
        key: LimitKey::new(&name, &account),
        limit,
    })
}

fn subject_of(binding: &Binding<'_>) -> Option<Subject> {
    let (tenant, id) = binding.owner()?;
    Subject::new(tenant, id).ok()
}

/// [`Tokens`] whose redeems spend no limits.
pub struct WithoutLimits<'t, S: TokenStore + ?Sized> {
    tokens: &'t Tokens<S>,
    _reason: &'static str,
}

impl<S: TokenStore + ?Sized> WithoutLimits<'_, S> {
    /// Redeems what was presented, at most once.
    ///
    /// # Errors
    /// As [`Tokens::redeem`], without the limits.
    pub async fn redeem(
        &self,
        policy: &Policy,
        presented: &Presented,
    ) -> Result<Record, TokensError> {
        self.tokens.known_once(policy)?;
        self.tokens.redeem_presented(policy, presented).await
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

impl<S> core::fmt::Debug for TokensBuilder<S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TokensBuilder")
            .field("policies", &self.policies)
            .finish_non_exhaustive()
    }
}

impl<S: TokenStore + ?Sized> core::fmt::Debug for WithoutLimits<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WithoutLimits").finish_non_exhaustive()
    }
}
