//! Why a provider did not do its part.

use core::error::Error;

use token_store::{
    TokensError,
    ott_core::{Reason, Rejected},
};

/// Why a provider could not do its part: an outage, or a mistake in the program.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// The delivery did not take the message over.
    #[error("a code was not delivered")]
    Delivery(#[source] Box<dyn Error + Send + Sync>),
    /// The provider was asked for what it does not do, or was set up wrongly.
    #[error("misuse of a provider: {0}")]
    Misuse(&'static str),
    /// What was sealed cannot be a secret of this provider.
    #[error("a factor's secret cannot be read")]
    Secret,
    /// Tokens did not do what was asked.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// Something the provider depends on did not answer.
    #[error("a second factor's provider is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a response did not become a claim.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no such flow: nothing was compared, so it costs nothing.
    #[error("there is no such flow")]
    NoFlow,
    /// Nobody decided yet: ask again later. It costs nothing.
    #[error("nobody decided yet")]
    Pending,
    /// An outage.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// Refused.
    #[error(transparent)]
    Rejected(#[from] Rejected),
}

impl From<Reason> for VerifyError {
    fn from(reason: Reason) -> Self {
        Self::Rejected(Rejected::new(reason))
    }
}

impl From<TokensError> for VerifyError {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::Rejected(rejected) => Self::Rejected(rejected),
            other => Self::Provider(other.into()),
        }
    }
}
