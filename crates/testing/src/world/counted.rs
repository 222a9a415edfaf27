//! A provider whose compared responses are counted.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use async_trait::async_trait;
use twofa_providers::{
    Asked, Claim, Context, Descriptor, EnrolDetails, Enrolment, Existing, Provider, ProviderError,
    Response, VerifyError,
};

/// Counts the responses that a provider compared.
#[derive(Debug)]
pub struct Counted<P> {
    pub(super) provider: P,
    pub(super) evaluated: Arc<AtomicU64>,
}

#[async_trait]
impl<P: Provider> Provider for Counted<P> {
    fn descriptor(&self) -> &Descriptor {
        self.provider.descriptor()
    }

    fn form(&self, context: &Context<'_>, response: &Response<'_>) -> Result<(), VerifyError> {
        self.provider.form(context, response)
    }

    async fn request(&self, context: &Context<'_>) -> Result<Asked, ProviderError> {
        self.provider.request(context).await
    }

    async fn enrol(
        &self,
        context: &Context<'_>,
        details: &EnrolDetails<'_>,
    ) -> Result<Enrolment, ProviderError> {
        self.provider.enrol(context, details).await
    }

    fn import(&self, existing: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        self.provider.import(existing)
    }

    async fn available(&self, context: &Context<'_>) -> Result<bool, ProviderError> {
        self.provider.available(context).await
    }

    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError> {
        self.evaluated.fetch_add(1, Ordering::Relaxed);
        self.provider.verify(context, response).await
    }
}
