//! How an SMTP server is reached, from configuration.

use core::{fmt, net::IpAddr, num::NonZeroU16, time::Duration};
use std::sync::Arc;

use lettre::{Address, message::Mailbox};
use ott_core::Destination;
use zeroize::Zeroizing;

use super::{
    SmtpDelivery,
    access::AccessTokens,
    auth::SignIn,
    connect::{Protection, Reach, Server},
    error::SmtpConfigError,
    tls::Tls,
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
    sign_in: Option<SignIn>,
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
            sign_in: None,
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
            protection: Protection::Plaintext(Reach::Loopback),
            ..self
        }
    }

    /// No TLS at all, port 25, to a relay in a private network: a container's `mailhog:1025`.
    ///
    /// # Security
    /// Whoever can listen on that network, or answer for the relay's name or address, reads every code and link, and
    /// can sign in with it before the person does. So it takes no credentials, and goes to private addresses alone
    /// (RFC 1918, 3927, 4193, 6598 and loopback), whatever the name leads to.
    #[must_use]
    pub fn plaintext_that_the_whole_network_can_read(self) -> Self {
        Self {
            protection: Protection::Plaintext(Reach::PrivateNetwork),
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
        let (user, password) = (user.into(), Zeroizing::new(password.into()));
        Self {
            sign_in: Some(SignIn::Password { user, password }),
            ..self
        }
    }

    /// A user name and a source of access tokens (AUTH OAUTHBEARER, RFC 7628, or XOAUTH2), instead of a password.
    #[must_use]
    pub fn access_tokens(
        self,
        user: impl Into<String>,
        source: impl AccessTokens + 'static,
    ) -> Self {
        let (user, source) = (user.into(), Arc::new(source));
        Self {
            sign_in: Some(SignIn::Token { user, source }),
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
        let loopback = Protection::Plaintext(Reach::Loopback);
        if self.protection == loopback && !is_loopback(&self.host) {
            return Err(SmtpConfigError::PlaintextNotLoopback);
        }
        // The rule of destinations; and a Message-ID, of which the domain is a part, is ASCII.
        let from = Destination::email(self.from).ok();
        let from = from.as_ref().and_then(Destination::mailbox);
        let from = from.filter(|(local, _)| local.is_ascii());
        let from = from.map(|(local, domain)| Address::new_dangerous(local, domain));
        let from = from.ok_or(SmtpConfigError::From)?;
        let hello = match self.hello {
            None => "[127.0.0.1]".to_owned(),
            Some(name) if is_host(&name) => match name.parse() {
                Ok(IpAddr::V4(address)) => format!("[{address}]"),
                Ok(IpAddr::V6(address)) => format!("[IPv6:{address}]"),
                Err(_) => name,
            },
            Some(_) => return Err(SmtpConfigError::Hello),
        };
        if let Some(sign_in) = &self.sign_in {
            if !sign_in.is_sayable() {
                return Err(SmtpConfigError::Credentials);
            }
            if self.protection == Protection::Plaintext(Reach::PrivateNetwork) {
                return Err(SmtpConfigError::CredentialsInClear);
            }
        }
        let tls = match self.protection {
            Protection::Plaintext(_) => None,
            _ => Some(Tls::new(&self.host, self.authority.as_deref())?),
        };
        let standard_port = match self.protection {
            Protection::Implicit => 465,
            Protection::Plaintext(_) => 25,
            Protection::Starttls => 587,
        };
        let server = Server {
            host: self.host,
            port: self.port.unwrap_or(standard_port),
            protection: self.protection,
            tls,
            hello,
            sign_in: self.sign_in,
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

fn is_host(host: &str) -> bool {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    (!host.is_empty() && host.bytes().all(named)) || host.parse::<IpAddr>().is_ok()
}
