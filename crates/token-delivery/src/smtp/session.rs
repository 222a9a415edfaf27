//! A connection that is ready for messages, one after the other.

use zeroize::Zeroizing;

use super::{
    auth::SignIn,
    offers::Offers,
    reply::{Broken, Phase, Reply},
    wire::Wire,
};
use crate::DeliveryError;

/// What a message needs on its way, and its bytes.
pub(super) struct Mail<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// Lines that end with CR LF.
    pub(super) message: &'a [u8],
}

/// A message that did not go out.
pub(super) struct NotSent {
    pub(super) error: DeliveryError,
    /// Whether the server got nothing of the message, and the connection or what the server kept of it is to blame.
    pub(super) again: bool,
}

/// A connection, greeted, protected and signed in.
pub(super) struct Session {
    wire: Wire,
    offers: Offers,
}

impl Session {
    pub(super) fn new(wire: Wire, offers: Offers) -> Self {
        Self { wire, offers }
    }

    pub(super) async fn sign_in(
        &mut self,
        sign_in: &SignIn,
        server: (&str, u16),
    ) -> Result<(), DeliveryError> {
        sign_in.sign_in(&mut self.wire, &self.offers, server).await
    }

    /// Whether the server still answers, and with what was asked for: a farewell that came meanwhile (421) is read here.
    pub(super) async fn is_alive(&mut self) -> bool {
        matches!(self.wire.command("NOOP").await, Ok(reply) if reply.class() == 2)
    }

    /// Hands one message over. After an error the connection must not be used again.
    ///
    /// Specification: RFC 5321 section 3.3; RFC 6531 section 3.4 for `SMTPUTF8`.
    pub(super) async fn send(&mut self, mail: &Mail<'_>) -> Result<(), NotSent> {
        let mut parameters = "";
        // Domains are ASCII already.
        if !mail.to.is_ascii() {
            if !self.offers.smtputf8() {
                let which = "the server takes no address whose part before the `@` is not ASCII";
                return Err(NotSent {
                    error: DeliveryError::Unsendable { which },
                    again: false,
                });
            }
            parameters = " BODY=8BITMIME SMTPUTF8";
        }
        let from = format!("MAIL FROM:<{}>{parameters}", mail.from);
        // A server that forgot who signed in, or had enough of this connection, says so here.
        self.step(&from, 2, true).await?;
        self.step(&format!("RCPT TO:<{}>", mail.to), 2, false)
            .await?;
        self.step("DATA", 3, false).await?;
        let handed_over = self.hand_over(mail.message).await;
        handed_over.map_err(|error| NotSent {
            error,
            again: false,
        })
    }

    /// Says a command whose reply must be of a class.
    async fn step(&mut self, line: &str, class: u16, blames_session: bool) -> Result<(), NotSent> {
        match self.wire.command(line).await {
            Ok(reply) if reply.class() == class => Ok(()),
            Ok(reply) => Err(NotSent {
                error: reply.error(Phase::Send),
                again: blames_session || ends_session(&reply),
            }),
            Err(broken) => Err(NotSent {
                error: broken.into(),
                again: true,
            }),
        }
    }

    async fn hand_over(&mut self, message: &[u8]) -> Result<(), DeliveryError> {
        self.wire.write(&stuffed(message)).await?;
        let reply: Result<Reply, Broken> = self.wire.reply().await;
        let reply = reply?;
        if reply.class() == 2 {
            Ok(())
        } else {
            Err(reply.error(Phase::Send))
        }
    }

    /// Says good-bye, and does not wait for an answer.
    pub(super) async fn leave(mut self) {
        // Who does not hear it finds the connection closed.
        let _ = self.wire.say("QUIT").await;
    }
}

/// Whether the server closes the connection (421, RFC 5321 section 3.8), or answers something else than what was said.
const fn ends_session(reply: &Reply) -> bool {
    reply.code() == 421 || reply.class() < 4
}

/// The message with its end: a dot in front of each line that begins with one, and a dot alone.
///
/// Specification: RFC 5321 section 4.5.2.
fn stuffed(message: &[u8]) -> Zeroizing<Vec<u8>> {
    // A vector that grows leaves what it held behind.
    let most = message.len().saturating_mul(2).saturating_add(5);
    let mut out = Zeroizing::new(Vec::with_capacity(most));
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
