//! What all push services are set up with.

use core::{fmt, time::Duration};
use std::sync::Arc;

use token_store::{Clock, SystemClock};

use crate::{HttpClient, HttpError, HttpRequest};

/// How pushes are sent. The defaults are for a service that answers.
#[derive(Clone)]
#[must_use]
pub struct PushOptions {
    pub(super) patience: Duration,
    pub(super) tries: u8,
    pub(super) pause: Duration,
    pub(super) lasting: Duration,
    pub(super) private_networks: bool,
    pub(super) clock: Arc<dyn Clock>,
    authorities: Option<Vec<u8>>,
    address: Option<String>,
}

/// Why pushes cannot be sent as this is set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushConfigError {
    /// A file of Google's that is none, or lacks something.
    #[error("no key file of a service account: {0}")]
    Account(&'static str),
    /// An address that is none, or neither `https` nor on this machine.
    #[error("an address is https, or on this machine")]
    Address,
    /// A key that cannot be read, or of another kind.
    #[error("no key: {0}")]
    Key(&'static str),
    /// What stands in a header or claim and cannot.
    #[error("{0} has characters that do not belong there, or none")]
    Name(&'static str),
    /// Certificate authorities that cannot be read.
    #[error(transparent)]
    Http(#[from] HttpError),
}

impl Default for PushOptions {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(10),
            tries: 3,
            pause: Duration::from_millis(500),
            lasting: Duration::from_secs(600),
            private_networks: false,
            clock: Arc::new(SystemClock),
            authorities: None,
            address: None,
        }
    }
}

impl PushOptions {
    /// How long one try may last: 10 seconds.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How often a push is tried, at least once, and the first pause, which doubles: 3 times and 500 ms. A device that is
    /// told twice shows one message.
    pub fn tries(mut self, tries: u8, pause: Duration) -> Self {
        (self.tries, self.pause) = (tries.max(1), pause);
        self
    }

    /// For how long the service keeps a push for a device that is off: 10 minutes, as a prompt lasts.
    pub fn lasting(mut self, lasting: Duration) -> Self {
        self.lasting = lasting;
        self
    }

    /// Another service than the vendor's own: [`Apns::SANDBOX`](super::Apns::SANDBOX), a relay, a test. `https`, or on this
    /// machine. Web Push has no such address: each browser brings one.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.address = Some(address.into());
        self
    }

    /// Certificates of these authorities (PEM) alone.
    pub fn authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Another clock than the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Web Push goes to this machine and into private networks, too.
    ///
    /// # Security
    /// Whoever registers a browser names the address: with this, the server sends requests to your own machines for them.
    pub fn accepting_private_networks(mut self) -> Self {
        self.private_networks = true;
        self
    }

    /// A client with the authorities, as `set_up` says.
    pub(super) fn client(
        &self,
        set_up: impl FnOnce(crate::HttpClientBuilder) -> crate::HttpClientBuilder,
    ) -> Result<HttpClient, HttpError> {
        let mut builder = HttpClient::builder(self.patience);
        if let Some(pem) = &self.authorities {
            builder = builder.authorities(pem.as_slice());
        }
        set_up(builder).build()
    }

    /// The address that is set, or this one, without a slash at its end.
    pub(super) fn base(&self, vendors: &str) -> Result<String, PushConfigError> {
        let base = self.address.as_deref().unwrap_or(vendors);
        checked(base)?;
        Ok(base.trim_end_matches('/').into())
    }
}

/// An address that a credential may go to.
pub(super) fn checked(address: &str) -> Result<(), PushConfigError> {
    match HttpRequest::new("POST", address, "") {
        Ok(request) if request.is_private() => Ok(()),
        _ => Err(PushConfigError::Address),
    }
}

impl fmt::Debug for PushOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushOptions").finish_non_exhaustive()
    }
}
