//! What became of each entry of a file.

use crate::{Entry, Reason, limits};

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
