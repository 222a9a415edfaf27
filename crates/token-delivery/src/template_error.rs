//! Why templates cannot be used.

use crate::Language;

/// Templates that cannot be used, found when they are built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplatesError {
    /// The application's name is empty or has a control character.
    #[error("the application's name is empty or has a control character")]
    Application,
    /// One template is wrong.
    #[error("template `{purpose}`: {fault}")]
    Template {
        /// The template's purpose.
        purpose: &'static str,
        /// What is wrong.
        fault: TemplateFault,
    },
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateFault {
    /// A brace that belongs to no placeholder.
    #[error("a brace that belongs to no placeholder")]
    Brace,
    /// A language lacks words that another language of the purpose has a clause for.
    #[error("no clause in `{}` for {words:?}", .language.tag())]
    ClauseMissing {
        /// The language that lacks it.
        language: Language,
        /// The words of the program.
        words: &'static str,
    },
    /// Two templates of one purpose and language, or of two kinds.
    #[error("the purpose has two templates in one language, or of two kinds")]
    Duplicate,
    /// Another purpose has this language, or an account can choose it: translate, or say
    /// [`Template::also_for`](crate::Template::also_for).
    #[error("no words in `{}`", .0.tag())]
    LanguageMissing(Language),
    /// The link's address has a fragment; the token goes there.
    #[error("the link's address has a fragment, where the token goes")]
    LinkHasFragment,
    /// The link's address is not `https://host[:port][/path][?query]` in plain ASCII.
    #[error("the link's address is not https://host[:port][/path][?query] in plain ASCII")]
    LinkMalformed,
    /// Something touches `{link}` that a mail program may take for a part of it.
    #[error("only spaces, line ends or a pair of angle brackets may touch {{link}}")]
    LinkNotAlone,
    /// `{link}` beside other words, in a language from right to left.
    #[error("{{link}} needs a line of its own in a language from right to left")]
    LinkNotOnItsLine,
    /// The link's address is neither `https` nor loopback.
    #[error("the link's address is neither https nor loopback")]
    LinkNotSecure,
    /// `{link}` without an address.
    #[error("{{link}} without an address to begin with")]
    NoLinkBase,
    /// `{minutes}` or `{lifetime}` where the policy has no lifetime, or one under a minute.
    #[error("{{minutes}} or {{lifetime}} where the policy's lifetime is none or under a minute")]
    NoMinutes,
    /// Neither `{token}` nor `{link}` in the text.
    #[error("neither {{token}} nor {{link}} in the text")]
    NoToken,
    /// The subject is empty or has a control character.
    #[error("the subject is empty or has a control character")]
    Subject,
    /// The text has a control character other than line ends and tabs.
    #[error("the text has a control character other than line ends and tabs")]
    TextControl,
    /// `{token}` in what may be taken for an address: only `{link}` leads to a page.
    #[error("{{token}} in what may be taken for an address")]
    TokenInAddress,
    /// `{token}` in a notice: only a link leads to "this was not me".
    #[error("{{token}} in a notice")]
    TokenInNotice,
    /// `{token}` or `{link}` in the words that wake a device: a prompt has no token.
    #[error("{{token}} or {{link}} in the words of a prompt, which has no token")]
    TokenInPrompt,
    /// `{token}` or `{link}` in the subject.
    #[error("a token in the subject, which is logged and shown on locked screens")]
    TokenInSubject,
    /// A placeholder that does not exist.
    #[error("unknown placeholder {{{0}}}")]
    UnknownPlaceholder(String),
    /// An address for links, and no `{link}` in the text.
    #[error("an address for links, and no {{link}} in the text")]
    UnusedLinkBase,
}
