//! How a token, or news about an account, reaches a person.
//!
//! ```
//! use token_delivery::{Delivery, Message, Outbox, Template, Templates, ott_core::*};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
//! let words = Template::new(&SECOND_STEP, "Your code", "{token} completes your sign-in to {application}.");
//! let outbox = Outbox::new(10).templates(Templates::new("Example", [words])?);
//! let address = Destination::email("alice@example.org")?; // from the account
//! # let token = Token::try_generate_from_rng(&Format::DIGITS_6, &mut rand::rngs::SysRng)?;
//! outbox.deliver(&Message::new(SECOND_STEP.purpose(), &address, &token)).await?;
//! let sent = outbox.last().ok_or("nothing was sent")?;
//! assert_eq!(sent.expose_text(), Some(&*format!("{} completes your sign-in to Example.", token.expose_secret())));
//! # Ok(()) }
//! ```
//!
//! An application holds one [`Delivery`] and gives it a [`Message`]; the words come from
//! [`Templates`], which were checked when it started.
//!
//! # What it guarantees
//!
//! * Nothing of a request reaches a message: [`Message`] has no field for a text, a link or a host.
//! * A message goes to exactly the stored address, unfolded and undecoded, or nowhere.
//! * A link carries the token in its fragment: servers, their logs and `Referer` never see it. A
//!   template that puts `{token}` into an address itself is refused.
//! * No line break reaches a subject, an address or an SMTP command.
//! * No token, link, address or password is in a `Debug` text, an error or a log of this crate; what
//!   a server answers is kept as a number alone, because servers repeat what they were sent.
//! * E-mail leaves over TLS with a verified certificate, or to this machine, or not at all. What an
//!   attacker slips in before STARTTLS ends the connection.
//! * A delivery ends within its time-out, and a connection that was left in the middle of a message
//!   carries no other.
//!
//! # What it does not
//!
//! * It does not queue or try again: `Ok` says that the next hop took the message over.
//! * It limits nothing: spend limits per account, address and network before calling it.
//! * It does not run in the background. If a form accepts unknown addresses, answer first and send
//!   from a background task; else the response time shows who has an account: see [`Delivery`].
//! * Mail is read by every server that it passes: a token by e-mail proves access to a mailbox.
//! * lettre copies the message into buffers that are not wiped, and its feature `tracing`, which
//!   must stay off in the whole application, logs it.
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `outbox` | `Outbox`, which shows tokens in clear: for development and tests; do not turn it on where messages are real |
//! | `smtp` | `SmtpDelivery`: e-mail over SMTP, on tokio, lettre and rustls |
//!
//! # Specifications
//!
//! | what | where |
//! | --- | --- |
//! | SMTP, its replies, STARTTLS, sign-in | RFC 5321, RFC 3207, RFC 4954 |
//! | TLS for mail submission | RFC 8314 |
//! | the message and its encoding | RFC 5322, RFC 2045, RFC 2047 |
//! | addresses that are not ASCII | RFC 6531 |
//! | `Auto-Submitted`, so that no absence note answers | RFC 3834 section 5 |
//! | links and fragments | RFC 3986 sections 2.3 and 3.5, RFC 9110 section 10.1.3 |

mod delivery;
mod error;
mod link;
mod message;
mod notice;
#[cfg(feature = "outbox")]
mod outbox;
#[cfg(feature = "smtp")]
mod smtp;
mod template;
mod template_error;

// The contract.
pub use delivery::Delivery;
pub use error::DeliveryError;
pub use message::Message;
pub use notice::Notice;

// The words.
pub use template::{Rendered, Template, Templates};
pub use template_error::{TemplateFault, TemplatesError};

// Deliveries.
#[cfg(feature = "outbox")]
pub use outbox::{Outbox, Sent};
#[cfg(feature = "smtp")]
pub use smtp::{SmtpBuilder, SmtpConfigError, SmtpDelivery, SmtpReply};

pub use ott_core;
