//! A template, checked and cut into its parts.

use std::collections::BTreeMap;

use ott_core::chrono::TimeDelta;
use zeroize::Zeroizing;

use super::{Kind, Template};
use crate::{Language, TemplateFault, link::LinkBase, words::catalogue};

/// A checked template: all is filled in but the token and the news.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) kind: Kind,
    pub(super) language: Language,
    pub(super) subject: String,
    pub(super) text: Vec<Part>,
    pub(super) clauses: BTreeMap<&'static str, &'static str>,
}

#[derive(Clone, Debug)]
pub(super) enum Part {
    Application(String),
    At,
    From,
    Link(LinkBase),
    Phrase,
    Prompt,
    Text(String),
    Token,
    What,
}

/// What a message puts in the place of its parts.
pub(super) struct Values<'v> {
    pub(super) token: &'v str,
    pub(super) at: &'v str,
    /// An address, or the language's words where none is known.
    pub(super) from: Result<&'v str, &'v str>,
    pub(super) phrase: &'v str,
    pub(super) prompt: &'v str,
    pub(super) what: &'v str,
}

/// What stands in the message for a part.
pub(super) enum Run<'r> {
    /// The template's own words, in its direction.
    Words(&'r str),
    /// What runs from left to right whatever surrounds it: a code, a time, an address.
    LeftToRight(&'r str),
    /// What runs as its own letters do.
    Own(&'r str),
    /// Address and token.
    Link(&'r str, &'r str),
}

impl Part {
    pub(super) fn run<'r>(&'r self, values: &Values<'r>) -> Run<'r> {
        match self {
            Self::Application(name) => Run::Own(name),
            Self::At => Run::LeftToRight(values.at),
            Self::From => values.from.map_or_else(Run::Words, Run::LeftToRight),
            Self::Link(base) => Run::Link(base.as_str(), values.token),
            Self::Phrase => Run::Own(values.phrase),
            Self::Prompt => Run::LeftToRight(values.prompt),
            Self::Text(text) => Run::Words(text),
            Self::Token => Run::LeftToRight(values.token),
            Self::What => Run::Own(values.what),
        }
    }
}

/// LEFT-TO-RIGHT ISOLATE, FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE (UAX #9 section 2.3).
const LRI: &str = "\u{2066}";
const FSI: &str = "\u{2068}";
const PDI: &str = "\u{2069}";

/// A text between what keeps its direction from its surroundings, where they run otherwise.
///
/// Without it, the digits of a code change places with what stands beside them in a line from right to left.
fn isolated<'t>(language: Language, text: &'t str, mark: &'static str) -> [&'t str; 3] {
    let needed = language.is_right_to_left() || text.chars().any(is_right_to_left);
    if needed && !text.is_empty() {
        [mark, text, PDI]
    } else {
        ["", text, ""]
    }
}

/// Blocks of Hebrew, Arabic and the other scripts from right to left (Unicode 16.0, DerivedBidiClass.txt).
const fn is_right_to_left(character: char) -> bool {
    matches!(
        character,
        '\u{590}'..='\u{8ff}'
            | '\u{fb1d}'..='\u{fdff}'
            | '\u{fe70}'..='\u{fefc}'
            | '\u{10800}'..='\u{10fff}'
            | '\u{1e800}'..='\u{1efff}'
    )
}

impl Prepared {
    pub(super) fn holds_token(&self) -> bool {
        let held = |part: &Part| matches!(part, Part::Link(_) | Part::Token);
        self.text.iter().any(held)
    }

    /// The words of the program in this language; those that have no clause as they are.
    pub(super) fn clause<'w>(&'w self, words: &'w str) -> &'w str {
        self.clauses.get(words).copied().unwrap_or(words)
    }

    /// The text of a message.
    pub(super) fn text(&self, values: &Values<'_>) -> Zeroizing<String> {
        let pieces = self.text.iter().flat_map(|part| match part.run(values) {
            Run::Words(text) => ["", text, ""],
            Run::LeftToRight(text) => isolated(self.language, text, LRI),
            Run::Own(text) => isolated(self.language, text, FSI),
            Run::Link(base, token) => [base, "#", token],
        });
        joined(pieces)
    }

    pub(super) fn new(template: Template, application: &str) -> Result<Self, TemplateFault> {
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
        let (lifetime, language) = (template.lifetime, template.language);
        let fill = |name: &str| match name {
            "minutes" => Ok(minutes(lifetime)?.to_string()),
            "lifetime" => Ok(duration(language, minutes(lifetime)?)),
            _ => Err(TemplateFault::UnknownPlaceholder(name.to_owned())),
        };

        let mut subject = String::new();
        for piece in pieces(&template.subject)? {
            match piece {
                Piece::Placeholder("token" | "link") => return Err(TemplateFault::TokenInSubject),
                Piece::Placeholder("application") => {
                    subject.extend(isolated(language, application, FSI));
                }
                Piece::Placeholder(name) => subject.push_str(&fill(name)?),
                Piece::Words(words) => subject.push_str(words),
            }
        }

        let (notice, prompt) = (template.kind == Kind::Notice, template.kind == Kind::Prompt);
        let base = template.link.map(LinkBase::new).transpose()?;
        let (mut parts, mut secrets, mut links) = (Vec::new(), 0u32, 0u32);
        for piece in pieces(&text)? {
            parts.push(match piece {
                Piece::Placeholder("application") => Part::Application(application.to_owned()),
                Piece::Placeholder("at") if notice => Part::At,
                Piece::Placeholder("from") if notice => Part::From,
                Piece::Placeholder("what") if notice => Part::What,
                Piece::Placeholder("phrase") => Part::Phrase,
                Piece::Placeholder("prompt") if prompt => Part::Prompt,
                Piece::Placeholder("token" | "link") if prompt => {
                    return Err(TemplateFault::TokenInPrompt);
                }
                Piece::Placeholder("token") if notice => {
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
        if links == 0 && secrets == 0 && template.kind == Kind::Token {
            return Err(TemplateFault::NoToken);
        }
        if token_in_address(&text.replace("{application}", application)) {
            return Err(TemplateFault::TokenInAddress);
        }
        if links > 0 && !links_stand_alone(&text) {
            return Err(TemplateFault::LinkNotAlone);
        }
        if language.is_right_to_left() && !links_have_lines(&text) {
            return Err(TemplateFault::LinkNotOnItsLine);
        }
        Ok(Self {
            kind: template.kind,
            language,
            subject,
            text: parts,
            clauses: template.clauses.into_iter().collect(),
        })
    }
}

/// The pieces in one text, reserved in full, so that no reallocation leaves a copy of the token behind.
pub(super) fn joined<'p>(pieces: impl Iterator<Item = &'p str> + Clone) -> Zeroizing<String> {
    let length = pieces
        .clone()
        .fold(0_usize, |sum, piece| sum.saturating_add(piece.len()));
    let mut text = Zeroizing::new(String::with_capacity(length));
    text.extend(pieces);
    text
}

fn minutes(lifetime: Option<TimeDelta>) -> Result<u64, TemplateFault> {
    let minutes = lifetime.and_then(|lifetime| u64::try_from(lifetime.num_minutes()).ok());
    minutes
        .filter(|minutes| *minutes > 0)
        .ok_or(TemplateFault::NoMinutes)
}

/// So many minutes, in the greatest unit that leaves no rest.
fn duration(language: Language, minutes: u64) -> String {
    const HOUR: u64 = 60;
    const DAY: u64 = 24 * HOUR;
    let words = catalogue(language);
    let (number, form) = if minutes.is_multiple_of(DAY) {
        (minutes / DAY, words.days)
    } else if minutes.is_multiple_of(HOUR) {
        (minutes / HOUR, words.hours)
    } else {
        (minutes, words.minutes)
    };
    form(language.plural(number)).replace("{n}", &number.to_string())
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

/// In a line from right to left, a link would have to stand in isolates, which a mail program may take for a part of it:
/// on a line of its own it needs none.
fn links_have_lines(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| line.contains("{link}"));
    lines.all(|line| line.trim() == "{link}")
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
