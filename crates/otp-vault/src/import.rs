//! From a file to entries.

use crate::file::File;
use crate::format::{self, Format};
use crate::report::{Progress, Skipped};
use crate::unlock::Unlock;
use crate::{ImportError, Imported, Password};

/// A file that is to be read.
pub struct Import<'a> {
    bytes: &'a [u8],
    format: Option<&'a str>,
    password: Option<&'a Password>,
    slow: &'a dyn Fn(&'static str),
    progress: Progress<'a>,
    empty: &'a dyn Fn(&[Skipped]),
}

impl<'a> Import<'a> {
    /// A file with this content, of any format.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Import<'a> {
        Import {
            bytes,
            format: None,
            password: None,
            slow: &|_| {},
            progress: &|_, _| {},
            empty: &|_| {},
        }
    }

    /// The name of the format that it has, instead of what the content says.
    #[must_use]
    pub fn format(self, name: &'a str) -> Import<'a> {
        Import {
            format: Some(name),
            ..self
        }
    }

    /// The password that opens it.
    #[must_use]
    pub fn password(self, password: &'a Password) -> Import<'a> {
        Import {
            password: Some(password),
            ..self
        }
    }

    /// What is called with the format's title before a key is derived, which may take seconds.
    #[must_use]
    pub fn before_derivation(self, slow: &'a dyn Fn(&'static str)) -> Import<'a> {
        Import { slow, ..self }
    }

    /// What is called with how many entries of how many were read, after each.
    #[must_use]
    pub fn progress(self, progress: &'a dyn Fn(usize, usize)) -> Import<'a> {
        Import { progress, ..self }
    }

    /// What is called with the entries that were skipped before [`ImportError::Empty`]: where none is left.
    #[must_use]
    pub fn when_empty(self, empty: &'a dyn Fn(&[Skipped])) -> Import<'a> {
        Import { empty, ..self }
    }

    /// Reads the file.
    ///
    /// # Errors
    /// [`ImportError`]: nothing was read then.
    pub fn read(&self) -> Result<Imported, ImportError> {
        let file = File::new(self.bytes)?;
        let format = match self.format {
            Some(name) => format::by_name(name).ok_or(ImportError::UnknownFormat)?,
            None => recognise(&file)?,
        };
        let read = format.read.ok_or(ImportError::NotSupported(format.title))?;
        let unlock = Unlock {
            password: self.password,
            slow: self.slow,
            progress: self.progress,
            title: format.title,
        };
        let report = read(&file, &unlock)?;
        if report.is_too_long() {
            return Err(ImportError::TooMuchWork);
        }
        if report.entries.is_empty() {
            (self.empty)(&report.skipped);
            return Err(ImportError::Empty(format.title));
        }
        Ok(Imported {
            format: format.name,
            entries: report.entries,
            skipped: report.skipped,
        })
    }
}

fn recognise(file: &File<'_>) -> Result<&'static Format, ImportError> {
    if let Some(format) = format::formats()
        .iter()
        .find(|format| (format.recognise)(file))
    {
        return Ok(format);
    }
    if file.looks_like_json() && file.json.is_none() {
        return Err(ImportError::Damaged("JSON"));
    }
    Err(ImportError::Unrecognised)
}

impl core::fmt::Debug for Import<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Import(..)")
    }
}
