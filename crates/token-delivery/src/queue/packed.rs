//! A message as it waits: length-prefixed fields in an order, sealed.

use core::net::IpAddr;

use ott_core::{
    Binding, Channel, Destination, KeyRing, LimitKey, LimitScope, Purpose, RecordId, Subject,
    Token,
    chrono::{DateTime, Utc},
    rand::rngs::SysRng,
};
use token_store::seal::{self, SealedFor};
use zeroize::Zeroizing;

use crate::{DeliveryError, Language, Message, Notice, Phrase, notice::NoticeText};

/// What stands first in a message of this form.
const VERSION: u64 = 1;
const KIND: &str = "queued message";

/// A message that waited.
pub(super) struct Packed {
    pub(super) purpose: Purpose,
    pub(super) destination: Destination,
    pub(super) subject: Option<Subject>,
    pub(super) language: Option<Language>,
    pub(super) phrase: Option<Phrase>,
    pub(super) content: Content,
}

pub(super) enum Content {
    Notice(Notice, Option<Token>),
    Prompt(RecordId),
    Token(Token),
}

impl Packed {
    pub(super) fn message(&self) -> Message<'_> {
        let (purpose, destination) = (&self.purpose, &self.destination);
        let message = match &self.content {
            Content::Notice(notice, not_me) => {
                Message::notice(purpose, destination, notice, not_me.as_ref())
            }
            Content::Prompt(id) => Message::prompt(purpose, destination, id),
            Content::Token(token) => Message::new(purpose, destination, token),
        };
        self.addressed(message)
    }

    /// The message in the person's language, with their phrase.
    pub(super) fn addressed<'m>(&'m self, message: Message<'m>) -> Message<'m> {
        let message = message
            .with_phrase(self.phrase.as_ref())
            .in_language(self.language);
        match &self.subject {
            Some(subject) => message.of(subject),
            None => message,
        }
    }
}

/// What a newer message takes the place of: tokens of a purpose, for a person, at an address, whose name takes the key. Notices
/// and prompts take no other's place.
pub(super) fn slot_of(keys: &KeyRing, message: &Message<'_>) -> Option<[u8; 16]> {
    if message.news().is_some() || message.waiting().is_some() {
        return None;
    }
    let none = Binding::tenant("");
    let binding = message.subject().map_or(none, Binding::subject);
    let to = keys.pseudonym(message.destination()).to_string();
    let place = [("destination", to.as_str())];
    let binding = binding.operation(&place);
    let name = format!("queue {}", message.purpose().as_str());
    Some(*LimitKey::new(LimitScope::Engine, &name, &binding).as_bytes())
}

/// Seals a message for its row.
pub(super) fn seal(
    keys: &KeyRing,
    message: &Message<'_>,
    tenant: &str,
    id: [u8; 16],
) -> Result<Vec<u8>, DeliveryError> {
    let token = message.token().map(|token| token.expose_secret());
    let mut fields = Writer::default();
    fields.number(VERSION);
    fields.text(message.purpose().as_str());
    fields.text(message.destination().channel().as_str());
    fields.text(message.destination().address());
    fields.optional(message.subject().map(Subject::id));
    fields.optional(message.language().map(Language::tag));
    fields.optional(message.phrase().map(Phrase::expose_text));
    fields.optional(token);
    fields.optional(message.waiting().map(RecordId::to_string).as_deref());
    fields.optional(message.news().map(|news| news.what.as_str()));
    if let Some(news) = message.news() {
        fields.number(news.at.timestamp_micros().cast_unsigned());
        let from = news.from.map(|from| from.to_string());
        fields.optional(from.as_deref());
    }
    let owner = owner(tenant).ok_or(DeliveryError::Misconfigured {
        which: "a tenant that is no name",
        source: None,
    })?;
    let sealed = seal::seal(keys, &context(&owner, id), &fields.0, &mut SysRng);
    sealed.map_err(|error| DeliveryError::Unavailable(error.into()))
}

