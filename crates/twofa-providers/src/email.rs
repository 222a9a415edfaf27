//! The provider for codes sent by e-mail.

use std::sync::Arc;

use async_trait::async_trait;
use token_delivery::{Delivery, Message};
use token_store::{
    Tokens, What,
    ott_core::{Binding, Channel, Destination, Policy, Reason, Subject},
};
use zeroize::Zeroizing;

use crate::{
    Claim, Context, Descriptor, EnrolDetails, Enrolment, Kind, Occasion, Odds, OpenFactor,
    Provider, ProviderError, Requested, Response, VerifyError,
};

/// Codes sent to an e-mail address of the account.
///
/// Whoever reads the mailbox has the factor, and NIST SP 800-63B-4 (section 3.1.3) does not count
/// e-mail as one: offer it beside a better one, and never for what an e-mail alone could reset.
pub struct EmailProvider {
    descriptor: Descriptor,
    tokens: Arc<Tokens>,
    policy: Policy,
    delivery: Arc<dyn Delivery>,
}

impl EmailProvider {
    /// With a policy that the tokens were built with, such as `Policy::code(Purpose::new("email-code"))`.
    #[must_use]
    pub fn new(tokens: Arc<Tokens>, policy: &Policy, delivery: Arc<dyn Delivery>) -> Self {
        let descriptor = Descriptor {
            kind: Kind::UserToken,
            id: "email",
            label: "E-mail".into(),
            description: "A code sent to your e-mail address".into(),
            request: true,
        };
        Self {
            descriptor,
            tokens,
            policy: *policy,
            delivery,
        }
    }
}

impl core::fmt::Debug for EmailProvider {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EmailProvider")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// What a code is bound to, owned for as long as a binding borrows it.
struct Bound {
    destination: Destination,
    factor: String,
}

impl Bound {
    fn new(factor: &OpenFactor) -> Result<Self, ProviderError> {
        let address = core::str::from_utf8(factor.secret()).map_err(|_| ProviderError::Secret)?;
        let destination = Destination::email(address).map_err(|_| ProviderError::Secret)?;
        Ok(Self {
            destination,
            factor: factor.id().to_string(),
        })
    }

    fn operation(&self, occasion: Occasion) -> [(&str, &str); 2] {
        [("factor", &self.factor), ("occasion", occasion.as_str())]
    }

    fn binding<'b>(
        &'b self,
        context: &Context<'b>,
        operation: &'b [(&'b str, &'b str)],
    ) -> Binding<'b> {
        let binding = Binding::subject(context.subject)
            .destination(&self.destination)
            .operation(operation);
        context.epoch.map_or(binding, |epoch| binding.epoch(epoch))
    }
}

/// Enough of an address to know it again: `a…@example.org`.
fn hint(destination: &Destination) -> Option<String> {
    let (local, domain) = destination.address().split_once('@')?;
    Some(format!("{}…@{domain}", local.chars().next()?))
}

#[async_trait]
impl Provider for EmailProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn enrols(&self) -> bool {
        true
    }

    fn channel(&self) -> Option<Channel> {
        Some(Channel::Email)
    }

    fn destination(&self, factor: &OpenFactor) -> Option<Destination> {
        Some(Bound::new(factor).ok()?.destination)
    }

    fn odds(&self) -> Odds {
        Odds {
            code_space: self.policy.token_format().code_space(),
            valid: 1,
        }
    }

    async fn available(&self, _: &Subject, factors: &[OpenFactor]) -> Result<bool, ProviderError> {
        Ok(!factors.is_empty())
    }

    fn enrol(&self, details: &EnrolDetails<'_>) -> Result<Option<Enrolment>, ProviderError> {
        let email = details
            .destination
            .filter(|destination| destination.channel() == Channel::Email);
        let email = email.ok_or(ProviderError::Misuse(
            "an e-mail factor needs an e-mail address",
        ))?;
        Ok(Some(Enrolment {
            secret: Zeroizing::new(email.address().into()),
            shown: None,
        }))
    }

    async fn request(&self, context: &Context<'_>) -> Result<Requested, ProviderError> {
        let bound = Bound::new(context.enrolled()?)?;
        let operation = bound.operation(context.occasion);
        let binding = bound.binding(context, &operation);
        let issued = match context.handle {
            None => self.tokens.issue(&self.policy, &binding).await?,
            Some(earlier) => self.tokens.resend(&self.policy, &binding, earlier).await?,
        };
        let purpose = self.policy.purpose();
        let delivered = self
            .delivery
            .deliver(&Message::new(purpose, &bound.destination, &issued.token))
            .await;
        if let Err(error) = delivered {
            self.tokens
                .emit(Some(context.subject), What::DeliveryFailed(*purpose));
            return Err(ProviderError::Unavailable(error.into()));
        }
        Ok(Requested {
            handle: Some(issued.handle),
            hint: hint(&bound.destination),
        })
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        // A code without its flow finds nothing to compare with.
        let handle = context.handle.ok_or(Reason::Malformed)?;
        let bound = Bound::new(context.enrolled()?)?;
        let operation = bound.operation(context.occasion);
        let binding = bound.binding(context, &operation);
        let issuer = self.tokens.issuer();
        let presented =
            issuer.present_by_id(&self.policy, handle, &binding, response.text(), context.now)?;
        Ok(Claim::Redeem {
            policy: self.policy,
            presented,
        })
    }
}
