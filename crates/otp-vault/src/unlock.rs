//! What opens a file.

use crate::report::Progress;
use crate::{ImportError, Password};

/// What a reader may use to open a file.
pub(crate) struct Unlock<'a> {
    pub(crate) password: Option<&'a Password>,
    pub(crate) slow: &'a dyn Fn(&'static str),
    pub(crate) progress: Progress<'a>,
    pub(crate) title: &'static str,
}

impl Unlock<'_> {
    /// The password, right before a key is derived from it.
    pub(crate) fn password(&self) -> Result<&Password, ImportError> {
        let password = self
            .password
            .ok_or(ImportError::PasswordNeeded(self.title))?;
        (self.slow)(self.title);
        Ok(password)
    }

    pub(crate) fn wrong(&self) -> ImportError {
        ImportError::WrongPassword(self.title)
    }

    pub(crate) fn damaged(&self) -> ImportError {
        ImportError::Damaged(self.title)
    }
}
