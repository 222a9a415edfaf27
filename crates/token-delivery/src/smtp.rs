//! E-mail over SMTP.

mod access;
mod auth;
mod builder;
mod cached;
mod connect;
mod error;
mod offers;
mod reply;
mod session;
mod tls;
mod wire;

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
        Mailbox, MultiPart,
        header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0},
    },
};
use ott_core::{
    Purpose,
    rand::{TryRng, rngs::SysRng},
};
use tokio::{sync::Semaphore, time};
use zeroize::Zeroizing;

pub use access::{AccessToken, AccessTokens};
pub use builder::SmtpBuilder;
pub use cached::{CachedTokens, TokenIssuer};
pub use error::SmtpConfigError;
pub use reply::SmtpReply;
#[cfg(feature = "fuzzing")]
pub(crate) use wire::whole_reply;

use crate::{Delivery, DeliveryError, Message, Rendered, Templates};
use connect::Server;
use reply::Fault;
use session::{Mail, NotSent, Session};

/// A connection that lay idle for longer is not trusted to be there still: what lies between
/// forgets silent connections without telling, and a delivery would wait in vain.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// How long an idle connection may take to show that it is there, at most, and as a part of the time-out.
const PROBE: Duration = Duration::from_secs(2);
const PROBE_SHARE: u32 = 4;

/// Sends tokens by e-mail over SMTP, TLS required: as plain text, with HTML beside it where the templates
/// [render it](Templates::with_html).
///
/// It signs nothing (DKIM, RFC 6376): the relay that it hands messages to does, with the domain's key.
///
/// A delivery takes as long as the time-out at most. `Ok` says that the server took the message over.
/// The sender's display name is the application's name.
///
/// Connections are kept for the next message. One that ended meanwhile, in whatever way, fails no delivery: it is
/// found out before it is used, or the message goes over a new one, once, where the server got nothing of it yet.
/// After the server got a message, nothing is sent again.
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
/// The message passes through buffers of lettre, which composes it; they are not wiped.
///
/// Specification: RFC 5321, RFC 5322, RFC 8314, RFC 3207; RFC 3834 section 5 (`Auto-Submitted`).
pub struct SmtpDelivery {
    server: Server,
    from: Mailbox,
    templates: Templates,
    timeout: Duration,
    permits: Semaphore,
    idle: Mutex<Vec<(Session, Instant)>>,
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
        let cannot = |_| DeliveryError::Unsendable {
            which: "it cannot be composed",
        };
        // Without an envelope, lettre reads the addresses again, by a narrower rule than that of destinations.
        let envelope = Envelope::new(Some(self.from.email.clone()), vec![to.clone()]);
        let message = lettre::Message::builder()
            .envelope(envelope.map_err(cannot)?)
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(rendered.subject())
            .date_now()
            .message_id(Some(format!("<{id:032x}@{domain}>")))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(MIME_VERSION_1_0);
        let text = rendered.expose_text().to_owned();
        let message = match rendered.expose_html() {
            None => message.header(ContentType::TEXT_PLAIN).body(text),
            // The last is the one that a reader's program shows if it can (RFC 2046 section 5.1.4).
            Some(html) => {
                let both = MultiPart::alternative_plain_html(text, html.to_owned());
                message.multipart(both)
            }
        };
        Ok(Zeroizing::new(message.map_err(cannot)?.formatted()))
    }

    async fn send(&self, mail: &Mail<'_>) -> Result<(), DeliveryError> {
        // The semaphore is never closed, so this waits and cannot fail.
        let _permit = self.permits.acquire().await;
        if let Some(session) = self.rested().await {
            let sent = self.send_over(session, mail).await;
            if !matches!(&sent, Err(not_sent) if not_sent.again) {
                return sent.map_err(|not_sent| not_sent.error);
            }
        }
        let session = self.server.connect().await?;
        let sent = self.send_over(session, mail).await;
        sent.map_err(|not_sent| not_sent.error)
    }

    /// Whatever ends early here, an error, a time-out or a dropped future, drops the connection with it: a
    /// half-spoken one is never used again.
    async fn send_over(&self, mut session: Session, mail: &Mail<'_>) -> Result<(), NotSent> {
        let sent = session.send(mail).await;
        if sent.is_ok() {
            self.idle().push((session, Instant::now()));
        } else {
            session.leave().await;
        }
        sent
    }

    /// A kept connection that is there still.
    async fn rested(&self) -> Option<Session> {
        let patience = PROBE.min(self.timeout.checked_div(PROBE_SHARE).unwrap_or(PROBE));
        loop {
            let (mut session, since) = self.idle().pop()?;
            if since.elapsed() >= LONGEST_IDLE {
                continue;
            }
            match time::timeout(patience, session.is_alive()).await {
                Ok(true) => return Some(session),
                Ok(false) => {}
                // What lies between swallows what is said, here and on the others.
                Err(_) => self.idle().clear(),
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Session, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Delivery for SmtpDelivery {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        let destination = message.destination();
        let (local, domain) = destination.mailbox().ok_or(DeliveryError::WrongChannel {
            channel: destination.channel(),
        })?;
        // Its own check would refuse what the rule of destinations, which has passed, lets in.
        let to = Address::new_dangerous(local, domain);
        let rendered = self.templates.render(message)?;
        let message = self.compose(&to, &rendered)?;
        let mail = Mail {
            from: self.from.email.as_ref(),
            to: to.as_ref(),
            message: &message,
        };
        match time::timeout(self.timeout, self.send(&mail)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(DeliveryError::Unavailable(Fault::Timeout.into())),
        }
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.templates.has(purpose)
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        self.templates.has_prompt(purpose)
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
