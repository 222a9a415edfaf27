//! How a token, or news about an account, reaches a person.
//!
//! ```
//! use token_delivery::{Delivery, Message, Outbox, Template, Templates, ott_core::*};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! const SIGN_IN: Policy = Policy::code(Purpose::new("sign-in"));
//! let words = Template::new(&SIGN_IN, "Your code", "{token} signs you in to {application}.");
//! let outbox = Outbox::new(10).templates(Templates::new("Example", [words])?);
//! let address = Destination::email("alice@example.org")?; // from the account
//! # let token = Token::try_generate_from_rng(&Format::DIGITS_6, &mut rand::rngs::SysRng)?;
//! outbox.deliver(&Message::new(SIGN_IN.purpose(), &address, &token)).await?;
//! let sent = outbox.last().ok_or("nothing was sent")?;
//! assert_eq!(sent.expose_text(), Some(&*format!("{} signs you in to Example.", token.expose_secret())));
//! # Ok(()) }
//! ```

mod delivery;
mod error;
mod link;
mod message;
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

// The words.
pub use template::{Rendered, Template, Templates};
pub use template_error::{TemplateFault, TemplatesError};

// Deliveries.
#[cfg(feature = "outbox")]
pub use outbox::{Outbox, Sent};
#[cfg(feature = "smtp")]
pub use smtp::{SmtpBuilder, SmtpConfigError, SmtpDelivery, SmtpReply};

pub use ott_core;
