//! What is delivered.

use ott_core::{Destination, Purpose, RecordId, Subject, Token};

use crate::{Language, Notice, Phrase};

/// A token, a notice or a prompt on its way to a person: what for, where to, and what.
///
/// It has no field for a free text, a link or a host: those are [`Templates`](crate::Templates),
/// which come from configuration. So nothing of a request can reach a message. `Debug` prints the
/// purpose and the channel alone.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    purpose: &'a Purpose,
    destination: &'a Destination,
    content: Content<'a>,
    phrase: Option<&'a Phrase>,
    subject: Option<&'a Subject>,
    language: Option<Language>,
}

#[derive(Clone, Copy, Debug)]
enum Content<'a> {
    Token(&'a Token),
    /// With the token of a link to say "this was not me", where the template has one.
    Notice(&'a Notice, Option<&'a Token>),
    /// Its public name, and nothing that decides it.
    Prompt(&'a RecordId),
}

impl<'a> Message<'a> {
    /// A message that carries a token.
    ///
    /// # Security
    /// Read the destination from the account, never from the request that asks for the token.
    #[must_use]
    pub const fn new(purpose: &'a Purpose, destination: &'a Destination, token: &'a Token) -> Self {
        Self::with(purpose, destination, Content::Token(token))
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
        Self::with(purpose, destination, Content::Notice(notice, not_me))
    }

    /// A message that wakes a device: something there waits for a decision. It names the prompt by its public id,
    /// and has neither the number that the waiting side shows nor anything that redeems.
    #[must_use]
    pub const fn prompt(
        purpose: &'a Purpose,
        destination: &'a Destination,
        prompt: &'a RecordId,
    ) -> Self {
        Self::with(purpose, destination, Content::Prompt(prompt))
    }

    const fn with(
        purpose: &'a Purpose,
        destination: &'a Destination,
        content: Content<'a>,
    ) -> Self {
        Self {
            purpose,
            destination,
            content,
            phrase: None,
            subject: None,
            language: None,
        }
    }

    /// Whose message it is: by that a delivery finds the account's language, and the tenant whose turn it is.
    #[must_use]
    pub const fn of(self, subject: &'a Subject) -> Self {
        Self {
            subject: Some(subject),
            ..self
        }
    }

    /// In a language that the caller knows; [`Localized`](crate::Localized) asks the account.
    #[must_use]
    pub const fn in_language(self, language: Option<Language>) -> Self {
        Self { language, ..self }
    }

    /// Whose message it is, where that was said.
    #[must_use]
    pub const fn subject(&self) -> Option<&'a Subject> {
        self.subject
    }

    /// The language, where one was said.
    #[must_use]
    pub const fn language(&self) -> Option<Language> {
        self.language
    }

    /// With the account's anti-phishing code, where it has one.
    ///
    /// # Security
    /// For a destination that the account verified before: see [`Phrase`].
    #[must_use]
    pub const fn with_phrase(self, phrase: Option<&'a Phrase>) -> Self {
        Self { phrase, ..self }
    }

    /// The account's anti-phishing code.
    #[must_use]
    pub const fn phrase(&self) -> Option<&'a Phrase> {
        self.phrase
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
            Content::Prompt(_) => None,
        }
    }

    /// The news, where the message tells some.
    #[must_use]
    pub const fn news(&self) -> Option<&'a Notice> {
        match self.content {
            Content::Token(_) | Content::Prompt(_) => None,
            Content::Notice(notice, _) => Some(notice),
        }
    }

    /// Which prompt waits, where the message wakes a device.
    #[must_use]
    pub const fn waiting(&self) -> Option<&'a RecordId> {
        match self.content {
            Content::Prompt(prompt) => Some(prompt),
            Content::Token(_) | Content::Notice(..) => None,
        }
    }
}
