//! What a provider found right.

use core::{fmt, future::Future, pin::Pin};

use token_store::ott_core::{Policy, Presented};
use zeroize::Zeroizing;

use crate::provider_error::VerifyError;

pub(crate) type Burning = Pin<Box<dyn Future<Output = Result<(), VerifyError>> + Send>>;

/// What a provider found right, as the steps that make it count. The engine performs them.
///
/// A claim burns at least one thing: there is no constructor for "right, and nothing to burn". A claim
/// of a token comes from [`Context`](crate::Context) alone, which binds it.
#[must_use = "a claim that is dropped proves nothing"]
pub struct Claim {
    pub(crate) token: Option<(Policy, Presented)>,
    pub(crate) elsewhere: Option<Burning>,
    pub(crate) counter: Option<u64>,
    pub(crate) secret: Option<Zeroizing<Vec<u8>>>,
}

impl Claim {
    const NOTHING: Self = Self {
        token: None,
        elsewhere: None,
        counter: None,
        secret: None,
    };

    /// The code of this counter: the factor's counter goes there, only forward.
    pub fn advance(counter: u64) -> Self {
        Self {
            counter: Some(counter),
            ..Self::NOTHING
        }
    }

    /// What something else than the engine's stores burns: another company's server, a table of the
    /// application. The engine runs `burn` after the limits were spent, once.
    ///
    /// `burn` must itself be one step that succeeds once for one response.
    pub fn elsewhere(burn: impl Future<Output = Result<(), VerifyError>> + Send + 'static) -> Self {
        Self {
            elsewhere: Some(Box::pin(burn)),
            ..Self::NOTHING
        }
    }

    /// And what must hold once the token is burnt.
    pub(crate) fn and_elsewhere(
        self,
        burn: impl Future<Output = Result<(), VerifyError>> + Send + 'static,
    ) -> Self {
        Self {
            elsewhere: Some(Box::pin(burn)),
            ..self
        }
    }

    /// The counter, where nothing else is burnt or kept.
    pub(crate) const fn counter_alone(&self) -> Option<u64> {
        match self {
            Self {
                token: None,
                elsewhere: None,
                counter,
                secret: None,
            } => *counter,
            _ => None,
        }
    }

    pub(crate) fn redeem(policy: &Policy, presented: Presented) -> Self {
        Self {
            token: Some((*policy, presented)),
            ..Self::NOTHING
        }
    }

    /// And the factor's counter goes here, only forward.
    pub fn and_advance(self, counter: u64) -> Self {
        Self {
            counter: Some(counter),
            ..self
        }
    }

    /// And the factor keeps this from now on in place of its secret: a credential that came with the
    /// answer, or one that changed. It is sealed.
    pub fn keeping(self, secret: Zeroizing<Vec<u8>>) -> Self {
        Self {
            secret: Some(secret),
            ..self
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("token", &self.token.is_some())
            .field("elsewhere", &self.elsewhere.is_some())
            .field("counter", &self.counter)
            .field("keeping", &self.secret.is_some())
            .finish()
    }
}
