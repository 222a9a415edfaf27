//! The provider for codes that are sent.

use core::fmt;
use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;
use token_delivery::{Delivery, Message};
use token_store::ott_core::{Channel, Destination, Lookup, Policy};

use crate::{
    asked::Asked,
    claim::Claim,
    context::Context,
    descriptor::{Descriptor, Kind, Odds},
    enrolment::{EnrolDetails, Enrolment},
    existing::Existing,
    masked::masked,
    provider::Provider,
    provider_error::{ProviderError, VerifyError},
    response::Response,
};

/// Codes that are sent: by e-mail, by SMS, by any gateway. Each channel, mailbox or gateway is a provider of
/// its own, with an id of its own.
///
/// Whoever reads the mailbox has the factor, and NIST SP 800-63B-4 (section 3.1.3) does not count
/// e-mail as one, and restricts telephones: offer them beside a better one, and never for what an e-mail
/// alone could reset.
pub struct CodeProvider {
    descriptor: Descriptor,
    channel: Channel,
    policy: Policy,
    delivery: Arc<dyn Delivery>,
}

impl CodeProvider {
    /// Codes by e-mail, under a policy that the tokens were built with, such as
    /// `Policy::code(Purpose::new("email-code"))`. Its id is `email`.
    ///
    /// # Errors
    /// [`ProviderError::Misuse`] if the delivery has no template for the policy's purpose, or codes of the
    /// policy are not found by their flow's handle.
    pub fn email(policy: &Policy, delivery: Arc<dyn Delivery>) -> Result<Self, ProviderError> {
        let words = ("email", "E-mail", "A code sent to your e-mail address");
        Self::over(Channel::Email, words, policy, delivery)
    }

    /// Codes by telephone, whatever carries them there. Its id is `phone`.
    ///
    /// # Errors
    /// As [`CodeProvider::email`].
    pub fn phone(policy: &Policy, delivery: Arc<dyn Delivery>) -> Result<Self, ProviderError> {
        let words = ("phone", "Text message", "A code sent to your phone");
        Self::over(Channel::Phone, words, policy, delivery)
    }

    fn over(
        channel: Channel,
        (id, label, description): (&'static str, &'static str, &'static str),
        policy: &Policy,
        delivery: Arc<dyn Delivery>,
    ) -> Result<Self, ProviderError> {
        if !delivery.sends(policy.purpose()) {
            return Err(ProviderError::Misuse(
                "the delivery has no template for the purpose of the codes",
            ));
        }
        if !matches!(policy.token_lookup(), Lookup::ByHandle { .. }) {
            return Err(ProviderError::Misuse(
                "codes that are sent need a policy that `Policy::code` makes",
            ));
        }
        let odds = Odds::of_policy(policy);
        let descriptor = Descriptor::new(Kind::UserToken, id, label, description, odds);
        Ok(Self {
            descriptor: descriptor.requested(policy).over(channel),
            channel,
            policy: *policy,
            delivery,
        })
    }

    /// Under another id: for a second gateway beside the first. Never change it, factors name it.
    #[must_use]
    pub fn id(mut self, id: impl Into<Cow<'static, str>>) -> Self {
        self.descriptor.id = id.into();
        self
    }

    /// Shown in other words.
    #[must_use]
    pub fn words(
        mut self,
        label: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.descriptor.label = label.into();
        self.descriptor.description = description.into();
        self
    }

    fn enrolment(&self, destination: Option<&Destination>) -> Result<Enrolment, ProviderError> {
        let own = destination.filter(|destination| destination.channel() == self.channel);
        let own = own.ok_or(ProviderError::Misuse(
            "codes need a destination of the provider's channel",
        ))?;
        Ok(Enrolment::destination(own))
    }
}

#[async_trait]
impl Provider for CodeProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        context.present(&self.policy, response.one()?).map(drop)
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        context.present(&self.policy, response.one()?)
    }

    async fn request(&self, context: &Context<'_>) -> Result<Asked, ProviderError> {
        let destination = context.destination()?;
        let issued = context.issue(&self.policy, &[]).await?;
        let message = Message::new(self.policy.purpose(), destination, &issued.token);
        let message = message.of(context.subject());
        let delivered = self.delivery.deliver(&message).await;
        delivered.map_err(|error| ProviderError::Delivery(error.into()))?;
        Ok(Asked::sent(issued.handle, masked(destination)))
    }

    async fn enrol(
        &self,
        _: &Context<'_>,
        details: &EnrolDetails<'_>,
    ) -> Result<Enrolment, ProviderError> {
        self.enrolment(details.destination)
    }

    fn import(&self, existing: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        match existing {
            Existing::Destination(destination) => self.enrolment(Some(destination)),
            _ => Err(ProviderError::Misuse("codes need a destination")),
        }
    }
}

impl fmt::Debug for CodeProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeProvider")
            .field("id", &self.descriptor.id)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
