//! What is delivered.

use ott_core::{Destination, Purpose, Token};

use crate::Notice;

/// A token or a notice on its way to a person: what for, where to, and what.
///
/// It has no field for a free text, a link or a host: those are [`Templates`](crate::Templates),
/// which come from configuration. So nothing of a request can reach a message. `Debug` prints the
/// purpose and the channel alone.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    purpose: &'a Purpose,
    destination: &'a Destination,
    content: Content<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    Token(&'a Token),
    /// With the token of a link to say "this was not me", where the template has one.
    Notice(&'a Notice, Option<&'a Token>),
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
            content: Content::Token(token),
        }
    }

    /// A message that tells news about the account.
    ///
    /// `not_me` is the token of the link by which the person says that it was somebody else. What it
    /// leads to must ask a human before it does anything: scanners open links and press buttons.
    #[must_use]
    pub const fn notice(
        purpose: &'a Purpose,
        destination: &'a Destination,
        notice: &'a Notice,
        not_me: Option<&'a Token>,
    ) -> Self {
        Self {
            purpose,
            destination,
            content: Content::Notice(notice, not_me),
        }
    }

    /// What the token is good for, or what the news is about.
    #[must_use]
    pub const fn purpose(&self) -> &'a Purpose {
        self.purpose
    }

    /// Where the message goes.
    #[must_use]
    pub const fn destination(&self) -> &'a Destination {
        self.destination
    }

    /// The token, where the message carries one; a notice may.
    #[must_use]
    pub const fn token(&self) -> Option<&'a Token> {
        match self.content {
            Content::Token(token) => Some(token),
            Content::Notice(_, not_me) => not_me,
        }
    }

    /// The news, where the message tells some.
    #[must_use]
    pub const fn news(&self) -> Option<&'a Notice> {
        match self.content {
            Content::Token(_) => None,
            Content::Notice(notice, _) => Some(notice),
        }
    }
}
