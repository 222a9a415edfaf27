//! Tokens that are found by themselves: the account is loaded inside of the verb, and the binding
//! compared before anything counts.

use core::error::Error;

use ott_core::{OwnedBinding, Policy, Presented, Reason, Record, Rejected};

use super::Verb;
use crate::{Claimed, TokenStore, Tokens, TokensError};

/// What an application's own loading may fail with.
pub(super) type BoxError = Box<dyn Error + Send + Sync>;

impl<S: TokenStore + ?Sized> Tokens<S> {
    /// Redeems a token that is found by itself, at most once: a link.
    ///
    /// `load` is given what the token says of itself, loads that account, and answers with the whole
    /// binding as the account is now: subject, destination, epoch, operation. `None` says that there is
    /// no such account. Only where the binding is right is the token spent.
    ///
    /// ```
    /// # use token_store::{*, ott_core::{Binding, KeyRing, Policy, Purpose, Subject}};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # const RESET: Policy = Policy::link(Purpose::new("password-reset"));
    /// # let tokens = Tokens::builder(KeyRing::generate()?, MemoryStore::new()).policy(&RESET).build()?;
    /// # let alice = Subject::new("", "4711")?;
    /// # async fn epoch_of(_: &Subject) -> Result<u64, std::io::Error> { Ok(7) }
    /// let issued = tokens.issue(&RESET, &Binding::subject(&alice).epoch(7)).await?;
    /// let from_the_link = issued.token.expose_secret();
    /// let record = tokens.redeem_by_itself(&RESET, "", from_the_link, async |claimed: Claimed| {
    ///     let Some(owner) = claimed.owner() else { return Ok(None) };
    ///     let epoch = epoch_of(&owner).await?;
    ///     Ok(Some(Binding::subject(&owner).epoch(epoch).into_owned()))
    /// });
    /// assert_eq!(record.await?.stored().owner(), Some(alice));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Tokens::redeem`], and [`TokensError::Account`] where `load` failed: then nothing was spent.
    pub async fn redeem_by_itself<L, F>(
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
        let presented = self.claim(policy, tenant, presented, load).await?;
        self.redeem_presented(policy, None, &presented).await
    }

    /// What was presented, once its binding is right. Nothing is spent.
    pub(super) async fn claim<L, F>(
        &self,
        policy: &Policy,
        tenant: &str,
        presented: &str,
        load: L,
    ) -> Result<Presented, TokensError>
    where
        L: FnOnce(Claimed) -> F,
        F: Future<Output = Result<Option<OwnedBinding>, BoxError>>,
    {
        self.takes(policy, Verb::ByItself)?;
        let (presented, record) = self.live(policy, tenant, presented).await?;
        self.check(policy, &presented, record, load).await?;
        Ok(presented)
    }

    /// The record that this token proves now, its binding aside. Changes nothing.
    pub(super) async fn live(
        &self,
        policy: &Policy,
        tenant: &str,
        presented: &str,
    ) -> Result<(Presented, Record), TokensError> {
        let now = self.now();
        let issuer = &self.issuer;
        let presented = issuer
            .present_by_itself(policy, tenant, presented, now)
            .map_err(|why| self.malformed(policy, None, why))?;
        let refuse = |reason| self.refused_token(policy, None, Some(&presented), reason);
        let found = self.store.find(presented.id()).await;
        let found = found.map_err(|error| self.outage("find", error))?;
        let stored = found.ok_or_else(|| refuse(Reason::Unknown))?;
        let record = self.open(policy, stored)?;
        record
            .authenticate(&presented, now)
            .map_err(|why: Rejected| refuse(why.reason()))?;
        Ok((presented, record))
    }

    /// Loads the account and compares the whole binding.
    pub(super) async fn check<L, F>(
        &self,
        policy: &Policy,
        presented: &Presented,
        record: Record,
        load: L,
    ) -> Result<Record, TokensError>
    where
        L: FnOnce(Claimed) -> F,
        F: Future<Output = Result<Option<OwnedBinding>, BoxError>>,
    {
        let binding = load(Claimed::new(record.clone())).await;
        let binding = binding.map_err(TokensError::Account)?;
        let checked = match &binding {
            None => Err(Rejected::new(Reason::Binding)),
            Some(binding) => binding.with(|binding| self.issuer.check(&record, binding)),
        };
        checked.map_err(|why| {
            let owner = record.stored().owner();
            self.refused_token(policy, owner.as_ref(), Some(presented), why.reason())
        })?;
        Ok(record)
    }
}
