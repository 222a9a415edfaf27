//! SMS and voice, by whatever gateway the operator pays for.

mod answer;
mod builder;
mod receipt;
mod text;

use core::{fmt, time::Duration};
use std::sync::Arc;

use async_trait::async_trait;
use ott_core::{
    Channel, Purpose,
    rand::{TryRng as _, rngs::SysRng},
};
use serde_json::Value;
use tokio::time::sleep;
use zeroize::Zeroizing;

use crate::{Delivery, DeliveryError, HttpClient, HttpError, HttpRequest, Message, Templates};

pub use answer::{GatewayStatus, Taken};
pub use builder::{GatewayBuilder, GatewayConfigError};
pub use receipt::{Receipt, ReceiptOutcome, ReceiptRule};

use answer::{Judged, Rule};
use text::{Slots, fill};

/// The longest wait that a gateway may ask for; a longer one is left to the caller.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Sends texts to phone numbers over an HTTP gateway that templates describe. Clones share it.
///
/// ```
/// use token_delivery::{Gateway, Template, Templates, ott_core::*};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const SECOND_STEP: Policy = Policy::code(Purpose::new("second-step"));
/// let words = Template::new(&SECOND_STEP, "Your code", "{token} is your code for {application}.");
/// let templates = Templates::new("Example", [words])?;
/// let sms = Gateway::builder("https://sms.example.net/v1/messages", templates)
///     .header("authorization", "Bearer …")
///     .json(r#"{"to": "{to}", "from": "Example", "body": "{text}"}"#)
///     .idempotency_header("idempotency-key")
///     .taken_where("/status", &["queued", "sent"])
///     .build()?;
/// # Ok(()) }
/// ```
///
/// A try that is left open (no answer, half an answer, 5xx) is repeated with the same code and the same idempotency
/// key; where the gateway takes no key it is not repeated, since that would send, and cost, twice. What the gateway says
/// that it did not take (429, 503) is repeated in any case.
///
/// # Security
/// A gateway reads every code. The text goes into the body alone: an address is written into logs.
#[derive(Clone)]
pub struct Gateway(Arc<Inner>);

struct Inner {
    client: HttpClient,
    method: String,
    address: String,
    headers: Vec<(String, Zeroizing<String>)>,
    body: Body,
    idempotency: Option<String>,
    rule: Rule,
    tries: u8,
    pause: Duration,
    spoken: bool,
    words: Templates,
}

/// How the body is written.
enum Body {
    Form(Vec<(String, String)>),
    Json(Value),
}

impl Gateway {
    /// Starts with the address, which has `{to}`, `{number}` and `{id}`, and the words.
    pub fn builder(address: impl Into<String>, words: Templates) -> GatewayBuilder {
        GatewayBuilder::new(address.into(), words)
    }

    /// As [`Delivery::deliver`], and gives what the gateway calls the message, for its receipts.
    ///
    /// # Errors
    /// As [`Delivery::deliver`].
    pub async fn send(&self, message: &Message<'_>) -> Result<Taken, DeliveryError> {
        let inner = &*self.0;
        let to = message.destination();
        if to.channel() != Channel::Phone {
            let channel = to.channel();
            return Err(DeliveryError::WrongChannel { channel });
        }
        let rendered = inner.words.render(message)?;
        let said = message.token().filter(|_| inner.spoken);
        let text = match said {
            Some(token) => text::spoken(rendered.expose_text(), token.expose_secret()),
            None => Zeroizing::new(rendered.expose_text().into()),
        };
        let id = key()?;
        let slots = Slots {
            to: to.address(),
            text: &text,
            id: &id,
        };
        let mut pause = inner.pause;
        for left in (0..inner.tries).rev() {
            let (open, wait, error) = match inner.ask(&slots).await {
                Ok(Judged::Taken(taken)) => return Ok(taken),
                Ok(Judged::Over(error)) => return Err(error),
                Ok(Judged::Again { open, wait, error }) => (open, wait, error),
                Err(error) => (true, None, DeliveryError::Unavailable(error.into())),
            };
            let wait = wait.unwrap_or(pause);
            let repeats = !open || inner.idempotency.is_some();
            if left == 0 || !repeats || wait > LONGEST_WAIT {
                return Err(error);
            }
            sleep(wait).await;
            pause = pause.saturating_mul(2);
        }
        Err(DeliveryError::Unsendable {
            which: "no try is left",
        })
    }
}

impl Inner {
    async fn ask(&self, slots: &Slots<'_>) -> Result<Judged, HttpError> {
        let address = fill(&self.address, slots, text::percent);
        let (kind, mut body) = match &self.body {
            Body::Form(fields) => (
                "application/x-www-form-urlencoded",
                text::form(fields, slots),
            ),
            Body::Json(template) => ("application/json", text::json(template, slots)),
        };
        // The request takes the buffer over and wipes it.
        let body = core::mem::take(&mut *body).into_bytes();
        let mut request = HttpRequest::new(&self.method, &address, body)?;
        request = request.header("content-type", kind)?;
        for (name, value) in &self.headers {
            request = request.header(name, value)?;
        }
        if let Some(name) = &self.idempotency {
            request = request.header(name, slots.id)?;
        }
        let answer = self.client.send(request).await?;
        let (status, wait) = (answer.status(), answer.retry_after());
        // Only what decides is read.
        let body = match status {
            200..300 if self.rule.reads() => answer.body().await?,
            _ => Vec::new(),
        };
        Ok(self.rule.judge(status, &body, wait))
    }
}

/// What an answer names, where it says that the message was taken.
#[cfg(feature = "fuzzing")]
pub(crate) fn taken(status: u16, body: &[u8], wait: Option<u64>) -> Option<Option<String>> {
    let rule = Rule {
        taken: Some(("/status".into(), vec!["queued".into()])),
        reference: Some("/id".into()),
    };
    match rule.judge(status, body, wait.map(Duration::from_secs)) {
        Judged::Taken(taken) => Some(taken.reference),
        _ => None,
    }
}

#[async_trait]
impl Delivery for Gateway {
    async fn deliver(&self, message: &Message<'_>) -> Result<(), DeliveryError> {
        self.send(message).await.map(drop)
    }

    fn sends(&self, purpose: &Purpose) -> bool {
        self.0.words.has(purpose)
    }

    fn sends_prompts(&self, purpose: &Purpose) -> bool {
        self.0.words.has_prompt(purpose)
    }
}

/// Another one for each message, and the same for each of its tries.
fn key() -> Result<String, DeliveryError> {
    let mut bytes = [0; 16];
    let drawn = SysRng.try_fill_bytes(&mut bytes);
    drawn.map_err(|error| DeliveryError::Unavailable(error.into()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}
