//! The languages of the shipped texts, and how each counts and runs.

use async_trait::async_trait;
use ott_core::{Purpose, Subject};

use crate::{Delivery, DeliveryError, Message};

/// A language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Language {
    /// Arabic, which is written from right to left.
    Arabic,
    /// English.
    English,
    /// French.
    French,
    /// German.
    German,
    /// Japanese.
    Japanese,
    /// Spanish.
    Spanish,
}

impl Language {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::Arabic,
        Self::English,
        Self::French,
        Self::German,
        Self::Japanese,
        Self::Spanish,
    ];

    /// Its tag (RFC 5646): `en`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::English => "en",
            Self::French => "fr",
            Self::German => "de",
            Self::Japanese => "ja",
            Self::Spanish => "es",
        }
    }

    /// The language of a tag: `de-AT` is German. `None` for one that has no texts here.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?;
        Self::ALL
            .into_iter()
            .find(|known| known.tag().eq_ignore_ascii_case(primary))
    }

    /// Whether it is written from right to left.
    #[must_use]
    pub const fn is_right_to_left(self) -> bool {
        matches!(self, Self::Arabic)
    }

    /// The form that a noun has beside a whole number.
    ///
    /// Specification: Unicode CLDR 46, cardinal plural rules (UTS 35 part 3 section 5).
    #[must_use]
    pub const fn plural(self, number: u64) -> Plural {
        let millions = number != 0 && number.is_multiple_of(1_000_000);
        match self {
            Self::Arabic => match (number, number % 100) {
                (0, _) => Plural::Zero,
                (1, _) => Plural::One,
                (2, _) => Plural::Two,
                (_, 3..=10) => Plural::Few,
                (_, 11..=99) => Plural::Many,
                _ => Plural::Other,
            },
            Self::English | Self::German => match number {
                1 => Plural::One,
                _ => Plural::Other,
            },
            Self::French if number < 2 => Plural::One,
            Self::Spanish if number == 1 => Plural::One,
            Self::French | Self::Spanish if millions => Plural::Many,
            Self::French | Self::Spanish | Self::Japanese => Plural::Other,
        }
    }
}

/// A form of a noun beside a number. No language here has more than these six, and most have two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plural {
    /// A few.
    Few,
    /// Many.
    Many,
    /// One.
    One,
    /// What the others leave; each language has it.
    Other,
    /// Two.
    Two,
    /// None.
    Zero,
}

/// In which language a person reads: the application's accounts know.
#[async_trait]
pub trait Languages: Send + Sync {
    /// The language that this account chose. `None` where it chose none, or none is known now: a message in the
    /// language of [`Templates`](crate::Templates) is better than none.
    async fn language(&self, subject: &Subject) -> Option<Language>;
}

/// A delivery that asks in which language a message's [subject](Message::of) reads, as it leaves.
#[derive(Clone, Debug)]
pub struct Localized<D, L> {
    inner: D,
    languages: L,
}

impl<D: Delivery, L: Languages> Localized<D, L> {
    /// In front of a delivery: around what renders, and inside of what queues.
    pub const fn new(inner: D, languages: L) -> Self {
        Self { inner, languages }
    }
}

#[async_trait]
impl<D: Delivery, L: Languages> Delivery for Localized<D, L> {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        match (message.language(), message.subject()) {
            (None, Some(subject)) => {
                let language = self.languages.language(subject).await;
                let message = message.in_language(language);
                self.inner.deliver(&message).await
            }
            _ => self.inner.deliver(message).await,
        }
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.inner.sends(purpose)
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        self.inner.sends_prompts(purpose)
    }
}
