//! How an SMTP server is reached, from configuration.

use core::{error::Error, fmt, net::IpAddr, num::NonZeroU16, time::Duration};

use lettre::{
    Address,
    message::Mailbox,
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, TlsParameters},
        extension::ClientId,
    },
};

use super::{
    SmtpDelivery,
    connect::{Protection, Server},
};
use crate::{Templates, link::is_loopback};

/// How an SMTP server is reached: made by [`SmtpDelivery::builder`]. `Debug` prints no credentials.
#[derive(Clone)]
pub struct SmtpBuilder {
    host: String,
    port: Option<u16>,
    from: String,
    templates: Templates,
    protection: Protection,
    credentials: Option<(String, String)>,
    authority: Option<Vec<u8>>,
    hello: Option<String>,
    timeout: Duration,
    connections: NonZeroU16,
}

impl SmtpBuilder {
    pub(super) fn new(host: String, from: String, templates: Templates) -> Self {
        Self {
            host,
            port: None,
            from,
            templates,
            protection: Protection::Starttls,
            credentials: None,
            authority: None,
            hello: None,
            timeout: Duration::from_secs(15),
            connections: NonZeroU16::MIN.saturating_add(3),
        }
    }

    /// TLS from the first byte, port 465: better where the server has it (RFC 8314 section 3).
    #[must_use]
    pub fn implicit_tls(self) -> Self {
        Self {
            protection: Protection::Implicit,
            ..self
        }
    }

    /// No TLS at all, port 25: for a relay on this machine. Any other host is refused.
    #[must_use]
    pub fn plaintext_on_loopback(self) -> Self {
        Self {
            protection: Protection::Plaintext,
            ..self
        }
    }

    /// Another port than 587 (465 for implicit TLS, 25 for plaintext).
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        Self {
            port: Some(port),
            ..self
        }
    }

    /// A user name and a password (AUTH PLAIN or LOGIN, RFC 4954).
    #[must_use]
    pub fn credentials(self, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            credentials: Some((user.into(), password.into())),
            ..self
        }
    }

    /// Trusts these authorities (PEM) and no other, instead of those of the operating system.
    #[must_use]
    pub fn trust_only(self, pem: impl Into<Vec<u8>>) -> Self {
        Self {
            authority: Some(pem.into()),
            ..self
        }
    }

    /// The name that this machine gives of itself; without it, an address literal
    /// (RFC 5321 section 4.1.4). Some servers ask for one that resolves.
    #[must_use]
    pub fn hello(self, name: impl Into<String>) -> Self {
        Self {
            hello: Some(name.into()),
            ..self
        }
    }

    /// The most that one delivery takes, waiting for a connection included: 15 seconds.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The most connections at the same time: 4.
    #[must_use]
    pub fn connections(self, connections: NonZeroU16) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// Checks the configuration. It connects to nothing yet.
    ///
    /// # Errors
    /// [`SmtpConfigError`], which names what is wrong.
    pub fn build(self) -> Result<SmtpDelivery, SmtpConfigError> {
        if !is_host(&self.host) {
            return Err(SmtpConfigError::Host);
        }
        if self.protection == Protection::Plaintext && !is_loopback(&self.host) {
            return Err(SmtpConfigError::PlaintextNotLoopback);
        }
        // The domain becomes a part of each Message-ID, which is ASCII.
        let from = Some(self.from.as_str()).filter(|from| from.is_ascii());
        let from = from.and_then(|from| from.parse::<Address>().ok());
        let from = from.ok_or(SmtpConfigError::From)?;
        let hello = match self.hello {
            None => ClientId::default(),
            Some(name) if is_host(&name) => match name.parse() {
                Ok(IpAddr::V4(address)) => ClientId::Ipv4(address),
                Ok(IpAddr::V6(address)) => ClientId::Ipv6(address),
                Err(_) => ClientId::Domain(name),
            },
            Some(_) => return Err(SmtpConfigError::Hello),
        };
        if let Some((user, password)) = &self.credentials
            && (user.is_empty() || user.chars().chain(password.chars()).any(char::is_control))
        {
            return Err(SmtpConfigError::Credentials);
        }
        let tls = match self.protection {
            Protection::Plaintext => None,
            _ => Some(tls(&self.host, self.authority.as_deref())?),
        };
        let standard_port = match self.protection {
            Protection::Implicit => 465,
            Protection::Plaintext => 25,
            Protection::Starttls => 587,
        };
        let server = Server {
            host: self.host,
            port: self.port.unwrap_or(standard_port),
            protection: self.protection,
            tls,
            hello,
            credentials: self.credentials.map(Credentials::from),
        };
        let name = self.templates.application().to_owned();
        let from = Mailbox::new(Some(name), from);
        Ok(SmtpDelivery::new(
            server,
            from,
            self.templates,
            self.timeout,
            self.connections,
        ))
    }
}

impl fmt::Debug for SmtpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpBuilder")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("protection", &self.protection)
            .finish_non_exhaustive()
    }
}

fn tls(host: &str, authority: Option<&[u8]>) -> Result<TlsParameters, SmtpConfigError> {
    let mut tls = TlsParameters::builder(host.to_owned());
    if let Some(pem) = authority {
        // lettre takes a text without any certificate for an empty list.
        let some = pem
            .windows(27)
            .any(|part| part == b"-----BEGIN CERTIFICATE-----");
        let certificates = Certificate::from_pem(pem).ok().filter(|_| some);
        let certificates = certificates.ok_or(SmtpConfigError::Certificate)?;
        tls = tls
            .certificate_store(CertificateStore::None)
            .add_root_certificate(certificates);
    }
    tls.build()
        .map_err(|error| SmtpConfigError::Tls(error.into()))
}

fn is_host(host: &str) -> bool {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (!host.is_empty() && host.bytes().all(named)) || host.parse::<IpAddr>().is_ok()
}

/// A configuration of SMTP that cannot work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpConfigError {
    /// What should be trusted holds no certificate.
    #[error("no certificate in what should be trusted")]
    Certificate,
    /// An empty user name, or control characters.
    #[error("the credentials are empty or have a control character")]
    Credentials,
    /// The sender is not a plain ASCII address.
    #[error("the sender is not an address `name@domain` in ASCII")]
    From,
    /// The machine's own name is not a host name.
    #[error("the name to say hello with is not a host name")]
    Hello,
    /// The server is not a host name or address.
    #[error("the server is not a host name or address")]
    Host,
    /// Plaintext to another machine.
    #[error("plaintext is only for localhost, 127.0.0.0/8 and ::1")]
    PlaintextNotLoopback,
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
}
