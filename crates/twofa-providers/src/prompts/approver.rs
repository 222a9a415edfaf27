//! Who decides about a prompt.

use core::fmt;

use token_store::{FactorId, ott_core::Subject};

use crate::sign_in::SignInId;

/// Who decides about a prompt: the person who is signed in there, on one of their devices.
///
/// # Security
/// The sign-in that asked never decides: name yours with [`Approver::sign_in`], and let the attempt name its own. A
/// device that has no key proves by its decision that the application takes this other session for that
/// device, and nothing more.
#[derive(Clone, Copy)]
pub struct Approver<'a> {
    pub(super) subject: &'a Subject,
    pub(super) device: Option<FactorId>,
    pub(super) sign_in: Option<&'a SignInId>,
    pub(super) signature: Option<&'a [u8]>,
}

impl<'a> Approver<'a> {
    /// This person, as the session says in which they decide.
    #[must_use]
    pub const fn new(subject: &'a Subject) -> Self {
        Self {
            subject,
            device: None,
            sign_in: None,
            signature: None,
        }
    }

    /// On this device of theirs: a prompt to another one is refused. A device without a key must be named: the
    /// application says which one this session is.
    #[must_use]
    pub const fn device(self, factor: FactorId) -> Self {
        Self {
            device: Some(factor),
            ..self
        }
    }

    /// In this sign-in. The one that asked is refused ([`Reason::Stranger`](token_store::ott_core::Reason)). Where the
    /// attempt named a sign-in, and the device has no key, name this one.
    #[must_use]
    pub const fn sign_in(self, sign_in: &'a SignInId) -> Self {
        Self {
            sign_in: Some(sign_in),
            ..self
        }
    }

    /// With the signature of that device over the decision: Ed25519, 64 bytes, over
    /// [`PromptView::to_sign`](crate::PromptView::to_sign), which the device makes of what it displays.
    #[cfg(feature = "device-keys")]
    #[must_use]
    pub const fn signed(self, signature: &'a [u8]) -> Self {
        Self {
            signature: Some(signature),
            ..self
        }
    }
}

impl fmt::Debug for Approver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Approver")
            .field("subject", &self.subject)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
