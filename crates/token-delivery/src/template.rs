//! The words of a message, from configuration alone.

use core::fmt;
use std::collections::BTreeMap;

use ott_core::{Policy, Purpose, chrono::TimeDelta};
use zeroize::Zeroizing;

use crate::{DeliveryError, Message, TemplateFault, TemplatesError, link::LinkBase};

/// The words of the messages of one policy, as configured. [`Templates::new`] checks them.
///
/// | placeholder | stands for | allowed in |
/// | --- | --- | --- |
/// | `{token}` | the token, never as a part of an address | text |
/// | `{link}` | [`Template::link`], `#` and the token | text |
/// | `{application}` | the application's name | subject, text |
/// | `{minutes}` | the policy's lifetime in minutes, rounded down | subject, text |
/// | `{what}`, `{at}`, `{from}` | the parts of a [`Notice`](crate::Notice) | text of a notice |
///
/// A subject holds no token: mail servers log subjects, and locked screens show them.
#[derive(Clone, Debug)]
pub struct Template {
    purpose: Purpose,
    notice: bool,
    lifetime: Option<TimeDelta>,
    subject: String,
    text: String,
    link: Option<String>,
}

impl Template {
    /// A subject line, which channels without one leave out, and a text.
    #[must_use]
    pub fn new(policy: &Policy, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            purpose: *policy.purpose(),
            notice: false,
            lifetime: policy.token_lifetime(),
            subject: subject.into(),
            text: text.into(),
            link: None,
        }
    }

    /// The words of a notice: a subject line and a text, which holds no `{token}`; with
    /// [`Template::link`], a `{link}` to say "this was not me".
    #[must_use]
    pub fn notice(purpose: &Purpose, subject: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            purpose: *purpose,
            notice: true,
            lifetime: None,
            subject: subject.into(),
            text: text.into(),
            link: None,
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
}

/// The words of all messages: one [`Template`] a purpose, checked.
///
/// Nothing of a request reaches them: there is no parameter for it.
#[derive(Clone, Debug)]
pub struct Templates {
    application: String,
    by_purpose: BTreeMap<Purpose, Prepared>,
}

impl Templates {
    /// Checks and prepares the templates of an application.
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
        let mut by_purpose = BTreeMap::new();
        for template in templates {
            let purpose = template.purpose;
            let name = |fault| TemplatesError::Template {
                purpose: purpose.as_str(),
                fault,
            };
            let prepared = Prepared::new(template, &application).map_err(name)?;
            if by_purpose.insert(purpose, prepared).is_some() {
                return Err(name(TemplateFault::Duplicate));
            }
        }
        Ok(Self {
            application,
            by_purpose,
        })
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

    /// Renders a message. For whoever writes a [`Delivery`](crate::Delivery).
    ///
    /// # Errors
    /// [`DeliveryError::NoTemplate`] if the message's purpose has none.
    pub fn render(&self, message: &Message<'_>) -> Result<Rendered, DeliveryError> {
        let purpose = message.purpose();
        let template = self.by_purpose.get(purpose);
        let news = message.news();
        let Some(template) = template.filter(|template| template.notice == news.is_some()) else {
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
        let at = news.map_or(String::new(), |news| {
            news.at.format("%Y-%m-%d %H:%M UTC").to_string()
        });
        let from = match news.and_then(|news| news.from) {
            Some(address) => address.to_string(),
            None => "an unknown address".to_owned(),
        };
        let what = news.map_or("", |news| news.what);
        if !token.bytes().all(unreserved) {
            // No format makes such a token; one that did would need encoding here.
            return Err(DeliveryError::Misconfigured {
                which: "a token with characters that a link cannot hold",
                source: None,
            });
        }
        // Reserved in full, so that no reallocation leaves a copy of the token behind.
        let length = |part: &Part| match part {
            Part::Link(base) => base
                .as_str()
                .len()
                .saturating_add(token.len())
                .saturating_add(1),
            Part::Text(text) => text.len(),
            Part::Token => token.len(),
            Part::At => at.len(),
            Part::From => from.len(),
            Part::What => what.len(),
        };
        let length = template.text.iter().map(length).sum();
        let mut text = Zeroizing::new(String::with_capacity(length));
        for part in &template.text {
            match part {
                Part::Link(base) => {
                    text.push_str(base.as_str());
                    text.push('#');
                    text.push_str(token);
                }
                Part::Text(words) => text.push_str(words),
                Part::Token => text.push_str(token),
                Part::At => text.push_str(&at),
                Part::From => text.push_str(&from),
                Part::What => text.push_str(what),
            }
        }
        Ok(Rendered {
            subject: template.subject.clone(),
            text,
        })
    }
}

/// A message as it goes out. The text holds the token: it has no `Debug`, and is wiped when dropped.
pub struct Rendered {
    subject: String,
    text: Zeroizing<String>,
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
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendered(..)")
    }
}

