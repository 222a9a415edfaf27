//! Codes of an authenticator app, where nobody is told that a clock is ahead.

use async_trait::async_trait;
use twofa_providers::{
    Claim, Context, Descriptor, Enrolment, Existing, Provider, ProviderError, Response,
    TotpProvider, VerifyError, token_store::ott_core::Reason,
};

/// A [`TotpProvider`] whose refusal of a code that comes a step too early is one like any other. A contract that has no
/// words for it would burn the code for nothing: here it stays good for its own time.
#[derive(Debug)]
pub struct QuietTotp(pub TotpProvider);

#[async_trait]
impl Provider for QuietTotp {
    fn descriptor(&self) -> &Descriptor {
        self.0.descriptor()
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        self.0.form(context, response)
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        match self.0.verify(context, response).await {
            Err(VerifyError::Ahead(_)) => Err(Reason::Mismatch.into()),
            verified => verified,
        }
    }

    fn import(&self, existing: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        self.0.import(existing)
    }
}
