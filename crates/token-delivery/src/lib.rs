//! How a token, or news about an account, reaches a person.
//!
//! ```
//! use token_delivery::ott_core::{Destination, Format, Policy, Purpose, Token, rand};
//! use token_delivery::{Delivery, Message, Outbox, Template, Templates};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!
//! const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
//! let words = Template::new(&SECOND_STEP, "Your code", "{token} signs you in to {application}.");
//! let outbox = Outbox::new(10).templates(Templates::new("Example", [words])?); // or SmtpDelivery
//! let address = Destination::email("alice@example.org")?; // from the account
//! let token = Token::try_generate_from_rng(&Format::DIGITS_6, &mut rand::rngs::SysRng)?;
//! outbox.deliver(&Message::new(SECOND_STEP.purpose(), &address, &token)).await?;
//! let sent = outbox.last().ok_or("nothing was sent")?;
//! let code = token.expose_secret();
//! assert_eq!(sent.expose_text(), Some(&*format!("{code} signs you in to Example.")));
//! # Ok(()) }
//! ```
//!
//! An application holds one [`Delivery`] and gives it a [`Message`]; the words come from
//! [`Templates`], which were checked when it started.
//!
//! # What it guarantees
//!
//! * Nothing of a request reaches a message: [`Message`] has no field for a text, a link or a host. The one text that
//!   is the account's own, its [`Phrase`], is checked and stored before.
//! * A message goes to exactly the stored address, unfolded and undecoded, its domain in A-labels. Each
//!   `Destination` of e-mail can be mailed to: one rule lets it in and out.
//! * A link carries the token in its fragment: servers, their logs and `Referer` never see it. A
//!   template that puts `{token}` into an address itself is refused.
//! * A language that a purpose lacks is named when the [`Templates`] are built, not when a message is sent. Codes keep the order
//!   of their digits beside text from right to left.
//! * HTML beside the text is the same words, escaped: it loads nothing and has no link but the token's.
//! * No line break reaches a subject, an address or an SMTP command.
//! * No token, link, address or password is in a `Debug` text, an error or a log of this crate; what
//!   a server answers is kept as a number alone, because servers repeat what they were sent.
//! * E-mail leaves over TLS with a verified certificate, or to this machine, or not at all; to a private network
//!   where that is asked for by a name that says what it means. What an attacker slips in before STARTTLS ends the
//!   connection.
//! * A delivery ends within its time-out, and a connection that was left in the middle of a message
//!   carries no other. One that ended while it was idle fails no delivery.
//!
//! # What it does not
//!
//! * Only `DeliveryQueue` queues and tries again. Of every other delivery, `Ok` says that the next hop took the message over.
//! * It limits nothing but what paid messages cost (`SpendGuard`): spend limits per account, address and network before
//!   calling it.
//! * A push is no proof that a device was reached: its service took it over. It carries a prompt's public id, never a
//!   token and never the number; Apple and Google read the words, a browser's service does not.
//! * It does not run in the background. If a form accepts unknown addresses, answer first and send
//!   from a background task; else the response time shows who has an account: see [`Delivery`].
//! * Mail is read by every server that it passes: a token by e-mail proves access to a mailbox.
//! * lettre, which composes the message, copies it into buffers that are not wiped.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `gateway` | `Gateway`: SMS and voice over an HTTP gateway that templates describe |
//! | `http` | `HttpClient`, which asks once, over rustls |
//! | `outbox` | `Outbox`, which shows tokens in clear: for development and tests; do not turn it on where messages are real |
//! | `push` | `Push`: prompts over FCM, APNs and Web Push |
//! | `queue` | `DeliveryQueue`: messages wait in the application's database, and leave from a task |
//! | `smtp` | `SmtpDelivery`: e-mail over SMTP, on tokio and rustls, composed by lettre |
//! | `spend` | `SpendGuard`: what paid messages may cost, counted in a `LimitStore` of `token-store` |
//!
//! # Specifications
//!
//! | what | where |
//! | --- | --- |
//! | SMTP, its replies, STARTTLS, sign-in | RFC 5321, RFC 3207, RFC 4954 |
//! | TLS for mail submission | RFC 8314 |
//! | the message and its encoding | RFC 5322, RFC 2045, RFC 2046, RFC 2047 |
//! | languages: tags, plurals, directions | RFC 5646, CLDR 46 (UTS 35), UAX #9 |
//! | sign-in by access tokens | RFC 7628, RFC 6750; XOAUTH2 as Google and Microsoft describe it |
//! | addresses that are not ASCII | RFC 6531, RFC 5890, UTS 46 |
//! | `Auto-Submitted`, so that no absence note answers | RFC 3834 section 5 |
//! | gateways: JSON, and where in it an answer stands | RFC 8259, RFC 6901 |
//! | pushes to browsers: protocol, encryption, who sends | RFC 8030, RFC 8291, RFC 8292 |
//! | pushes over Google and Apple | FCM HTTP v1, the provider API of APNs; RFC 7515, RFC 7518, RFC 7523 |
//! | networks that no stranger names | RFC 6890 |
//! | links and fragments | RFC 3986 sections 2.3 and 3.5, RFC 9110 section 10.1.3 |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod delivery;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "gateway")]
mod gateway;
#[cfg(feature = "http")]
mod http;
mod language;
mod link;
mod localized;
mod message;
mod notice;
#[cfg(feature = "outbox")]
mod outbox;
mod phrase;
#[cfg(feature = "push")]
mod push;
#[cfg(feature = "queue")]
mod queue;
mod shipped;
#[cfg(feature = "smtp")]
mod smtp;
#[cfg(feature = "spend")]
mod spend;
mod template;
mod template_error;
mod undelivered;
mod words;

// The contract.
pub use delivery::Delivery;
pub use error::{DeliveryError, SpendLimit};
pub use message::Message;
pub use notice::{Notice, NoticeText};
pub use phrase::{InvalidPhrase, Phrase};
pub use undelivered::Undelivered;

// The words.
pub use language::{Language, Plural};
pub use localized::{Languages, Localized};
pub use template::{Rendered, Template, Templates};
pub use template_error::{TemplateFault, TemplatesError};
pub use words::Text;

// Deliveries.
#[cfg(feature = "gateway")]
pub use gateway::{
    Gateway, GatewayBuilder, GatewayConfigError, GatewayStatus, Receipt, ReceiptOutcome,
    ReceiptRule, Taken,
};
#[cfg(feature = "outbox")]
pub use outbox::{Outbox, Sent};
#[cfg(feature = "push")]
pub use push::{
    Apns, ApnsKey, DeviceToken, Fcm, InvalidPushAddress, Push, PushAddress, PushConfigError,
    PushOptions, PushStatus, Subscription, VapidKey, WebPush,
};
#[cfg(feature = "smtp")]
pub use smtp::{
    AccessToken, AccessTokens, CachedTokens, SmtpBuilder, SmtpConfigError, SmtpDelivery, SmtpReply,
    TokenIssuer,
};

// What waits.
#[cfg(feature = "queue")]
pub use queue::{DeliveryQueue, QueueBuilder, QueueConfigError, Worked};

// What paid ones may cost.
#[cfg(feature = "spend")]
pub use spend::{KeptBack, SpendConfigError, SpendEvents, SpendGuard, SpendGuardBuilder};

// What deliveries over HTTP stand on.
#[cfg(feature = "http")]
pub use http::{HttpAnswer, HttpClient, HttpClientBuilder, HttpError, HttpRequest};

pub use ott_core;
