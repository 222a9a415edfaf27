//! How mail leaves: by SMTP, or, in a build that has it, into the development outbox.

use std::{io, path::PathBuf, sync::Arc};

use twofa_providers::token_delivery::{Delivery, SmtpConfigError, SmtpDelivery, Templates};

use crate::private;

/// The server that takes mail over, with STARTTLS on port 587.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Its name.
    pub host: String,
    /// The address that messages come from.
    pub from: String,
    /// The user's name, and a file with nothing but their password.
    pub user: Option<(String, PathBuf)>,
}

/// Why no mail can leave.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// Nothing says how.
    #[error(
        "no way to send mail: --smtp names a server; for a demonstration without one, build it with `--features outbox`"
    )]
    Nowhere,
    /// The file with the password cannot be read.
    #[error("the file with the password for SMTP cannot be used")]
    Password(#[source] io::Error),
    /// The server's name, the sender's address or the user does not fit.
    #[error(transparent)]
    Smtp(#[from] SmtpConfigError),
}

impl Smtp {
    pub(crate) fn delivery(&self, words: Templates) -> Result<Arc<dyn Delivery>, MailError> {
        let mut smtp = SmtpDelivery::builder(self.host.as_str(), self.from.as_str(), words);
        if let Some((user, file)) = &self.user {
            private::check(file).map_err(MailError::Password)?;
            let password = std::fs::read_to_string(file).map_err(MailError::Password)?;
            smtp = smtp.credentials(user.as_str(), password.trim_end_matches(['\r', '\n']));
        }
        Ok(Arc::new(smtp.build()?))
    }
}
