//! How a gateway is described, checked before the first message.

use core::time::Duration;
use std::sync::Arc;

use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    Body, Gateway, Inner,
    answer::Rule,
    text::{NAMES, Slots, fill, names, percent},
};
use crate::{HttpClient, HttpError, HttpRequest, Templates};

/// Describes a gateway. [`GatewayBuilder::build`] checks it.
///
/// | placeholder | stands for |
/// | --- | --- |
/// | `{to}` | the number in E.164 form, `+4915112345678` |
/// | `{number}` | the same without the plus |
/// | `{text}` | the rendered words; in the body alone |
/// | `{id}` | the idempotency key, 32 hexadecimal digits |
///
/// Each is escaped for where it stands.
#[must_use]
pub struct GatewayBuilder {
    method: String,
    address: String,
    headers: Vec<(String, Zeroizing<String>)>,
    body: Option<Result<Body, GatewayConfigError>>,
    idempotency: Option<String>,
    rule: Rule,
    tries: u8,
    pause: Duration,
    patience: Duration,
    authorities: Option<Vec<u8>>,
    spoken: bool,
    words: Templates,
}

/// Why a gateway cannot be used as it is described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayConfigError {
    /// The address is none, or neither `https` nor on this machine.
    #[error("an address is https, or on this machine")]
    Address,
    /// The body is no JSON.
    #[error("the body is no JSON")]
    Body,
    /// A method or header that is none, or certificate authorities that cannot be read.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The body has no `{text}`, or nothing has `{to}` or `{number}`.
    #[error("`{{{0}}}` stands nowhere in the request")]
    Missing(&'static str),
    /// `{text}` in an address, which is written into logs. In headers nothing is filled in.
    #[error("a text stands in the body alone")]
    TextOutside,
    /// A name in braces that stands for nothing.
    #[error("no placeholder is called so: {0}")]
    Unknown(String),
}

impl GatewayBuilder {
    pub(super) fn new(address: String, words: Templates) -> Self {
        Self {
            method: "POST".into(),
            address,
            headers: Vec::new(),
            body: None,
            idempotency: None,
            rule: Rule::default(),
            tries: 3,
            pause: Duration::from_millis(500),
            patience: Duration::from_secs(10),
            authorities: None,
            spoken: false,
            words,
        }
    }

    /// Another method than POST.
    pub fn method(mut self, method: impl Into<String>) -> Self {
        self.method = method.into();
        self
    }

    /// A header, such as the credentials, as it stands.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers
            .push((name.into(), Zeroizing::new(value.into())));
        self
    }

    /// A body of JSON; placeholders stand within its strings.
    pub fn json(mut self, body: &str) -> Self {
        let read = serde_json::from_str(body).map(Body::Json);
        self.body = Some(read.map_err(|_| GatewayConfigError::Body));
        self
    }

    /// A body of form fields (`application/x-www-form-urlencoded`).
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).into(), (*value).into());
        self.body = Some(Ok(Body::Form(fields.iter().map(owned).collect())));
        self
    }

    /// The header in which the gateway takes an idempotency key: the same key is sent, and charged, once.
    pub fn idempotency_header(mut self, name: impl Into<String>) -> Self {
        self.idempotency = Some(name.into());
        self
    }

    /// A 2xx is a yes only where this JSON pointer (RFC 6901) leads to one of these values.
    pub fn taken_where(mut self, pointer: impl Into<String>, values: &[&str]) -> Self {
        let values = values.iter().map(|value| (*value).into()).collect();
        self.rule.taken = Some((pointer.into(), values));
        self
    }

    /// Where in its answer the gateway names the message, as a JSON pointer.
    pub fn reference(mut self, pointer: impl Into<String>) -> Self {
        self.rule.reference = Some(pointer.into());
        self
    }

    /// How often a message is tried, at least once, and the first pause, which doubles: 3 times and 500 ms.
    pub fn tries(mut self, tries: u8, pause: Duration) -> Self {
        (self.tries, self.pause) = (tries.max(1), pause);
        self
    }

    /// How long one try may last: 10 seconds.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Certificates of these authorities (PEM) alone.
    pub fn authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// The text is read out: the token's symbols stand apart.
    pub fn spoken(mut self) -> Self {
        self.spoken = true;
        self
    }

    /// The gateway.
    ///
    /// # Errors
    /// [`GatewayConfigError`], which says what is wrong.
    pub fn build(self) -> Result<Gateway, GatewayConfigError> {
        let body = self.body.unwrap_or(Err(GatewayConfigError::Body))?;
        let mut inside = Vec::new();
        match &body {
            Body::Form(fields) => {
                inside.extend(fields.iter().flat_map(|(_, value)| names(value)));
            }
            Body::Json(value) => strings(value, &mut inside),
        }
        let outside: Vec<_> = names(&self.address).collect();
        let unknown = inside
            .iter()
            .chain(&outside)
            .find(|name| !NAMES.contains(name));
        if let Some(name) = unknown {
            return Err(GatewayConfigError::Unknown((*name).into()));
        }
        if outside.contains(&"text") {
            return Err(GatewayConfigError::TextOutside);
        }
        if !inside.contains(&"text") {
            return Err(GatewayConfigError::Missing("text"));
        }
        if !inside
            .iter()
            .chain(&outside)
            .any(|name| matches!(*name, "number" | "to"))
        {
            return Err(GatewayConfigError::Missing("to"));
        }
        // As it will be for a message.
        let slots = Slots {
            to: "+491510000000",
            text: "",
            id: "0",
        };
        let address = fill(&self.address, &slots, percent);
        let request = HttpRequest::new(&self.method, &address, "");
        let mut request = match request {
            Err(HttpError::Request("an address that is none")) => {
                return Err(GatewayConfigError::Address);
            }
            request => request?,
        };
        if !request.is_private() {
            return Err(GatewayConfigError::Address);
        }
        let idempotency = self.idempotency.as_deref().map(|name| (name, "0"));
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in headers.chain(idempotency) {
            request = request.header(name, value)?;
        }
        let mut client = HttpClient::builder(self.patience);
        if let Some(pem) = self.authorities {
            client = client.authorities(pem);
        }
        Ok(Gateway(Arc::new(Inner {
            client: client.build()?,
            method: self.method,
            address: self.address,
            headers: self.headers,
            body,
            idempotency: self.idempotency,
            rule: self.rule,
            tries: self.tries,
            pause: self.pause,
            spoken: self.spoken,
            words: self.words,
        })))
    }
}

/// The placeholders in all texts of a JSON value.
fn strings<'v>(value: &'v Value, into: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => into.extend(names(text)),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, into)),
        _ => {}
    }
}

impl core::fmt::Debug for GatewayBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("GatewayBuilder").finish_non_exhaustive()
    }
}
