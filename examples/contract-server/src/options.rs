//! The options that every server takes.

use core::net::SocketAddr;
use std::path::PathBuf;

/// The options that every server takes. Flatten them into a server's own.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The folder of the keys and of the SQLite file; made if missing
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Another database than the file in the data folder: sqlite:…, postgres://…
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Accounts that are made at the first start, JSON
    #[arg(long, value_name = "FILE")]
    pub accounts: Option<PathBuf>,
    #[cfg(any(debug_assertions, feature = "development"))]
    /// Development: what is sent goes into this file, one JSON object a line, codes in clear
    #[arg(long, value_name = "FILE")]
    pub outbox: Option<PathBuf>,
    #[cfg(any(debug_assertions, feature = "development"))]
    /// Development: a file with the seconds by which this server's clock is ahead
    #[arg(long, value_name = "FILE")]
    pub clock: Option<PathBuf>,
    /// Switches and lifetimes, JSON
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// The server that takes mail over, with STARTTLS on port 587
    #[arg(long, value_name = "HOST", requires = "mail_from")]
    pub smtp: Option<String>,
    /// The address that mail comes from
    #[arg(long, value_name = "ADDRESS", requires = "smtp")]
    pub mail_from: Option<String>,
    /// Who sends, at that server
    #[arg(long, value_name = "NAME", requires_all = ["smtp", "smtp_password"])]
    pub smtp_user: Option<String>,
    /// A file with nothing but their password
    #[arg(long, value_name = "FILE", requires = "smtp_user")]
    pub smtp_password: Option<PathBuf>,
}

impl Options {
    /// Whether somebody only wants to look: nothing says where data, accounts or messages are. In a build for release nobody
    /// does: it has no outbox to look into.
    #[must_use]
    #[cfg(any(debug_assertions, feature = "development"))]
    pub const fn is_trial(&self) -> bool {
        self.data.is_none()
            && self.database.is_none()
            && self.accounts.is_none()
            && self.outbox.is_none()
            && self.smtp.is_none()
    }

    /// Whether somebody only wants to look: in a build for release nobody does.
    #[must_use]
    #[cfg(not(any(debug_assertions, feature = "development")))]
    pub const fn is_trial(&self) -> bool {
        false
    }
}
