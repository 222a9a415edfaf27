//! A provider that finds right what a test tells it to.

use async_trait::async_trait;
use twofa_providers::{
    Asked, Claim, Context, Descriptor, EnrolDetails, Enrolment, Provider, ProviderError, Response,
    Show, VerifyError, token_store::ott_core::Policy,
};

type Verify = dyn Fn(&Context<'_>, &Response<'_>) -> Result<Claim, VerifyError> + Send + Sync;
type Answer = dyn Fn(Claim, &Response<'_>) -> Result<Claim, VerifyError> + Send + Sync;

pub(crate) struct Told {
    descriptor: Descriptor,
    verify: Box<Verify>,
    parking: Option<(Policy, Box<Answer>)>,
}

impl Told {
    pub(crate) fn new(
        descriptor: Descriptor,
        verify: impl Fn(&Context<'_>, &Response<'_>) -> Result<Claim, VerifyError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            descriptor,
            verify: Box::new(verify),
            parking: None,
        }
    }

    /// It parks a question under this policy, and answers with what ends that.
    pub(crate) fn parking(
        self,
        policy: Policy,
        answer: impl Fn(Claim, &Response<'_>) -> Result<Claim, VerifyError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            parking: Some((policy, Box::new(answer))),
            ..self
        }
    }
}

#[async_trait]
impl Provider for Told {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        match &self.parking {
            None => (self.verify)(context, response),
            Some((policy, answer)) => {
                let (found, ends) = context.parked(policy).await?;
                assert_eq!(found.stored().data, b"question");
                answer(ends, response)
            }
        }
    }

    async fn request(&self, context: &Context<'_>) -> Result<Asked, ProviderError> {
        let (policy, _) = self.parking.as_ref().expect("it parks");
        let parked = context.park(policy, b"question").await?;
        let show = match parked.record.stored().number {
            Some(number) => Show::Number(number),
            None => Show::Question("question".into()),
        };
        Ok(Asked::showing(parked.handle, show))
    }

    async fn enrol(
        &self,
        _: &Context<'_>,
        _: &EnrolDetails<'_>,
    ) -> Result<Enrolment, ProviderError> {
        Ok(Enrolment::default())
    }
}
