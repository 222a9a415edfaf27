//! Why a provider did not do its part.

use core::error::Error;

use token_delivery::DeliveryError;
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

/// What became of a message that was not delivered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It was never handed over.
    Nothing,
    /// The far end did not answer.
    Perhaps,
    /// The far end was bothered with it: whoever names such an address pays.
    Tried,
}

impl ProviderError {
    pub(crate) fn sent(&self) -> Sent {
        let Self::Delivery(error) = self else {
            return match self {
                Self::Unavailable(_) => Sent::Perhaps,
                _ => Sent::Nothing,
            };
        };
        match error.downcast_ref() {
            Some(DeliveryError::Unavailable(_)) => Sent::Perhaps,
            Some(
                DeliveryError::KeptBack { .. }
                | DeliveryError::Misconfigured { .. }
                | DeliveryError::NoTemplate { .. }
                | DeliveryError::QueueFull
                | DeliveryError::WrongChannel { .. },
            ) => Sent::Nothing,
            _ => Sent::Tried,
        }
    }
}

/// Why a response did not become a claim.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The code of this counter, which a moment later would be right: the clock of the device is ahead. The
    /// engine moves the factor's counter there before it refuses with `Reason::Ahead`, so that what is said
    /// about the clock makes no guess likelier.
    #[error("the clock of the device is ahead")]
    Ahead(u64),
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

#[cfg(test)]
mod tests {
    use token_delivery::SpendLimit;

    use super::*;

    /// A message that the guard of what they cost kept back bothered nobody: the account pays for no request.
    #[test]
    fn message_kept_back_was_never_sent() {
        let kept_back = DeliveryError::KeptBack {
            limit: SpendLimit::Budget,
            retry_at: None,
        };
        let error = ProviderError::Delivery(kept_back.into());
        assert!(error.sent() == Sent::Nothing);
        let which = "it was offered to somebody";
        let error = ProviderError::Delivery(DeliveryError::Unsendable { which }.into());
        assert!(error.sent() == Sent::Tried);
    }
}
