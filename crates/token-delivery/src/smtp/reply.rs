//! What went wrong on the wire, without the words of the server.

use lettre::transport::smtp::Error as LettreError;

use crate::DeliveryError;

/// The reply code of an SMTP server that refused: a [source](core::error::Error::source) of
/// [`DeliveryError`].
///
/// The words that came with it are thrown away: servers repeat addresses there, and filters repeat
/// what they filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server answered {code}")]
pub struct SmtpReply {
    code: u16,
}

impl SmtpReply {
    /// The three digits (RFC 5321 section 4.2).
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.code
    }

    fn of(error: &LettreError) -> Option<Self> {
        let code = error.status()?.to_string().parse().ok()?;
        Some(Self { code })
    }
}

/// Where in the conversation an error came up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Connecting, greeting, TLS.
    Connect,
    /// Signing in.
    Authenticate,
    /// Handing the message over.
    Send,
}

/// The text of an error that came without words of the server's.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the address is not one that SMTP can carry")]
    Address,
    #[error("the server cannot take an address of this kind")]
    Extension,
    #[error("the operating system gave no random bytes")]
    Random,
    #[error("no answer in time")]
    Timeout,
    #[error("the server's answer cannot be read")]
    Unreadable,
}

/// Sorts an error by what the caller can do about it, and drops every word of the server's.
pub(super) fn sort(error: LettreError, phase: Phase) -> DeliveryError {
    if let Some(reply) = SmtpReply::of(&error) {
        // RFC 4954 section 6: 530 asks for authentication, whatever the command was.
        return match (phase, error.is_permanent()) {
            (Phase::Authenticate, true) => {
                misconfigured("the server refused the credentials", reply)
            }
            (Phase::Send, true) if reply.code == 530 => {
                misconfigured("the server asks for credentials", reply)
            }
            (Phase::Send, true) => DeliveryError::Refused(reply.into()),
            _ => DeliveryError::Unavailable(reply.into()),
        };
    }
    if error.is_client() {
        // lettre's own texts: what the server lacks.
        return match phase {
            Phase::Connect => misconfigured("the server offers no STARTTLS", None),
            Phase::Authenticate => {
                misconfigured("the server offers no password sign-in here", None)
            }
            Phase::Send => DeliveryError::Refused(Fault::Extension.into()),
        };
    }
    if error.is_response() {
        return DeliveryError::Unavailable(Fault::Unreadable.into());
    }
    // Connection, network, TLS: the operating system's and rustls' words.
    DeliveryError::Unavailable(error.into())
}

fn misconfigured(which: &'static str, reply: impl Into<Option<SmtpReply>>) -> DeliveryError {
    DeliveryError::Misconfigured {
        which,
        source: reply.into().map(Into::into),
    }
}
