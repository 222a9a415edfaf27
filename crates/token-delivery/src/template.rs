//! The words of a message, as they are configured.

mod html;
mod prepared;
mod templates;

use ott_core::{Policy, Purpose, chrono::TimeDelta};

use crate::{Language, Message};

pub use templates::{Rendered, Templates};

/// The words of the messages of one policy in one language, as configured. [`Templates::new`] checks them.
///
/// | placeholder | stands for | allowed in |
/// | --- | --- | --- |
/// | `{token}` | the token, never as a part of an address | text |
/// | `{link}` | [`Template::link`], `#` and the token | text |
/// | `{phrase}` | the account's anti-phishing code, or nothing | text |
/// | `{application}` | the application's name | subject, text |
/// | `{minutes}` | the policy's lifetime in minutes, rounded down | subject, text |
/// | `{lifetime}` | the lifetime in whole days, hours or minutes, with the noun: `10 minutes` | subject, text |
/// | `{what}`, `{at}`, `{from}` | the parts of a [`Notice`](crate::Notice) | text of a notice |
/// | `{prompt}` | the public id of what waits | text of a prompt |
///
/// A subject holds no token: mail servers log subjects, and locked screens show them.
#[derive(Clone, Debug)]
pub struct Template {
    purpose: Purpose,
    language: Language,
    kind: Kind,
    lifetime: Option<TimeDelta>,
    subject: String,
    text: String,
    link: Option<String>,
    clauses: Vec<(&'static str, &'static str)>,
    also_for: Vec<Language>,
}

impl Template {
    /// A subject line, which channels without one leave out, and a text. In English, unless
    /// [`Template::in_language`] says otherwise.
    #[must_use]
    pub fn new(policy: &Policy, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            purpose: *policy.purpose(),
            language: Language::English,
            kind: Kind::Token,
            lifetime: policy.token_lifetime(),
            subject: subject.into(),
            text: text.into(),
            link: None,
            clauses: Vec::new(),
            also_for: Vec::new(),
        }
    }

    /// The words of a notice: a subject line and a text, which holds no `{token}`; with
    /// [`Template::link`], a `{link}` to say "this was not me".
    #[must_use]
    pub fn notice(purpose: &Purpose, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            purpose: *purpose,
            language: Language::English,
            kind: Kind::Notice,
            lifetime: None,
            subject: subject.into(),
            text: text.into(),
            link: None,
            clauses: Vec::new(),
            also_for: Vec::new(),
        }
    }

    /// The words that wake a device: a subject line and a text, which holds neither `{token}` nor `{link}`.
    #[must_use]
    pub fn prompt(policy: &Policy, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Prompt,
            ..Self::new(policy, subject, text)
        }
    }

    /// The page that `{link}` opens: an `https` address, or `http` on loopback. A query may be part
    /// of it, a fragment not.
    ///
    /// The token is appended as the fragment (`https://example.org/reset#TOKEN`). A browser sends no
    /// fragment to a server: not in the request, so not in its logs, and not in `Referer`; a scanner
    /// that fetches the link does not present the token. The page reads it by script and sends it
    /// in the body of a `POST` after a person pressed a button.
    ///
    /// Specification: RFC 3986 section 3.5, RFC 9110 section 10.1.3.
    #[must_use]
    pub fn link(self, base: impl Into<String>) -> Self {
        Self {
            link: Some(base.into()),
            ..self
        }
    }

    /// The words are in this language.
    #[must_use]
    pub fn in_language(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// These words stand in for a language into which nobody translated this purpose. Without it, a purpose that lacks a
    /// language that another purpose has is refused.
    #[must_use]
    pub fn also_for(mut self, languages: &[Language]) -> Self {
        self.also_for.extend(languages);
        self
    }

    /// What [`Notice::what`](crate::Notice::what) is in this language: the words of the program, and those that stand in the
    /// message. Each language of a purpose has the same ones. Words without a clause go as they are.
    #[must_use]
    pub fn clauses(
        mut self,
        clauses: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Self {
        self.clauses.extend(clauses);
        self
    }
}

/// What a template has words for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Notice,
    Prompt,
    Token,
}

impl Kind {
    const fn of(message: &Message<'_>) -> Self {
        match (message.news(), message.waiting()) {
            (Some(_), _) => Self::Notice,
            (None, Some(_)) => Self::Prompt,
            (None, None) => Self::Token,
        }
    }
}
