//! What is delivered.

use ott_core::{Destination, Purpose, Token};

/// A token on its way to a person: what for, where to, and the token.
///
/// It has no field for a free text, a link or a host: those are [`Templates`](crate::Templates),
/// which come from configuration. So nothing of a request can reach a message. `Debug` prints the
/// purpose and the channel alone.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    purpose: &'a Purpose,
    destination: &'a Destination,
    token: &'a Token,
}

impl<'a> Message<'a> {
    /// A message that carries a token.
    ///
    /// # Security
    /// Read the destination from the account, never from the request that asks for the token.
    #[must_use]
    pub const fn new(purpose: &'a Purpose, destination: &'a Destination, token: &'a Token) -> Self {
        Self {
            purpose,
            destination,
            token,
        }
    }

    /// What the token is good for.
    #[must_use]
    pub const fn purpose(&self) -> &'a Purpose {
        self.purpose
    }

    /// Where the message goes.
    #[must_use]
    pub const fn destination(&self) -> &'a Destination {
        self.destination
    }

    /// The token, where the message carries one; news about an account carry none.
    #[must_use]
    pub const fn token(&self) -> Option<&'a Token> {
        Some(self.token)
    }
}
