//! One way to prove a second factor: it decides, the engine writes.

use async_trait::async_trait;

use crate::{
    asked::Asked,
    claim::Claim,
    context::Context,
    descriptor::Descriptor,
    enrolment::{EnrolDetails, Enrolment},
    existing::Existing,
    provider_error::{ProviderError, VerifyError},
    response::Response,
};

/// One way to prove a second factor.
///
/// Two methods are required. A provider changes nothing when it verifies: it answers with a [`Claim`],
/// and the engine burns what the claim names. So a new provider cannot forget to. What it needs of
/// tokens it does through its [`Context`], which binds them. `docs/own-provider.md` writes one.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What it is.
    fn descriptor(&self) -> &Descriptor;

    /// Whether the response is right, as a claim of what to burn. Changes nothing.
    ///
    /// # Errors
    /// [`VerifyError`]: refused, nobody decided yet, or an outage.
    async fn verify(
        &self,
        context: &Context<'_>,
        response: &Response<'_>,
    ) -> Result<Claim, VerifyError>;

    /// Whether the response could be an answer, by its form alone. What is refused here is free; what
    /// [`Provider::verify`] refuses is paid for. Compares nothing that is secret, and asks nobody.
    ///
    /// # Errors
    /// [`VerifyError::Rejected`], with `Reason::Malformed`, or with `Reason::NotBefore` where no answer would be right.
    /// The default refuses nothing.
    fn form(&self, _: &Context<'_>, _: &Response<'_>) -> Result<(), VerifyError> {
        Ok(())
    }

    /// Sends or shows what the person needs to answer, where the descriptor says `request`.
    ///
    /// # Errors
    /// [`ProviderError`]. The default refuses.
    async fn request(&self, _: &Context<'_>) -> Result<Asked, ProviderError> {
        Err(ProviderError::Misuse("there is nothing to ask for"))
    }

    /// Starts a factor: its secret, and what to show of it. The context names the factor's id, and its
    /// occasion is to confirm.
    ///
    /// # Errors
    /// [`ProviderError`]. The default refuses.
    async fn enrol(
        &self,
        _: &Context<'_>,
        _: &EnrolDetails<'_>,
    ) -> Result<Enrolment, ProviderError> {
        Err(ProviderError::Misuse("there is nothing to enrol"))
    }

    /// What to keep of a factor that another system enrolled.
    ///
    /// # Errors
    /// [`ProviderError::Misuse`] for what this provider cannot verify. The default refuses.
    fn import(&self, _: &Existing<'_>) -> Result<Enrolment, ProviderError> {
        Err(ProviderError::Misuse("this provider takes nothing over"))
    }

    /// Whether the subject could use it now. Where factors are proved, the engine asks only if one is
    /// active; the context opens none.
    ///
    /// # Errors
    /// [`ProviderError`] is an outage, never a shorter list. The default is always.
    async fn available(&self, _: &Context<'_>) -> Result<bool, ProviderError> {
        Ok(true)
    }
}
