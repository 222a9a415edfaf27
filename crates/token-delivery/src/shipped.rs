//! The templates that ship: each text in the words of a language.

use ott_core::{Policy, Purpose};

use crate::{
    Language, Template,
    words::{Text, catalogue},
};

const LINK: &str = "\n\n{link}\n\n";
const PHRASE: &str = "\n\n{phrase}\n";

impl Text {
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
