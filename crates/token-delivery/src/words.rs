//! The texts that ship, in each language.

mod arabic;
mod english;
mod french;
mod german;
mod japanese;
mod spanish;

use crate::{Language, Plural};

/// What a code or a link is for. Each has a text in [every language](Language::ALL): a language without one does not compile.
///
/// The purpose, and for how long the token is good, are the policy's. Whoever wants other words writes a [`Template`](crate::Template).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Text {
    /// A new address is proved, for an account that exists.
    ChangeAddress,
    /// The anti-phishing code is set.
    ChangePhrase,
    /// The account is deleted.
    DeleteAccount,
    /// A password was forgotten.
    NewPassword,
    /// A payment is confirmed.
    Pay,
    /// The old address is proved, before it is changed.
    ProveAddress,
    /// An address is proved, so that a lost one can be replaced.
    ProveOther,
    /// The address of a new account is proved.
    Register,
    /// A second step is taken away.
    RemoveFactor,
    /// The second step of a sign-in.
    SignIn,
}

impl Text {
    /// [`Notice::what`](crate::Notice::what) for a person whose code was not sent before it ended. [`Text::news`] has a clause for it.
    pub const LATE: &str = "a code that you asked for could not be sent in time: ask for a new one";

    /// All there are.
    pub const ALL: [Self; 10] = [
        Self::ChangeAddress,
        Self::ChangePhrase,
        Self::DeleteAccount,
        Self::NewPassword,
        Self::Pay,
        Self::ProveAddress,
        Self::ProveOther,
        Self::Register,
        Self::RemoveFactor,
        Self::SignIn,
    ];
}

/// The texts of one language.
pub(crate) struct Catalogue {
    /// Nouns beside a number, which stands for `{n}`, as the subject of a sentence.
    pub(crate) days: fn(Plural) -> &'static str,
    pub(crate) hours: fn(Plural) -> &'static str,
    pub(crate) minutes: fn(Plural) -> &'static str,
    /// On the button of a link.
    pub(crate) open: &'static str,
    /// Where `{from}` is not known.
    pub(crate) unknown_address: &'static str,
    /// Subject, and what comes before a code or link.
    pub(crate) purpose: fn(Text) -> [&'static str; 2],
    /// For how long, and how often.
    pub(crate) valid: &'static str,
    /// For whoever asked for nothing.
    pub(crate) without_code: &'static str,
    pub(crate) without_link: &'static str,
    /// Subject and text.
    pub(crate) prompt: [&'static str; 2],
    /// Subject, and what comes before the link.
    pub(crate) put_back: [&'static str; 2],
    /// Subject.
    pub(crate) news: &'static str,
    /// With `{what}`.
    pub(crate) news_of: &'static str,
    pub(crate) when_and_where: &'static str,
    pub(crate) if_you: &'static str,
    pub(crate) not_me: &'static str,
    pub(crate) not_me_without_link: &'static str,
    pub(crate) late: &'static str,
}

pub(crate) const fn catalogue(language: Language) -> &'static Catalogue {
    match language {
        Language::Arabic => &arabic::WORDS,
        Language::English => &english::WORDS,
        Language::French => &french::WORDS,
        Language::German => &german::WORDS,
        Language::Japanese => &japanese::WORDS,
        Language::Spanish => &spanish::WORDS,
    }
}