/// A checked template: all is filled in but the token and the news.
#[derive(Clone, Debug)]
struct Prepared {
    notice: bool,
    subject: String,
    text: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    At,
    From,
    Link(LinkBase),
    Text(String),
    Token,
    What,
}

impl Prepared {
    fn holds_token(&self) -> bool {
        let held = |part: &Part| matches!(part, Part::Link(_) | Part::Token);
        self.text.iter().any(held)
    }

    fn new(template: Template, application: &str) -> Result<Self, TemplateFault> {
        if template.subject.trim().is_empty() || template.subject.chars().any(char::is_control) {
            return Err(TemplateFault::Subject);
        }
        // A text file of some systems ends its lines with CR LF; a message is written with LF.
        let text = template.text.replace("\r\n", "\n");
        if text
            .chars()
            .any(|c| c.is_control() && c != '\n' && c != '\t')
        {
            return Err(TemplateFault::TextControl);
        }
        let lifetime = template.lifetime;
        let fill = |name: &str| match name {
            "application" => Ok(application.to_owned()),
            "minutes" => match lifetime.map(|lifetime| lifetime.num_minutes()) {
                Some(minutes) if minutes > 0 => Ok(minutes.to_string()),
                _ => Err(TemplateFault::NoMinutes),
            },
            _ => Err(TemplateFault::UnknownPlaceholder(name.to_owned())),
        };

        let mut subject = String::new();
        for piece in pieces(&template.subject)? {
            match piece {
                Piece::Placeholder("token" | "link") => return Err(TemplateFault::TokenInSubject),
                Piece::Placeholder(name) => subject.push_str(&fill(name)?),
                Piece::Words(words) => subject.push_str(words),
            }
        }

        let base = template.link.map(LinkBase::new).transpose()?;
        let (mut parts, mut secrets, mut links) = (Vec::new(), 0u32, 0u32);
        for piece in pieces(&text)? {
            parts.push(match piece {
                Piece::Placeholder("at") if template.notice => Part::At,
                Piece::Placeholder("from") if template.notice => Part::From,
                Piece::Placeholder("what") if template.notice => Part::What,
                Piece::Placeholder("token") if template.notice => {
                    return Err(TemplateFault::TokenInNotice);
                }
                Piece::Placeholder("token") => {
                    secrets = secrets.saturating_add(1);
                    Part::Token
                }
                Piece::Placeholder("link") => {
                    links = links.saturating_add(1);
                    Part::Link(base.clone().ok_or(TemplateFault::NoLinkBase)?)
                }
                Piece::Placeholder(name) => Part::Text(fill(name)?),
                Piece::Words(words) => Part::Text(words.to_owned()),
            });
        }
        if links == 0 && base.is_some() {
            return Err(TemplateFault::UnusedLinkBase);
        }
        if links == 0 && secrets == 0 && !template.notice {
            return Err(TemplateFault::NoToken);
        }
        if token_in_address(&text.replace("{application}", application)) {
            return Err(TemplateFault::TokenInAddress);
        }
        if links > 0 && !links_stand_alone(&text) {
            return Err(TemplateFault::LinkNotAlone);
        }
        Ok(Self {
            notice: template.notice,
            subject,
            text: parts,
        })
    }
}

enum Piece<'t> {
    Placeholder(&'t str),
    Words(&'t str),
}

/// Cuts a text at its placeholders. A brace outside of one is a fault: it is a typing error more
/// often than a wish.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TemplateFault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((words, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or(TemplateFault::Brace)?;
        if words.contains('}') || name.contains('{') {
            return Err(TemplateFault::Brace);
        }
        pieces.push(Piece::Words(words));
        pieces.push(Piece::Placeholder(name));
        rest = after;
    }
    if rest.contains('}') {
        return Err(TemplateFault::Brace);
    }
    pieces.push(Piece::Words(rest));
    Ok(pieces)
}

/// Mail programs guess where a link ends: nothing but space or angle brackets may touch it
/// (RFC 3986 appendix C).
fn links_stand_alone(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{link}") {
        let (open, close) = (before.chars().next_back(), after.chars().next());
        let alone = match (open, close) {
            (Some('<'), close) => close == Some('>'),
            (open, close) => {
                open.is_none_or(char::is_whitespace) && close.is_none_or(char::is_whitespace)
            }
        };
        if !alone {
            return false;
        }
        rest = after;
    }
    true
}

/// Whether a word that holds `{token}` may be an address, which a mail program makes a link of. There
/// the token could stand before the fragment, and so reach servers, logs and scanners.
fn token_in_address(text: &str) -> bool {
    let mut words = text
        .split_whitespace()
        .filter(|word| word.contains("{token}"));
    words.any(|word| {
        // Dots at the ends part no names of a host: one is the end of a sentence.
        let word = word.trim_matches('.');
        let dotted = word.contains("{token}.") || word.contains(".{token}");
        dotted || word.contains(['/', '?', '=', '#', '&', '%', '@'])
    })
}

/// The characters that a fragment holds as they are (RFC 3986 section 2.3).
fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
