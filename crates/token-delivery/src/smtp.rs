//! E-mail over SMTP.

mod builder;
mod connect;
mod reply;
mod until_tls;

use core::{fmt, num::NonZeroU16, time::Duration};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use lettre::{
    Address,
    address::Envelope,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0},
    },
    transport::smtp::client::AsyncSmtpConnection,
};
use ott_core::{
    Channel, Purpose,
    rand::{TryRng, rngs::SysRng},
};
use tokio::{sync::Semaphore, time};
use zeroize::Zeroizing;

pub use builder::{SmtpBuilder, SmtpConfigError};
pub use reply::SmtpReply;

use crate::{Delivery, DeliveryError, Message, Rendered, Templates};
use connect::Server;
use reply::{Fault, Phase, sort};

/// A connection that lay idle for longer is not trusted to be there still: what lies between
/// forgets silent connections without telling, and a delivery would wait in vain.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// Sends tokens by e-mail over SMTP, as plain text, TLS required.
///
/// A delivery takes as long as the time-out at most, and is tried once. `Ok` says that the server
/// took the message over. The sender's display name is the application's name.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (templates, password) = (token_delivery::Templates::new("Example", [])?, String::new());
/// use token_delivery::SmtpDelivery;
/// let smtp = SmtpDelivery::builder("smtp.example.org", "no-reply@example.org", templates)
///     .credentials("application", password)
///     .build()?;
/// # Ok(()) }
/// ```
///
/// # Security
/// STARTTLS, the default, is required: a server or an attacker that does not offer it gets neither
/// credentials nor message. The server's certificate must be one for its host, from an authority
/// that the operating system trusts, or from [`SmtpBuilder::trust_only`].
///
/// The message passes through lettre's buffers, which are not wiped. Do not enable lettre's feature
/// `tracing` anywhere in the application: it logs each message, token included.
///
/// Specification: RFC 5321, RFC 5322, RFC 8314, RFC 3207; RFC 3834 section 5 (`Auto-Submitted`).
pub struct SmtpDelivery {
    server: Server,
    from: Mailbox,
    templates: Templates,
    timeout: Duration,
    permits: Semaphore,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl SmtpDelivery {
    /// A delivery through the server `host` from the address `from`, with STARTTLS on port 587.
    #[must_use]
    pub fn builder(
        host: impl Into<String>,
        from: impl Into<String>,
        templates: Templates,
    ) -> SmtpBuilder {
        SmtpBuilder::new(host.into(), from.into(), templates)
    }

    fn new(
        server: Server,
        from: Mailbox,
        templates: Templates,
        timeout: Duration,
        connections: NonZeroU16,
    ) -> Self {
        Self {
            server,
            from,
            templates,
            timeout,
            permits: Semaphore::new(usize::from(connections.get())),
            idle: Mutex::default(),
        }
    }

    fn compose(
        &self,
        to: &Address,
        rendered: &Rendered,
    ) -> Result<Zeroizing<Vec<u8>>, DeliveryError> {
        let mut id = [0; 16];
        let drawn = SysRng.try_fill_bytes(&mut id);
        drawn.map_err(|_| DeliveryError::Unavailable(Fault::Random.into()))?;
        let id = u128::from_be_bytes(id);
        let domain = self.from.email.domain();
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let message = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(rendered.subject())
            .date_now()
            .message_id(Some(format!("<{id:032x}@{domain}>")))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .body(rendered.expose_text().to_owned());
        let message = message.map_err(|_| DeliveryError::Refused(Fault::Address.into()))?;
        let mut message = Zeroizing::new(message.formatted());
        // The line end before the final dot is the last line's own (RFC 5321 section 4.1.1.4).
        let length = message
            .strip_suffix(b"\r\n")
            .map_or(message.len(), <[u8]>::len);
        message.truncate(length);
        Ok(message)
    }

    async fn send(&self, envelope: &Envelope, message: &[u8]) -> Result<(), DeliveryError> {
        // The semaphore is never closed, so this waits and cannot fail.
        let _permit = self.permits.acquire().await;
        let mut connection = self.connection().await?;
        // Whatever ends here early, an error, a time-out or a dropped future, drops the connection
        // with it: a half-spoken one is never used again.
        let sent = connection.send(envelope, message).await;
        sent.map_err(|error| sort(error, Phase::Send))?;
        self.idle().push((connection, Instant::now()));
        Ok(())
    }

    async fn connection(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        loop {
            let idle = self.idle().pop();
            let Some((mut connection, since)) = idle else {
                return self.server.connect().await;
            };
            if since.elapsed() < LONGEST_IDLE && connection.test_connected().await {
                return Ok(connection);
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(AsyncSmtpConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Delivery for SmtpDelivery {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let destination = message.destination();
        if destination.channel() != Channel::Email {
            return Err(DeliveryError::WrongChannel {
                channel: destination.channel(),
            });
        }
        let address = destination.address();
        // Receivers exist that decode an encoded word (RFC 2047) also here, where it is none, and
        // so deliver to another address than the one that was checked.
        let to = Some(address).filter(|address| !address.contains("=?"));
        let to = to.and_then(|address| address.parse::<Address>().ok());
        let to = to.ok_or_else(|| DeliveryError::Refused(Fault::Address.into()))?;
        let rendered = self.templates.render(message)?;
        let bytes = self.compose(&to, &rendered)?;
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to]);
        let envelope = envelope.map_err(|_| DeliveryError::Refused(Fault::Address.into()))?;
        match time::timeout(self.timeout, self.send(&envelope, &bytes)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DeliveryError::Unavailable(Fault::Timeout.into())),
        }
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.templates.has(purpose)
    }
}

impl fmt::Debug for SmtpDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpDelivery")
            .field("host", &self.server.host)
            .field("port", &self.server.port)
            .field("protection", &self.server.protection)
            .finish_non_exhaustive()
    }
}
