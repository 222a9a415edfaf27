//! Redeeming and applying in one transaction of the application's database.

use ott_core::{Binding, Handle, OwnedBinding, Policy, Presented, Record, Rejected, Subject};

use super::{
    Verb,
    by_itself::BoxError,
    spending::{given_back, subject_of},
};
use crate::{Claimed, InTransaction, RedeemInTransaction, Tokens, TokensError};

/// Each verb hands over the open transaction in which it redeemed, so that redeeming and applying
/// commit together. Dropping the transaction leaves the token unspent. A refusal is committed before
/// it is returned. What was spent of the policy's limits stays spent, also by a success.
impl<S: RedeemInTransaction + ?Sized> Tokens<S> {
    /// As [`Tokens::redeem`], and hands over the open transaction.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn redeem_in_transaction(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
        typed: &str,
    ) -> Result<(S::Transaction, Record), TokensError> {
        self.takes(policy, Verb::Redeem)?;
        let issuer = &self.issuer;
        let presented = issuer.present_by_handle(policy, handle, binding, typed, self.now());
        self.limited_in_transaction(policy, binding, presented)
            .await
    }

    /// As [`Tokens::redeem_by_subject`], and hands over the open transaction.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn redeem_by_subject_in_transaction(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        typed: &str,
    ) -> Result<(S::Transaction, Record), TokensError> {
        self.takes(policy, Verb::BySubject)?;
        let issuer = &self.issuer;
        let presented = issuer.present_by_subject(policy, binding, typed, self.now());
        self.limited_in_transaction(policy, binding, presented)
            .await
    }

    /// As [`Tokens::redeem_by_itself`], and hands over the open transaction: a link and the change that
    /// it allows. The account is loaded before the transaction begins.
    ///
    /// # Errors
    /// As [`Tokens::redeem_by_itself`].
    pub async fn redeem_by_itself_in_transaction<L, F>(
        &self,
        policy: &Policy,
        tenant: &str,
        presented: &str,
        load: L,
    ) -> Result<(S::Transaction, Record), TokensError>
    where
        L: FnOnce(Claimed) -> F,
        F: Future<Output = Result<Option<OwnedBinding>, BoxError>>,
    {
        let presented = self.claim(policy, tenant, presented, load).await?;
        self.open_transaction(policy, None, &presented).await
    }

    /// As [`Tokens::resume`], and hands over the open transaction.
    ///
    /// # Errors
    /// As [`Tokens::redeem`].
    pub async fn resume_in_transaction(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
    ) -> Result<(S::Transaction, Record), TokensError> {
        self.takes(policy, Verb::Resume)?;
        let issuer = &self.issuer;
        let presented = issuer.present_parked(policy, handle, binding, self.now());
        self.limited_in_transaction(policy, binding, presented)
            .await
    }

    async fn limited_in_transaction(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        presented: Result<Presented, Rejected>,
    ) -> Result<(S::Transaction, Record), TokensError> {
        let owner = subject_of(binding);
        let presented = presented.map_err(|why| self.malformed(policy, owner.as_ref(), why))?;
        let spent = self.spend_guess(policy, binding).await?;
        let opened = self
            .open_transaction(policy, owner.as_ref(), &presented)
            .await;
        if let Err(error) = &opened {
            self.give_back(&spent, given_back(policy, error)).await;
        }
        // A success gives nothing back: the limits may wait for the very writer that is open now.
        opened
    }

    pub(super) async fn open_transaction(
        &self,
        policy: &Policy,
        owner: Option<&Subject>,
        presented: &Presented,
    ) -> Result<(S::Transaction, Record), TokensError> {
        let opened = self
            .store
            .redeem_in_transaction(presented, self.now())
            .await;
        match opened.map_err(|error| self.outage("redeem", error))? {
            InTransaction::Redeemed(transaction, stored) => {
                Ok((transaction, self.redeemed(policy, stored)?))
            }
            InTransaction::Refused(reason) => Err(self
                .refused_by_store(policy, owner, presented, reason)
                .await),
        }
    }
}
