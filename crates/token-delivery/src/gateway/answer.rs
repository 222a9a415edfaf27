//! What a gateway's answer means.

use core::time::Duration;

use serde_json::Value;

use crate::DeliveryError;

/// The gateway took the message over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What the gateway calls it, where [`GatewayBuilder::reference`](super::GatewayBuilder::reference) says where that
    /// stands: its receipts name it.
    pub reference: Option<String>,
}

/// What a gateway answered: its status, and nothing of what it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the gateway answered {status}{}", if *.said_no { ", and that it does not take the message" } else { "" })]
pub struct GatewayStatus {
    /// The status.
    pub status: u16,
    /// Whether a 2xx said no in its body.
    pub said_no: bool,
}

/// When a 2xx is a yes, and where its name of the message stands.
#[derive(Default)]
pub(super) struct Rule {
    /// A JSON pointer (RFC 6901), and the values that are a yes.
    pub(super) taken: Option<(String, Vec<String>)>,
    pub(super) reference: Option<String>,
}

/// What one try came to.
pub(super) enum Judged {
    Taken(Taken),
    /// Trying again does not help.
    Over(DeliveryError),
    Again {
        /// Whether the gateway may have taken it.
        open: bool,
        wait: Option<Duration>,
        error: DeliveryError,
    },
}

impl Rule {
    /// Whether a body has to be read.
    pub(super) const fn reads(&self) -> bool {
        self.taken.is_some() || self.reference.is_some()
    }

    pub(super) fn judge(&self, status: u16, body: &[u8], wait: Option<Duration>) -> Judged {
        let said = |said_no| Box::new(GatewayStatus { status, said_no });
        let again = |open| Judged::Again {
            open,
            wait,
            error: DeliveryError::Unavailable(said(false)),
        };
        match status {
            200..300 => {
                let body = serde_json::from_slice(body).unwrap_or(Value::Null);
                let at = |pointer: &str| body.pointer(pointer).and_then(text);
                let taken = match &self.taken {
                    None => Some(true),
                    Some((pointer, values)) => at(pointer).map(|value| values.contains(&value)),
                };
                match taken {
                    Some(true) => Judged::Taken(Taken {
                        reference: self.reference.as_deref().and_then(at),
                    }),
                    Some(false) => Judged::Over(DeliveryError::Refused(said(true))),
                    // It says neither.
                    None => again(true),
                }
            }
            429 | 503 => again(false),
            408 | 425 | 500.. => again(true),
            300..=399 | 401 | 403..=407 | 411 | 415 => Judged::Over(DeliveryError::Misconfigured {
                which: "the gateway does not know this request or these credentials",
                source: Some(said(false)),
            }),
            _ => Judged::Over(DeliveryError::Refused(said(false))),
        }
    }
}

/// A value as text, where it is one: a long one is nothing that is asked for.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        _ => return None,
    };
    (text.len() <= 255).then_some(text)
}
