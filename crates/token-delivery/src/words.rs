//! The texts that ship, in each language.

mod arabic;
mod english;
mod french;
mod german;
mod japanese;
mod spanish;

use ott_core::{Policy, Purpose};

use crate::{Language, Plural, Template};

/// What a code or a link is for. Each has a text in [every language](Language::ALL): a language without one does not compile.
///
/// The purpose, and for how long the token is good, are the policy's. Whoever wants other words writes a [`Template`].
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

    /// A code, by e-mail.
    #[must_use]
    pub fn code(self, policy: &Policy, language: Language) -> Template {
        let words = catalogue(language);
        let [subject, lead] = (words.purpose)(self);
        let text = [
            lead,
            "\n\n{token}\n\n",
            words.valid,
            "\n\n",
            words.without_code,
            PHRASE,
        ];
        Template::new(policy, subject, text.concat()).in_language(language)
    }

    /// A code in one or two lines, for SMS and voice.
    #[must_use]
    pub fn brief(self, policy: &Policy, language: Language) -> Template {
        let words = catalogue(language);
        let [subject, lead] = (words.purpose)(self);
        let text = [lead, " {token}\n", words.valid];
        Template::new(policy, subject, text.concat()).in_language(language)
    }

    /// A link to the page `base`, by e-mail.
    #[must_use]
    pub fn link(self, policy: &Policy, language: Language, base: impl Into<String>) -> Template {
        let words = catalogue(language);
        let [subject, lead] = (words.purpose)(self);
        let text = [lead, LINK, words.valid, "\n\n", words.without_link, PHRASE];
        let template = Template::new(policy, subject, text.concat()).in_language(language);
        template.link(base)
    }

    /// The words that wake a device: somebody signs in.
    #[must_use]
    pub fn prompt(policy: &Policy, language: Language) -> Template {
        let [subject, text] = catalogue(language).prompt;
        Template::prompt(policy, subject, text).in_language(language)
    }

    /// The link that puts a changed address back.
    #[must_use]
    pub fn put_back(policy: &Policy, language: Language, base: impl Into<String>) -> Template {
        let words = catalogue(language);
        let [subject, text] = words.put_back;
        let text = [text, LINK, words.valid, PHRASE].concat();
        let template = Template::new(policy, subject, text).in_language(language);
        template.link(base)
    }

    /// News about an account, with the page for "this was not me" or without.
    #[must_use]
    pub fn news(purpose: &Purpose, language: Language, not_me: Option<String>) -> Template {
        let words = catalogue(language);
        let end = match not_me {
            Some(_) => [words.not_me, LINK],
            None => [words.not_me_without_link, ""],
        };
        let text = [words.news_of, "\n\n", words.when_and_where];
        let text = [&text[..], &["\n\n", words.if_you, "\n\n"], &end, &[PHRASE]].concat();
        let template = Template::notice(purpose, words.news, text.concat());
        let template = template
            .in_language(language)
            .clauses([(Self::LATE, words.late)]);
        match not_me {
            Some(base) => template.link(base),
            None => template,
        }
    }
}

const LINK: &str = "\n\n{link}\n\n";
const PHRASE: &str = "\n\n{phrase}\n";

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
    purpose: fn(Text) -> [&'static str; 2],
    /// For how long, and how often.
    valid: &'static str,
    /// For whoever asked for nothing.
    without_code: &'static str,
    without_link: &'static str,
    /// Subject and text.
    prompt: [&'static str; 2],
    /// Subject, and what comes before the link.
    put_back: [&'static str; 2],
    /// Subject.
    news: &'static str,
    /// With `{what}`.
    news_of: &'static str,
    when_and_where: &'static str,
    if_you: &'static str,
    not_me: &'static str,
    not_me_without_link: &'static str,
    late: &'static str,
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