/// Why a message cannot be read.
pub(super) enum Unreadable {
    /// The ring lacks the key: it may come back.
    KeyMissing,
    /// Another version wrote it, somebody edited it, or its purpose is no more.
    Other,
}

/// Opens a message. `known` are the purposes that there are.
pub(super) fn open<'p>(
    keys: &KeyRing,
    mut known: impl Iterator<Item = &'p Purpose>,
    tenant: &str,
    id: [u8; 16],
    sealed: &[u8],
) -> Result<Packed, Unreadable> {
    let owner = owner(tenant).ok_or(Unreadable::Other)?;
    let plain = match seal::open(keys, &context(&owner, id), sealed) {
        Ok(plain) => plain,
        Err(seal::SealError::KeyMissing(_)) => return Err(Unreadable::KeyMissing),
        Err(_) => return Err(Unreadable::Other),
    };
    let mut fields = Reader(&plain);
    let mut read = || {
        if fields.number()? != VERSION {
            return None;
        }
        let name = fields.text()?;
        let purpose = *known.find(|known| known.as_str() == name)?;
        let destination = destination(fields.text()?, fields.text()?)?;
        let subject = match fields.optional()? {
            Some(id) => Some(Subject::new(tenant, id).ok()?),
            None => None,
        };
        let language = fields.optional()?.and_then(Language::from_tag);
        let phrase = fields.optional()?.and_then(|text| Phrase::new(text).ok());
        let token = fields.optional()?;
        let token = token.map(|text| Token::unsealed(Zeroizing::new(text.to_owned())));
        let prompt = fields.optional()?;
        let what = fields.optional()?;
        let content = match (prompt, what, token) {
            (None, Some(what), not_me) => {
                let at = fields.number()?.cast_signed();
                let notice = Notice {
                    what: NoticeText::unsealed(what.to_owned()),
                    at: DateTime::<Utc>::from_timestamp_micros(at)?,
                    from: match fields.optional()? {
                        Some(from) => Some(from.parse::<IpAddr>().ok()?),
                        None => None,
                    },
                };
                Content::Notice(notice, not_me)
            }
            (Some(id), None, None) => {
                let id = u128::from_str_radix(id, 16).ok()?;
                Content::Prompt(RecordId::from_bytes(id.to_be_bytes()))
            }
            (None, None, Some(token)) => Content::Token(token),
            _ => return None,
        };
        Some(Packed {
            purpose,
            destination,
            subject,
            language,
            phrase,
            content,
        })
    };
    read().ok_or(Unreadable::Other)
}

fn destination(channel: &str, address: &str) -> Option<Destination> {
    let channels = [Channel::Email, Channel::Phone, Channel::Device];
    match channels
        .into_iter()
        .find(|known| known.as_str() == channel)?
    {
        Channel::Email => Destination::email(address).ok(),
        Channel::Phone => Destination::phone(address).ok(),
        _ => Destination::device(address).ok(),
    }
}

fn owner(tenant: &str) -> Option<Subject> {
    Subject::new(tenant, "delivery-queue").ok()
}

const fn context(owner: &Subject, item: [u8; 16]) -> SealedFor<'_> {
    SealedFor {
        owner,
        item,
        kind: KIND,
    }
}

/// Writes fields, into what is wiped.
struct Writer(Zeroizing<Vec<u8>>);

impl Default for Writer {
    /// With room for most messages: a vector that grows leaves what it held behind.
    fn default() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(4_096)))
    }
}

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.0.extend(text.as_bytes());
    }

    fn optional(&mut self, text: Option<&str>) {
        self.number(text.is_some().into());
        if let Some(text) = text {
            self.text(text);
        }
    }
}

/// Reads fields; `None` where they do not follow.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    fn text(&mut self) -> Option<&'b str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        core::str::from_utf8(text).ok()
    }

    fn optional(&mut self) -> Option<Option<&'b str>> {
        match self.number()? {
            0 => Some(None),
            1 => self.text().map(Some),
            _ => None,
        }
    }
}
