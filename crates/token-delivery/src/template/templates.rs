//! The words of all messages, checked, and a message in them.

use core::{fmt, iter};
use std::collections::{BTreeMap, BTreeSet};

use ott_core::{Purpose, RecordId};
use zeroize::Zeroizing;

use super::{
    Kind, Template, html,
    prepared::{Prepared, Values},
};
use crate::{
    DeliveryError, Language, Message, Phrase, TemplateFault, TemplatesError, words::catalogue,
};

/// The words of all messages: one [`Template`] a purpose and language, checked.
///
/// Nothing of a request reaches them: there is no parameter for it. A message in a language that the templates
/// do not have, or that names none, is in the language of the first template.
#[derive(Clone, Debug)]
pub struct Templates {
    application: String,
    /// That of the first template.
    default: Language,
    by_purpose: BTreeMap<Purpose, BTreeMap<Language, Prepared>>,
    html: bool,
}

impl Templates {
    /// Checks and prepares the templates of an application. Every purpose has every language that one of them has.
    ///
    /// # Errors
    /// [`TemplatesError`], which names the purpose and what is wrong.
    pub fn new(
        application: impl Into<String>,
        templates: impl IntoIterator<Item = Template>,
    ) -> Result<Self, TemplatesError> {
        let application = application.into();
        if application.trim().is_empty() || application.chars().any(char::is_control) {
            return Err(TemplatesError::Application);
        }
        let mut default = None;
        let mut by_purpose = BTreeMap::<Purpose, BTreeMap<Language, Prepared>>::new();
        for template in templates {
            let purpose = template.purpose;
            let languages = iter::once(template.language).chain(template.also_for.clone());
            default = default.or(Some(template.language));
            let name = |fault| in_template(&purpose, fault);
            let prepared = Prepared::new(template, &application).map_err(name)?;
            let own = by_purpose.entry(purpose).or_default();
            for language in languages {
                if own.insert(language, prepared.clone()).is_some() {
                    return Err(name(TemplateFault::Duplicate));
                }
            }
        }
        let all: BTreeSet<_> = by_purpose.values().flat_map(BTreeMap::keys).collect();
        for (purpose, own) in &by_purpose {
            for language in &all {
                if !own.contains_key(*language) {
                    let fault = TemplateFault::LanguageMissing(**language);
                    return Err(in_template(purpose, fault));
                }
            }
            same_in_each(purpose, own)?;
        }
        Ok(Self {
            application,
            default: default.unwrap_or(Language::English),
            by_purpose,
            html: false,
        })
    }

    /// Refuses templates that lack one of these: those that an account can choose.
    ///
    /// # Errors
    /// [`TemplatesError`], which names the purpose and the language.
    pub fn speaking(self, languages: &[Language]) -> Result<Self, TemplatesError> {
        for (purpose, own) in &self.by_purpose {
            for language in languages {
                if !own.contains_key(language) {
                    let fault = TemplateFault::LanguageMissing(*language);
                    return Err(in_template(purpose, fault));
                }
            }
        }
        Ok(self)
    }

    /// Renders HTML beside the text, from the same words: it loads nothing, has no link but the token's, and is light or
    /// dark as the reader's program is.
    #[must_use]
    pub fn with_html(self) -> Self {
        Self { html: true, ..self }
    }

    /// The application's name.
    #[must_use]
    pub fn application(&self) -> &str {
        &self.application
    }

    /// Whether a purpose has a template. For whoever writes a [`Delivery`](crate::Delivery).
    #[must_use]
    pub fn has(&self, purpose: &Purpose) -> bool {
        self.by_purpose.contains_key(purpose)
    }

    /// Whether a purpose has a template that wakes a device. For whoever writes a [`Delivery`](crate::Delivery).
    #[must_use]
    pub fn has_prompt(&self, purpose: &Purpose) -> bool {
        let own = self.by_purpose.get(purpose);
        own.is_some_and(|own| own.values().all(|one| one.kind == Kind::Prompt))
    }

    /// Renders a message. For whoever writes a [`Delivery`](crate::Delivery).
    ///
    /// # Errors
    /// [`DeliveryError::NoTemplate`] if the message's purpose has none.
    pub fn render(&self, message: &Message<'_>) -> Result<Rendered, DeliveryError> {
        let purpose = message.purpose();
        let own = self.by_purpose.get(purpose);
        let template = own.and_then(|own| {
            let asked = message.language().and_then(|language| own.get(&language));
            asked.or_else(|| own.get(&self.default))
        });
        let Some(template) = template.filter(|template| template.kind == Kind::of(message)) else {
            return Err(DeliveryError::NoTemplate {
                purpose: purpose.as_str(),
            });
        };
        if template.holds_token() && message.token().is_none() {
            return Err(DeliveryError::Misconfigured {
                which: "a notice with a link, sent without its token",
                source: None,
            });
        }
        let token = message.token().map_or("", |token| token.expose_secret());
        if !token.bytes().all(unreserved) {
            // No format makes such a token; one that did would need encoding here.
            return Err(DeliveryError::Misconfigured {
                which: "a token with characters that a link cannot hold",
                source: None,
            });
        }
        let news = message.news();
        let at = news.map(|news| news.at.format("%Y-%m-%d %H:%M UTC").to_string());
        let from = news.and_then(|news| news.from);
        let from = from.map(|address| address.to_string());
        let unknown = catalogue(template.language).unknown_address;
        let prompt = message.waiting().map(RecordId::to_string);
        let values = Values {
            token,
            at: at.as_deref().unwrap_or_default(),
            from: from.as_deref().ok_or(unknown),
            phrase: message.phrase().map_or("", Phrase::expose_text),
            prompt: prompt.as_deref().unwrap_or_default(),
            what: news.map_or("", |news| template.clause(news.what.as_str())),
        };
        Ok(Rendered {
            subject: template.subject.clone(),
            text: template.text(&values),
            html: self
                .html
                .then(|| html::page(&self.application, template, &values)),
        })
    }
}

fn in_template(purpose: &Purpose, fault: TemplateFault) -> TemplatesError {
    TemplatesError::Template {
        purpose: purpose.as_str(),
        fault,
    }
}

/// The templates of one purpose are of one kind, and have the same clauses.
fn same_in_each(
    purpose: &Purpose,
    own: &BTreeMap<Language, Prepared>,
) -> Result<(), TemplatesError> {
    for one in own.values() {
        for other in own.values() {
            if one.kind != other.kind {
                return Err(in_template(purpose, TemplateFault::Duplicate));
            }
            let missing = one
                .clauses
                .keys()
                .find(|key| !other.clauses.contains_key(*key));
            if let Some(missing) = missing {
                let fault = TemplateFault::ClauseMissing {
                    language: other.language,
                    words: missing,
                };
                return Err(in_template(purpose, fault));
            }
        }
    }
    Ok(())
}

/// The characters that a fragment holds as they are (RFC 3986 section 2.3).
fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// A message as it goes out. The text holds the token: it has no `Debug`, and is wiped when dropped.
pub struct Rendered {
    subject: String,
    text: Zeroizing<String>,
    html: Option<Zeroizing<String>>,
}

impl Rendered {
    /// The subject line, without line breaks and without the token.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The text, lines ended by `\n`. It holds the token: it belongs in the message and nowhere else.
    #[must_use]
    pub fn expose_text(&self) -> &str {
        &self.text
    }

    /// The same as a page of HTML, where the templates [render it](Templates::with_html). It holds the token too.
    #[must_use]
    pub fn expose_html(&self) -> Option<&str> {
        self.html.as_deref().map(String::as_str)
    }
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendered(..)")
    }
}
