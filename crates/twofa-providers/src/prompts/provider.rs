//! The provider of prompts.

use core::fmt;

use async_trait::async_trait;
use token_store::{
    Revoke,
    ott_core::{Channel, Destination, Parked, Reason, State},
};

use super::{Answer, Prompts, Question, device};
use crate::{
    asked::{Asked, Show},
    claim::Claim,
    context::{Context, Occasion},
    descriptor::{Descriptor, Kind, Odds},
    enrolment::{EnrolDetails, Enrolment},
    existing::Existing,
    open_factor::OpenFactor,
    provider::Provider,
    provider_error::{ProviderError, Sent, VerifyError},
    response::Response,
};

pub(super) struct PromptProvider {
    prompts: Prompts,
    descriptor: Descriptor,
}

impl PromptProvider {
    pub(super) fn new(prompts: &Prompts) -> Self {
        let words = prompts.words.clone();
        // The bound counts what an attacker guesses, who answers no prompt. What a person answers who answers whatever comes
        // up is counted by `PromptLimits`: the figures are in ADR 0053.
        let odds = Odds::NOT_GUESSED;
        let kind = Kind::RequestToken;
        let descriptor = Descriptor::new(kind, words.id, words.label, words.description, odds);
        Self {
            descriptor: Descriptor {
                asks_every_factor: prompts.every_device,
                ..descriptor.requested(&prompts.policy).over(Channel::Device)
            },
            prompts: prompts.clone(),
        }
    }

    async fn ask(&self, context: &Context<'_>) -> Result<Parked, ProviderError> {
        let device = context.factor().ok();
        let own = |(name, value): &(&str, &str)| (String::from(*name), String::from(*value));
        let question = Question {
            device: device.map(OpenFactor::id),
            confirms: context.occasion == Occasion::Confirm,
            sign_in: context.sign_in.cloned(),
            network: context.network,
            origin: context.origin.unwrap_or_default().to_owned(),
            operation: context.operation.iter().map(own).collect(),
            asker: None,
        };
        let policy = &self.prompts.policy;
        let parked = context.park(policy, &question.to_bytes()).await?;
        let id = *parked.record.id();
        // A report that came since this was paid for ended what it found: this one it did not find.
        let reported = self.prompts.check_report(context.subject()).await;
        let woken = match reported {
            Ok(()) => self.prompts.wake_all(context.subject(), device, &id).await,
            Err(error) => Err(error.into()),
        };
        if woken.is_err() {
            // Nobody gets its handle, so nobody should be asked. That this fails, too, is told to the events.
            let own = Revoke::own(context.subject(), id);
            let _ = context.tokens.revoke(&own).await;
        }
        woken.map(|()| parked)
    }

    fn enrolment(
        &self,
        destination: Option<&Destination>,
        brought: Option<&str>,
    ) -> Result<Enrolment, ProviderError> {
        if destination.is_some_and(|destination| destination.channel() != Channel::Device) {
            return Err(ProviderError::Misuse("a prompt goes to a device"));
        }
        if brought.is_none() && self.prompts.keys_only {
            return Err(ProviderError::Misuse(
                "a device brings its public key: `EnrolDetails::brought`",
            ));
        }
        let key = brought.map(device::brought).transpose()?;
        let mut enrolment = Enrolment::secret(device::secret(key.as_ref()));
        enrolment.destination = destination.cloned();
        Ok(enrolment)
    }
}

#[async_trait]
impl Provider for PromptProvider {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn verify(&self, context: &Context<'_>, _: &Response<'_>) -> Result<Claim, VerifyError> {
        let policy = &self.prompts.policy;
        let (found, ends) = context.parked(policy).await?;
        let stored = found.stored();
        let question = Question::from_bytes(&stored.data).ok_or(Reason::TagForged)?;
        let device = context.factor()?;
        // What somebody else asked is no sign-in of this person.
        if question.asker.is_some() {
            return Err(VerifyError::NoFlow);
        }
        // Another device was asked, or another of those that were asked decided: the proof is that one's.
        if question.device.is_some_and(|asked| asked != device.id()) {
            return Err(VerifyError::NoFlow);
        }
        let ends = match question.device {
            Some(_) => ends,
            None => context.of_no_factor().parked(policy).await?.1,
        };
        if let Some(decision) = &stored.decision {
            let answer = Answer::from_bytes(&decision.data).ok_or(Reason::DecisionForged)?;
            if question.device.is_none() && answer.device != device.id() {
                return Err(VerifyError::NoFlow);
            }
            let subject = context.subject();
            self.prompts.stands(stored, &question, device, subject)?;
        } else if stored.state == State::Denied {
            // Nobody decided: the row was edited.
            return Err(Reason::DecisionForged.into());
        }
        // Denied, expired, spent: the record says so as it is burnt.
        Ok(ends)
    }

    async fn request(&self, context: &Context<'_>) -> Result<Asked, ProviderError> {
        let known = context.known_device;
        let paid = self.prompts.pay(context.subject(), known).await?;
        match self.ask(context).await {
            Ok(parked) => {
                let show = parked.record.stored().number.map(Show::Number);
                Ok(Asked {
                    show,
                    ..Asked::sent(parked.handle, None)
                })
            }
            Err(error) => {
                if error.sent() == Sent::Nothing {
                    self.prompts.rows.give_back(&[paid], 1).await;
                }
                Err(error)
            }
        }
    }

    async fn enrol(
        &self,
        _: &Context<'_>,
        details: &EnrolDetails<'_>,
    ) -> Result<Enrolment, ProviderError> {
        self.enrolment(details.destination, details.brought)
    }

    fn import(&self, existing: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        match existing {
            Existing::Destination(destination) => self.enrolment(Some(destination), None),
            _ => Err(ProviderError::Misuse("a prompt needs a device")),
        }
    }
}

impl fmt::Debug for PromptProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromptProvider")
            .field("prompts", &self.prompts)
            .finish_non_exhaustive()
    }
}
