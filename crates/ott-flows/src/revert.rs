//! Links that take a change back.

use core::marker::PhantomData;

use token_delivery::Message;
use token_store::{
    Claimed, RedeemInTransaction, TokenStore,
    ott_core::{Binding, Destination, IssueOptions, Lookup, OwnedBinding, Policy, Subject},
};

use crate::{
    BoxError, Change, FlowError, Flows, Operation, Parameters,
    flow::Kind,
    packed::{Reader, Writer},
    proof::Proven,
};

const REVERT: &str = "flow revert";

/// A link by which whoever had an address before takes a change back: sent to the old address when the change
/// happened, good for as long as its policy says, also after further changes.
///
/// The page that it opens has to ask a person: `GET` gives nothing back, and a scanner presses buttons. The person posts
/// the token from the fragment.
#[derive(Clone, Copy, Debug)]
pub struct Revert<O: Operation> {
    policy: Policy,
    operation: PhantomData<fn() -> O>,
}

impl<O: Operation> Revert<O> {
    /// With a policy of [`Policy::link`] for the operation's purpose, that the tokens know too. Its lifetime is how
    /// long a change can be taken back: 48 hours for [`Hold::DEFAULT`](crate::Hold::DEFAULT).
    ///
    /// # Errors
    /// [`FlowError::Misuse`] for another policy.
    pub fn new(policy: Policy) -> Result<Self, FlowError> {
        if *policy.purpose() != O::PURPOSE || policy.token_lookup() != Lookup::ByItself {
            return Err(FlowError::Misuse(
                "a revert takes a policy of links, of its purpose",
            ));
        }
        Ok(Self {
            policy,
            operation: PhantomData,
        })
    }
}

impl<S: TokenStore + ?Sized> Flows<S> {
    /// Sends the link to the address that the account had. `parameters` say what was before: they are what
    /// [`Flows::revert`] hands out. Call it once the change stands, from a task of its own.
    ///
    /// # Errors
    /// [`FlowError`]; the change stands all the same.
    pub async fn offer_revert<O: Operation>(
        &self,
        revert: &Revert<O>,
        subject: &Subject,
        old: &Destination,
        parameters: &[(&str, &str)],
    ) -> Result<(), FlowError> {
        let kept = Parameters::new(parameters);
        let keys = self.tokens.issuer().keys();
        let fields = Writer::default().destination(old).parameters(&kept);
        let data = fields.seal(keys, subject.tenant(), REVERT)?;
        let binding = Binding::subject(subject)
            .destination(old)
            .operation(parameters);
        let options = IssueOptions {
            data: &data,
            ..IssueOptions::default()
        };
        let issued = self
            .tokens
            .issue_opts(&revert.policy, &binding, options)
            .await?;
        let issued = issued
            .into_iter()
            .next()
            .ok_or(FlowError::Misuse("a batch of one has one"))?;
        let message = Message::new(revert.policy.purpose(), old, &issued.token).of(subject);
        let delivered = self.delivery.deliver(&message).await;
        delivered.map_err(|error| FlowError::Account(error.into()))
    }

    /// Takes the link up, once: what is put back is in the change's parameters.
    ///
    /// # Errors
    /// [`FlowError::Ended`] for a link that is used, over, or none.
    pub async fn revert<O: Operation>(
        &self,
        revert: &Revert<O>,
        tenant: &str,
        presented: &str,
    ) -> Result<Change<O>, FlowError> {
        let mut kept = None;
        let load = async |claimed| self.offered(tenant, &claimed, &mut kept);
        self.tokens
            .redeem_by_itself(&revert.policy, tenant, presented, load)
            .await?;
        self.put_back(kept)
    }

    /// What a link is bound to; what it puts back goes to `kept`.
    fn offered(
        &self,
        tenant: &str,
        claimed: &Claimed,
        kept: &mut Option<(Subject, Parameters)>,
    ) -> Result<Option<OwnedBinding>, BoxError> {
        let Some(owner) = claimed.owner() else {
            return Ok(None);
        };
        let mut fields = Reader::open(self.tokens.issuer().keys(), tenant, REVERT, claimed.data())?;
        let (Some(old), Some(parameters)) = (fields.destination(), fields.parameters()) else {
            return Ok(None);
        };
        let pairs: Vec<_> = parameters.iter().collect();
        let binding = Binding::subject(&owner).destination(&old).operation(&pairs);
        let binding = binding.into_owned();
        *kept = Some((owner, parameters));
        Ok(Some(binding))
    }

    fn put_back<O: Operation>(
        &self,
        kept: Option<(Subject, Parameters)>,
    ) -> Result<Change<O>, FlowError> {
        let (subject, parameters) = kept.ok_or(FlowError::Ended)?;
        let now = self.tokens.now();
        Ok(Change::new(Proven {
            kind: Kind::Account,
            subject,
            epoch: 0,
            holder: String::new(),
            parameters,
            at: now,
            ends: now,
            wrong: 0,
        }))
    }
}

impl<S: RedeemInTransaction + ?Sized> Flows<S> {
    /// As [`Flows::revert`], and hands over the open transaction in which the link was taken up.
    ///
    /// # Errors
    /// As [`Flows::revert`].
    pub async fn revert_in_transaction<O: Operation>(
        &self,
        revert: &Revert<O>,
        tenant: &str,
        presented: &str,
    ) -> Result<(S::Transaction, Change<O>), FlowError> {
        let mut kept = None;
        let load = async |claimed| self.offered(tenant, &claimed, &mut kept);
        let (transaction, _) = self
            .tokens
            .redeem_by_itself_in_transaction(&revert.policy, tenant, presented, load)
            .await?;
        Ok((transaction, self.put_back(kept)?))
    }
}
