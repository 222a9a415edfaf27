//! The languages of the shipped texts, and how each counts and runs.

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
