//! What a request brings. Reading it fails in the handler, where the contract's order of errors is kept.

use contract_server::Peer;
use poem::{FromRequest, Request, RequestBody, http::header};
use serde_json::{Map, Value};

use crate::answer::{Answer, ApiError, Faults};

/// The most characters of a text, and of what is kept of a `User-Agent`.
const LONGEST: usize = 255;

/// A request: nothing of it is believed yet.
pub(crate) struct Call {
    /// The connection's own address: a header that says another is the visitor's to write.
    pub(crate) ip: String,
    pub(crate) user_agent: String,
    pub(crate) api_key: Option<String>,
    /// Whether the answer is for a person in front of a browser.
    pub(crate) browser: bool,
    path: Vec<(String, String)>,
    query: String,
    body: Vec<u8>,
}

impl<'a> FromRequest<'a> for Call {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let text = |name: &str| {
            let value = request.headers().get(name)?;
            Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let cookie = || {
            let all = text(header::COOKIE.as_str())?;
            let mut pairs = all
                .split(';')
                .filter_map(|pair| pair.trim().split_once('='));
            let found = pairs.find(|(name, _)| *name == "x-api-key")?;
            Some(String::from(found.1))
        };
        let api_key = text("x-api-key")
            .or_else(cookie)
            .filter(|key| !key.is_empty());
        let peer = request
            .data::<Peer>()
            .map(|Peer(peer)| peer.ip().to_string());
        let agent = text(header::USER_AGENT.as_str()).unwrap_or_default();
        let accepts = text(header::ACCEPT.as_str()).unwrap_or_default();
        let body = body.take().map(|body| body.into_vec());
        let body = match body {
            Ok(body) => body.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        Ok(Self {
            ip: peer.unwrap_or_default(),
            user_agent: agent.chars().take(LONGEST).collect(),
            api_key,
            browser: accepts.contains("text/html"),
            path: ["token", "id"]
                .into_iter()
                .filter_map(|name| Some((name.into(), request.raw_path_param(name)?.into())))
                .collect(),
            query: request.uri().query().unwrap_or_default().into(),
            body,
        })
    }
}

impl Call {
    /// A part of the path.
    pub(crate) fn part(&self, name: &str) -> &str {
        let mut parts = self.path.iter();
        let found = parts.find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The parameters of the body. No body has none.
    pub(crate) fn parameters(&self) -> Result<Parameters, ApiError> {
        if self.body.is_empty() {
            return Ok(Parameters::default());
        }
        let wrong = |why: &str| ApiError::new(400, format!("Invalid JSON: {why}"));
        let text = core::str::from_utf8(&self.body).map_err(|_| wrong("it is no UTF-8"))?;
        match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => Ok(Parameters(fields)),
            Ok(_) => Err(wrong("an object was expected")),
            // Where, and not what: the words of JSON quote it.
            Err(error) => Err(wrong(&format!(
                "it ends being JSON in line {}, column {}",
                error.line(),
                error.column()
            ))),
        }
    }

    /// The fields of a form.
    pub(crate) fn form(&self) -> Result<Parameters, ApiError> {
        let text = core::str::from_utf8(&self.body).ok();
        let fields = text.and_then(crate::form::fields);
        fields.map(Parameters).ok_or(ApiError::of_status(400))
    }

    /// An answer for whoever asked: a refusal is a page in a browser, and JSON elsewhere.
    pub(crate) fn page(&self, answer: Answer) -> Answer {
        answer.map_err(|error| match self.browser {
            true => error.for_person(),
            false => error,
        })
    }

    /// The fields of the address.
    pub(crate) fn query(&self) -> Result<Parameters, ApiError> {
        let fields = crate::form::fields(&self.query);
        fields.map(Parameters).ok_or(ApiError::of_status(400))
    }
}

/// What was sent, by name.
#[derive(Default)]
pub(crate) struct Parameters(Map<String, Value>);

impl Parameters {
    /// Whether it is there at all.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// A text; an empty one is none. What is no text, or too long, is a fault of the field.
    pub(crate) fn text(&self, field: &'static str, faults: &mut Faults) -> Option<String> {
        match self.0.get(field)? {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) if text.chars().count() > LONGEST => {
                let what = format!("The {field} must not be greater than {LONGEST} characters.");
                faults.add(field, what);
                None
            }
            Value::String(text) => Some(text.clone()),
            _ => {
                faults.add(field, format!("The {field} must be a string."));
                None
            }
        }
    }

    /// A text that has to be there.
    pub(crate) fn required(&self, field: &'static str, faults: &mut Faults) -> Option<String> {
        let mut own = Faults::default();
        let text = self.text(field, &mut own);
        if text.is_none() && own.is_empty() {
            own.add(field, format!("The {field} field is required."));
        }
        faults.join(own);
        text
    }

    /// A text that nobody types, of at most so many bytes.
    pub(crate) fn long(&self, field: &str, longest: usize) -> Option<String> {
        let text = self.0.get(field)?.as_str()?;
        let fits = !text.is_empty() && text.len() <= longest;
        fits.then(|| text.into())
    }

    /// A code: a text, or a whole number.
    pub(crate) fn code(&self, field: &'static str, faults: &mut Faults) -> Option<String> {
        match self.0.get(field) {
            Some(Value::Number(number)) if number.is_u64() => Some(number.to_string()),
            _ => self.required(field, faults),
        }
    }
}
