//! Redeeming: limits first, then the store's one step, then the tag.

use ott_core::{Binding, Handle, Policy, Presented, Record, Rejected, Stored, Subject};

use super::{
    Verb,
    spending::{cost, given_back, subject_of},
};
use crate::{Charged, Redeemed, Revoke, TokenStore, Tokens, TokensError, events};

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// Redeems the token of this flow, at most once.
    ///
    /// Of any number of concurrent calls, at most one succeeds. The binding is what the server
    /// knows, never what the request says.
    ///
    /// Where the store charges in the step of the redeem ([`TokenStore::charged`]), only what failed is charged. Elsewhere a try that is
    /// given back, as that of a handle that finds nothing, is paid first and returned after the store
    /// answered. If this future is dropped in between, it stays paid: run it in a task of its own where a server
    /// drops the requests of clients that hang up.
    ///
    /// # Errors
    /// [`TokensError`]: a refusal, a limit, an outage, or misuse. After an outage the token may be spent.
    pub async fn redeem(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
        typed: &str,
    ) -> Result<Record, TokensError> {
        self.takes(policy, Verb::Redeem)?;
        let issuer = &self.issuer;
        let presented = issuer.present_by_handle(policy, handle, binding, typed, self.now());
        let presented = self.well_formed(policy, binding, presented)?;
        self.redeem_limited(policy, binding, &presented, &[]).await
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
        self.takes(policy, Verb::BySubject)?;
        let issuer = &self.issuer;
        let presented = issuer.present_by_subject(policy, binding, typed, self.now());
        let presented = self.well_formed(policy, binding, presented)?;
        self.redeem_limited(policy, binding, &presented, &[]).await
    }

    /// Takes up what was parked under this handle, at most once.
    ///
    /// While a record waits for its decision this is refused, with
    /// [`TokensError::is_pending`], and costs nothing.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn resume(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
    ) -> Result<Record, TokensError> {
        self.takes(policy, Verb::Resume)?;
        let issuer = &self.issuer;
        let presented = issuer.present_parked(policy, handle, binding, self.now());
        let presented = self.well_formed(policy, binding, presented)?;
        self.redeem_limited(policy, binding, &presented, &[]).await
    }

    /// What cannot be a token is refused before it costs the account anything.
    pub(super) fn well_formed(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        presented: Result<Presented, Rejected>,
    ) -> Result<Presented, TokensError> {
        let owner = subject_of(binding);
        presented.map_err(|why| self.malformed(policy, owner.as_ref(), why))
    }

    /// What is `earned` is inserted in the step of the redeem: only where the store [charges](Tokens::charged) is there any.
    pub(super) async fn redeem_limited(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        presented: &Presented,
        earned: &[Record],
    ) -> Result<Record, TokensError> {
        let owner = subject_of(binding);
        if let Some(store) = self.charged() {
            let charges = self.guess(policy, binding)?;
            let cost = cost(policy, &charges);
            let now = self.now();
            let told = store.redeem_charged(presented, cost, earned, now).await;
            let answer = match told.map_err(|error| self.outage("redeem", error))? {
                Charged::Refused(spent) => return Err(self.limited(policy, binding, spent, now)),
                Charged::Answered(answer) => answer,
            };
            let is_spent = matches!(answer, Redeemed::Redeemed(_));
            let told = self.answered(policy, owner.as_ref(), presented, answer);
            let told = told.await;
            if is_spent && told.is_err() {
                self.take_back(earned).await;
            }
            return told;
        }
        let spent = self.spend_guess(policy, binding).await?;
        let redeemed = self
            .redeem_presented(policy, owner.as_ref(), presented)
            .await;
        let times = match &redeemed {
            // A success gives back what its own flow spent, and nothing that others did.
            Ok(record) => record.stored().attempts.max(1),
            Err(error) => given_back(policy, error),
        };
        self.give_back(&spent, times).await;
        redeemed
    }

    pub(super) async fn redeem_presented(
        &self,
        policy: &Policy,
        owner: Option<&Subject>,
        presented: &Presented,
    ) -> Result<Record, TokensError> {
        let redeemed = self.store.redeem(presented, self.now()).await;
        let redeemed = redeemed.map_err(|error| self.outage("redeem", error))?;
        self.answered(policy, owner, presented, redeemed).await
    }

    /// Revokes what was earned by a record that somebody edited. Nobody has its tokens; an outage leaves them in their owner's list.
    async fn take_back(&self, earned: &[Record]) {
        for record in earned {
            let revoked = self.store.revoke(&Revoke::Record(*record.id())).await;
            if revoked.is_err() {
                self.emit(self.event(events::STORE_FAILED).verb("revoke"));
            }
        }
    }

    async fn answered(
        &self,
        policy: &Policy,
        owner: Option<&Subject>,
        presented: &Presented,
        redeemed: Redeemed,
    ) -> Result<Record, TokensError> {
        match redeemed {
            Redeemed::Redeemed(stored) => self.redeemed(policy, stored),
            Redeemed::Refused(reason) => Err(self
                .refused_by_store(policy, owner, presented, reason)
                .await),
        }
    }

    pub(super) fn redeemed(&self, policy: &Policy, stored: Stored) -> Result<Record, TokensError> {
        let record = self.open(policy, stored)?;
        self.tell(events::TOKEN_REDEEMED, policy, record.stored());
        Ok(record)
    }
}
