//! What is issued.

use token_store::{
    Answer, TokensError,
    ott_core::{
        InvalidName, Subject, Token,
        chrono::{DateTime, Utc},
        is_hidden,
    },
};

use crate::{Facts, NoScope, Proved, Scope, Scopes, details::Details};

/// The longest name that an owner gives a token, in characters.
const LONGEST_NAME: usize = 64;

/// A token that is to be issued.
#[derive(Clone, Debug)]
pub struct New<'a, S = NoScope> {
    pub(crate) subject: &'a Subject,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) details: Details<S>,
}

/// A token that was issued just now.
#[derive(Debug)]
pub struct Issued<S = NoScope> {
    /// Its text: show it once.
    pub token: Token,
    /// What is known of it.
    pub facts: Facts<S>,
}

/// Why no token was issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewError {
    /// An end that has passed, or that is later than the kind allows.
    #[error("a token ends in the future, and within the lifetime of its kind")]
    End,
    /// A name that cannot be one.
    #[error("a name has 1 to 64 characters that are seen")]
    Name(#[from] InvalidName),
    /// Refused, an outage or a misuse. That the account may have no tokens is [`Reason::Binding`](token_store::ott_core::Reason::Binding).
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// The owner has as many live tokens of this kind as [`Kind::at_most`](crate::Kind::at_most) lets them: they revoke one
    /// first.
    #[error("the owner has as many tokens of this kind as one may have")]
    TooMany,
}

/// An end and a name that cannot be one, and one token too many, are a conflict, as names of factors are.
impl From<NewError> for Answer {
    fn from(error: NewError) -> Self {
        match error {
            NewError::End | NewError::Name(_) | NewError::TooMany => Self::Conflict,
            NewError::Tokens(error) => error.answer(),
        }
    }
}

impl<'a, S: Scope> New<'a, S> {
    /// A token of this subject, without a name and without scopes, which ends as its kind says.
    #[must_use]
    pub const fn of(subject: &'a Subject) -> Self {
        let details = Details {
            name: None,
            scopes: Scopes::none(),
            proved: None,
            network: None,
            other: None,
        };
        Self {
            subject,
            expires_at: None,
            details,
        }
    }

    /// What its owner calls it.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.details.name = Some(name.into());
        self
    }

    /// It may do this too.
    #[must_use]
    pub fn scope(mut self, scope: S) -> Self {
        self.details.scopes = self.details.scopes.iter().chain([scope]).collect();
        self
    }

    /// It may do these, and nothing else.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes<S>) -> Self {
        self.details.scopes = scopes;
        self
    }

    /// It ends then, earlier than its kind says.
    #[must_use]
    pub fn expires_at(self, time: DateTime<Utc>) -> Self {
        Self {
            expires_at: Some(time),
            ..self
        }
    }

    /// So its owner proved who they are.
    #[must_use]
    pub fn proved(mut self, proved: Proved) -> Self {
        self.details.proved = Some(proved);
        self
    }

    /// It is made from this class of networks, as the application names them: a country, a provider, an office.
    #[must_use]
    pub fn made_from(mut self, network: &str) -> Self {
        self.details.network = Some(network.into());
        self
    }
}

/// Whether this can be a name, or a class of networks.
pub(crate) fn check_text(name: &str) -> Result<(), InvalidName> {
    let length = name.chars().count();
    let unseen = |c: char| c.is_control() || is_hidden(c);
    if !(1..=LONGEST_NAME).contains(&length) || name.chars().any(unseen) || name.trim().is_empty() {
        return Err(InvalidName);
    }
    Ok(())
}
