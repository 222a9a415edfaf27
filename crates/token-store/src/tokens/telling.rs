//! Events and the errors that go with them.

use ott_core::{KeyId, Policy, Presented, Reason, Rejected, Stored, Subject};

use super::rejected;
use crate::{Event, StoreError, TokenStore, Tokens, TokensError, events};

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// An event of this name that happens now, to be filled and [emitted](Tokens::emit).
    #[must_use]
    pub fn event(&self, name: &'static str) -> Event {
        Event::new(self.now(), name)
    }

    /// Gives an event to the sink.
    pub fn emit(&self, event: Event) {
        self.events.emit(event);
    }

    /// An outage, or a misuse that the store found.
    pub(super) fn outage(&self, verb: &'static str, error: StoreError) -> TokensError {
        self.emit(self.event(events::STORE_FAILED).verb(verb));
        error.into()
    }

    pub(super) fn key_missing(&self, key: KeyId) -> TokensError {
        self.emit(self.event(events::KEY_MISSING).key(key));
        TokensError::KeyMissing(key)
    }

    /// A refusal, told with whose it was: guesses spread over accounts show in the events alone. That
    /// nobody decided yet is none: who waits asks again and again.
    pub(super) fn refused(&self, event: Event, reason: Reason) -> TokensError {
        if reason != Reason::Pending {
            self.emit(event.reason(reason));
        }
        rejected(reason)
    }

    /// As [`Tokens::refused`], for a token of this policy.
    pub(super) fn refused_token(
        &self,
        policy: &Policy,
        owner: Option<&Subject>,
        presented: Option<&Presented>,
        reason: Reason,
    ) -> TokensError {
        let event = self.event(events::TOKEN_REFUSED).of(owner);
        let id = presented.map(|presented| *presented.id());
        self.refused(event.purpose(policy.purpose()).record(id), reason)
    }

    /// A refusal by the store. One for want of a key is an outage.
    pub(super) async fn refused_by_store(
        &self,
        policy: &Policy,
        owner: Option<&Subject>,
        presented: &Presented,
        reason: Reason,
    ) -> TokensError {
        if reason != Reason::KeyMissing {
            return self.refused_token(policy, owner, Some(presented), reason);
        }
        let stored = match self.store.find(presented.id()).await {
            Ok(stored) => stored,
            Err(error) => return self.outage("find", error),
        };
        let key = stored.map(|stored| stored.key);
        match key.map(|key| (key, presented.lacks(key))) {
            Some((key, Some(Reason::KeyMissing))) => self.key_missing(key),
            _ => self.refused_token(policy, owner, Some(presented), Reason::KeyRetired),
        }
    }

    pub(super) fn tell(&self, name: &'static str, policy: &Policy, stored: &Stored) {
        let event = self.event(name).tenant(&stored.tenant);
        let event = event.of(stored.owner().as_ref());
        self.emit(event.purpose(policy.purpose()).record(stored.id));
    }

    pub(super) fn malformed(
        &self,
        policy: &Policy,
        owner: Option<&Subject>,
        why: Rejected,
    ) -> TokensError {
        self.refused_token(policy, owner, None, why.reason())
    }
}
