//! How many rows of a list are right.

use core::fmt;

use otp_vault::ImportError;

#[derive(Default)]
pub(crate) struct Rows {
    right: usize,
    pub(crate) wrong: Vec<String>,
    named: Vec<String>,
}

impl Rows {
    pub(crate) fn check(&mut self, name: &str, is_right: bool) {
        if is_right {
            self.right += 1;
        } else {
            self.wrong.push(name.to_owned());
        }
    }

    /// A file that was not read: wrong, unless it is of a format that is named instead.
    pub(crate) fn refused(&mut self, name: &str, error: ImportError) {
        match error {
            ImportError::NotSupported(_) => self.named.push(name.to_owned()),
            error => self.wrong.push(format!("{name}: {error}")),
        }
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} right", self.right)?;
        for name in &self.named {
            write!(f, "\n    named and not read: {name}")?;
        }
        for name in &self.wrong {
            write!(f, "\n    WRONG: {name}")?;
        }
        Ok(())
    }
}
