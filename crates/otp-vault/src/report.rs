//! What became of each entry of a file.

use crate::{Entry, limits};

/// An entry of a file that could not be read. Holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its place in the file, from 0.
    pub index: usize,
    /// Why.
    pub reason: Reason,
    /// What it is called there, if anything.
    pub name: Option<String>,
}

/// Why an entry cannot be read, or not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Any but SHA-1, SHA-256, SHA-512 and MD5; of an export also MD5, which only some programs know.
    #[error("its algorithm is not supported")]
    Algorithm,
    /// The secret is not of the encoding that the format uses, or too long.
    #[error("its secret cannot be read")]
    BadSecret,
    /// A counter that is no number from 0 to below 2⁶⁴.
    #[error("its counter is out of range")]
    Counter,
    /// Fewer than 5 or more than 10.
    #[error("its number of digits is out of range")]
    Digits,
    /// A field that must be there is missing, or of another type.
    #[error("it is not of the form that this format has")]
    Form,
    /// Not an otpauth URI.
    #[error("it is not an otpauth URI")]
    NotUri,
    /// A picture among several, in which no code was found.
    #[error("it holds no QR code that can be read")]
    NoQrCode,
    /// A part of a Google migration, of which others were there.
    #[error("a part of the migration is missing")]
    MissingPart,
    /// There is no secret.
    #[error("it has no secret")]
    NoSecret,
    /// A period that is no number of seconds from 1 to below 2³¹.
    #[error("its period is out of range")]
    Period,
    /// Any type but totp, hotp, steam, motp and yandex.
    #[error("its type is not supported")]
    Type,
    /// A kind that needs a PIN, and none is there.
    #[error("it has no PIN")]
    Pin,
}

impl Reason {
    const ALL: [Reason; 12] = [
        Reason::Algorithm,
        Reason::BadSecret,
        Reason::Counter,
        Reason::Digits,
        Reason::Form,
        Reason::MissingPart,
        Reason::NoQrCode,
        Reason::NoSecret,
        Reason::NotUri,
        Reason::Period,
        Reason::Pin,
        Reason::Type,
    ];

    /// The reason with this text.
    pub(crate) fn of_text(text: &str) -> Reason {
        let known = Reason::ALL
            .into_iter()
            .find(|reason| reason.to_string() == text);
        known.unwrap_or(Reason::Form)
    }
}

/// What is told how many entries of how many were read.
pub(crate) type Progress<'a> = &'a dyn Fn(usize, usize);

/// What a reader found.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) entries: Vec<Entry>,
    pub(crate) skipped: Vec<Skipped>,
    icons: usize,
}

impl Report {
    /// Whether there are more than [`limits::ENTRIES`], or more icons than [`limits::ICONS_BYTES`].
    pub(crate) fn is_too_long(&self) -> bool {
        self.entries.len().saturating_add(self.skipped.len()) > limits::ENTRIES
            || self.icons > limits::ICONS_BYTES
    }

    /// What comes behind the cap is not kept: the file is refused then.
    pub(crate) fn note(&mut self, index: usize, name: &str, found: Result<Entry, Reason>) {
        if self.is_too_long() {
            return;
        }
        match found {
            Ok(entry) => {
                let icon = entry.icon.as_ref().map_or(0, |icon| icon.bytes().len());
                self.icons = self.icons.saturating_add(icon);
                self.entries.push(entry);
            }
            Err(reason) => {
                let name = name.trim();
                let name = (!name.is_empty()).then(|| name.chars().take(255).collect());
                self.skipped.push(Skipped {
                    index,
                    reason,
                    name,
                });
            }
        }
    }

    /// Reads items one by one, and tells how many of how many were read.
    pub(crate) fn of<T>(
        items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        progress: Progress<'_>,
        mut read: impl FnMut(T) -> (String, Result<Entry, Reason>),
    ) -> Report {
        let mut report = Report::default();
        let items = items.into_iter();
        let all = items.len();
        for (index, item) in items.enumerate() {
            let (name, found) = read(item);
            report.note(index, &name, found);
            progress(index.saturating_add(1), all);
        }
        report
    }
}
