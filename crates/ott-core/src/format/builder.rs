//! Formats of one's own, checked where they are written.

use super::Format;

/// Builds a [`Format`] of one's own. In a constant each fault is an error of the compiler.
///
/// A small format can be built as well. Whether tokens of it can be used safely depends on how often
/// somebody may guess: an account whose [`AccountBudget`](crate::AccountBudget) exceeds one in a thousand a
/// year does not start, whatever the format. Behind the default allowance that takes six digits. A PIN of
/// 9,000 values takes an allowance or pace of at most eight guesses and one more a year.
///
/// ```
/// use ott_core::Format;
/// /// 1000 to 9999.
/// const PIN: Format = Format::builder("0123456789", 4).no_leading_zero().build();
/// /// Shown `abcd-1234`, read in either case, with dots or dashes or without.
/// const PAIRING: Format = Format::builder("abcdefghijkmnpqrstuvwxyz23456789", 8)
///     .typed_in_groups_of(4)
///     .separators(" -.")
///     .build();
/// assert_eq!(PIN.code_space(), 9_000);
/// assert_eq!(PAIRING.entropy_bits(), 40);
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct FormatBuilder(Format);

impl FormatBuilder {
    pub(crate) const fn new(alphabet: &'static str, length: u8) -> Self {
        Self(Format {
            alphabet,
            length,
            group: 0,
            separators: "",
            folds_case: false,
            leads: false,
            prefix: None,
        })
    }

    /// A dash after each `group` symbols when it is shown; typed forgivingly: spaces and dashes are
    /// dropped, case is folded.
    pub const fn typed_in_groups_of(self, group: u8) -> Self {
        Self(Format {
            group,
            separators: " -",
            folds_case: true,
            ..self.0
        })
    }

    /// Drops these characters from what was typed. A format with the space among them is one that a person types or
    /// pastes: all blanks and what is not seen are dropped with it, and digits, letters and dashes of another script
    /// or width are read as ASCII's.
    pub const fn separators(self, separators: &'static str) -> Self {
        Self(Format {
            separators,
            ..self.0
        })
    }

    /// Reads letters in either case.
    pub const fn folding_case(self) -> Self {
        Self(Format {
            folds_case: true,
            ..self.0
        })
    }

    /// The first symbol is never the alphabet's first: digits that do not begin with a zero.
    pub const fn no_leading_zero(self) -> Self {
        Self(Format {
            leads: true,
            ..self.0
        })
    }

    /// The format.
    ///
    /// # Panics
    /// At compile time in a constant: if the alphabet is not 2 to 94 different visible ASCII
    /// characters, if there is no symbol at all or one token in all, if a separator is a symbol too, if
    /// the dash between groups is no separator, or if case is folded and both cases of a letter are
    /// symbols.
    #[must_use]
    pub const fn build(self) -> Format {
        let format = self.0;
        let alphabet = format.alphabet.as_bytes();
        let separators = format.separators.as_bytes();
        assert!(format.length > 0, "a token has at least one symbol");
        assert!(
            alphabet.len() >= 2 && alphabet.len() <= 94,
            "an alphabet has 2 to 94 symbols"
        );
        let mut rest = alphabet;
        while let [symbol, others @ ..] = rest {
            assert!(symbol.is_ascii_graphic(), "a symbol is visible ASCII");
            assert!(!contains(others, *symbol), "a symbol stands twice");
            // Without folding, that is the symbol itself: asked already.
            let folded = if format.folds_case {
                other_case(*symbol)
            } else {
                *symbol
            };
            assert!(
                !contains(separators, *symbol) && !contains(separators, folded),
                "a separator is a symbol too"
            );
            assert!(
                !contains(others, folded),
                "both cases of a letter are symbols, and case is folded"
            );
            rest = others;
        }
        assert!(
            format.group == 0 || contains(separators, b'-'),
            "what is shown with dashes is read with dashes"
        );
        assert!(format.separators.is_ascii(), "a separator is ASCII");
        assert!(format.code_space() >= 2, "a format has two tokens at least");
        format
    }
}

const fn other_case(symbol: u8) -> u8 {
    match symbol {
        b'a'..=b'z' => symbol.to_ascii_uppercase(),
        b'A'..=b'Z' => symbol.to_ascii_lowercase(),
        // No letter, so it has one spelling.
        _ => symbol,
    }
}

const fn contains(bytes: &[u8], wanted: u8) -> bool {
    let mut rest = bytes;
    while let [first, others @ ..] = rest {
        if *first == wanted {
            return true;
        }
        rest = others;
    }
    false
}
