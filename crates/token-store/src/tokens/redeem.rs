//! Redeeming and authenticating: limits first, then the store's one step, then the tag.

use std::sync::Arc;

use ott_core::{
    Binding, Handle, Policy, Presented, Reason, Record, Rejected, Stored, Subject, Usage,
    chrono::TimeDelta,
};

use super::spending::{counted_nothing, subject_of};
use crate::{OpenRedeem, Opened, Redeemed, TokenStore, Tokens, TokensError, Unchecked, What};

/// How often the use of a bearer token is written down at most.
const NOTED_EVERY: TimeDelta = TimeDelta::minutes(1);

impl<S: TokenStore + ?Sized> Tokens<S> {
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

    /// Takes up what was parked under this handle, at most once.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn resume(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
    ) -> Result<Record, TokensError> {
        self.redeem_limited(policy, binding, || {
            self.issuer
                .present_parked(policy, handle, binding, self.now())
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
        let owner = subject_of(binding);
        let presented =
            presented.map_err(|rejected| self.refused(policy, owner.as_ref(), None, rejected))?;
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
                let owner = owner.as_ref();
                let error = self.refused_record(policy, &presented, owner, reason).await;
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
        let refuse = |id, rejected| self.refused(policy, None, id, rejected);
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
        record.authenticate(&presented, now).map_err(|why| {
            // The ring has the key, or the record had not opened: it is past its horizon.
            let retired = why.reason() == Reason::KeyMissing;
            refuse(
                Some(id),
                if retired {
                    Rejected::new(Reason::KeyRetired)
                } else {
                    why
                },
            )
        })?;
        if now.signed_duration_since(last) >= note_after {
            self.store
                .touch(&id, now)
                .await
                .map_err(|error| self.outage("touch", error))?;
        }
        self.emit_of(record.stored(), What::Authenticated(*policy.purpose(), id));
        Ok(Unchecked::new(record, Arc::clone(&self.issuer)))
    }

    async fn redeem_limited(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        present: impl FnOnce() -> Result<Presented, Rejected>,
    ) -> Result<Record, TokensError> {
        self.known_once(policy)?;
        // What cannot be a token is refused before it costs the account anything.
        let owner = subject_of(binding);
        let refuse = |rejected| self.refused(policy, owner.as_ref(), None, rejected);
        let presented = present().map_err(refuse)?;
        let spent = self.spend(policy, binding).await?;
        let redeemed = self
            .redeem_presented(policy, &presented, owner.as_ref())
            .await;
        let times = match &redeemed {
            // A success gives back what its own flow spent, and nothing that others did.
            Ok(record) => record.stored().attempts.max(1),
            Err(error) => u32::from(counted_nothing(error)),
        };
        self.give_back(&spent, times).await;
        redeemed
    }

    async fn redeem_presented(
        &self,
        policy: &Policy,
        presented: &Presented,
        owner: Option<&Subject>,
    ) -> Result<Record, TokensError> {
        let redeemed = self
            .store
            .redeem(presented, self.now())
            .await
            .map_err(|error| self.outage("redeem", error))?;
        match redeemed {
            Redeemed::Redeemed(stored) => self.redeemed(policy, stored),
            Redeemed::Refused(reason) => {
                Err(self.refused_record(policy, presented, owner, reason).await)
            }
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
        owner: Option<&Subject>,
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
                    owner,
                    Some(*presented.id()),
                    Rejected::new(Reason::KeyRetired),
                ),
            };
        }
        self.refused(policy, owner, Some(*presented.id()), Rejected::new(reason))
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
        self.tokens.redeem_presented(policy, presented, None).await
    }
}

impl<S: TokenStore + ?Sized> core::fmt::Debug for WithoutLimits<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WithoutLimits").finish_non_exhaustive()
    }
}
