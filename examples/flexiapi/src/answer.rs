//! The contract's answers, and its errors.

use core::fmt;

use contract_server::DocumentError;
use poem::{
    IntoResponse, Response,
    error::ResponseError,
    http::{HeaderValue, StatusCode, header},
};
use serde_json::{Map, Value, json};
use twofa_providers::{token_delivery::DeliveryError, token_store::TokensError};

/// What every handler answers.
pub(crate) type Answer = Result<Reply, ApiError>;

/// A success.
pub(crate) enum Reply {
    /// 200 with nothing.
    Empty,
    /// A text.
    Text(&'static str),
    /// JSON.
    Json(u16, Value),
    /// JSON, and a cookie with an API key.
    Keyed(Value, HeaderValue),
    /// A page.
    Page(u16, String),
    /// Elsewhere, with a cookie.
    See(&'static str, HeaderValue),
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        match self {
            Self::Empty => Response::builder().finish(),
            Self::Text(text) => Response::builder()
                .content_type("text/plain; charset=utf-8")
                .body(text),
            Self::Json(status, value) => json_response(status, &value),
            Self::Keyed(value, cookie) => {
                let mut response = json_response(200, &value);
                response.headers_mut().insert(header::SET_COOKIE, cookie);
                response
            }
            Self::Page(status, page) => page_response(status, page),
            Self::See(place, cookie) => {
                let mut response = Response::builder().status(StatusCode::SEE_OTHER).finish();
                let headers = response.headers_mut();
                headers.insert(header::LOCATION, HeaderValue::from_static(place));
                headers.insert(header::SET_COOKIE, cookie);
                response
            }
        }
    }
}

fn json_response(status: u16, value: &Value) -> Response {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .content_type("application/json")
        .body(value.to_string());
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

fn page_response(status: u16, page: String) -> Response {
    let mut response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .content_type("text/html; charset=utf-8")
        .body(page);
    for (name, value) in crate::pages::HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What is wrong with a request, field by field.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<(&'static str, String)>);

impl Faults {
    pub(crate) fn add(&mut self, field: &'static str, what: impl Into<String>) {
        self.0.push((field, what.into()));
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn join(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// An error, unless there is nothing wrong.
    pub(crate) fn end(self) -> Result<(), ApiError> {
        if self.is_empty() {
            return Ok(());
        }
        Err(ApiError::Invalid(self))
    }
}

/// An error of the contract.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// 422.
    Invalid(Faults),
    /// 401, in plain text.
    Key,
    /// Anything else: the status, and a message.
    Plain(u16, String),
    /// 405, with what is allowed.
    Method(&'static str),
    /// The same on a page, for a person.
    Page(u16, String),
}

impl ApiError {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self::Plain(status, message.into())
    }

    pub(crate) fn invalid(field: &'static str, what: impl Into<String>) -> Self {
        let mut faults = Faults::default();
        faults.add(field, what);
        Self::Invalid(faults)
    }

    pub(crate) fn not_found() -> Self {
        Self::of_status(404)
    }

    pub(crate) fn of_status(status: u16) -> Self {
        Self::new(status, words(status))
    }

    /// As a page, where a browser asked.
    pub(crate) fn for_person(self) -> Self {
        match self {
            Self::Page(..) => self,
            error => Self::Page(error.code(), error.message()),
        }
    }

    const fn code(&self) -> u16 {
        match self {
            Self::Invalid(_) => 422,
            Self::Key => 401,
            Self::Plain(status, _) | Self::Page(status, _) => *status,
            Self::Method(_) => 405,
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Invalid(Faults(faults)) => {
                let first = faults.first();
                first.map(|(_, what)| what.clone()).unwrap_or_default()
            }
            Self::Key => "Invalid API Key".into(),
            Self::Plain(_, message) | Self::Page(_, message) => message.clone(),
            Self::Method(_) => words(405).into(),
        }
    }

    pub(crate) fn response(&self) -> Response {
        let status = self.code();
        let mut body = json!({"message": self.message()});
        match self {
            Self::Invalid(Faults(faults)) => {
                let mut errors = Map::new();
                for (field, what) in faults {
                    let list = errors.entry(*field).or_insert_with(|| json!([]));
                    if let Some(list) = list.as_array_mut() {
                        list.push(what.as_str().into());
                    }
                }
                if let Some(body) = body.as_object_mut() {
                    body.insert("errors".into(), errors.into());
                }
                json_response(status, &body)
            }
            Self::Key => Response::builder()
                .status(StatusCode::UNAUTHORIZED)
                .content_type("text/plain; charset=utf-8")
                .body("Invalid API Key"),
            Self::Plain(..) => json_response(status, &body),
            Self::Method(allowed) => {
                let mut response = json_response(status, &body);
                let allowed = HeaderValue::from_static(allowed);
                response.headers_mut().insert(header::ALLOW, allowed);
                response
            }
            Self::Page(_, message) => page_response(status, crate::pages::refusal(message)),
        }
    }

    fn outage(error: &dyn core::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        contract_server::warn(&text);
        Self::of_status(503)
    }
}

/// What a status says by itself.
fn words(status: u16) -> &'static str {
    match status {
        401 => "Unauthenticated.",
        404 => "Not found",
        405 => "This method is not used here",
        408 => "The request took too long",
        413 => "The body is too large",
        414 | 431 => "The address or the head is too long",
        400..500 => "The request cannot be read",
        _ => "Something did not answer: try again",
    }
}

/// The body of what the HTTP layer refuses by itself.
pub(crate) fn canned(status: u16) -> String {
    json!({"message": words(status)}).to_string()
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code())
    }
}

impl core::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response {
        self.response()
    }
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> Self {
        Self::outage(&error)
    }
}

impl From<TokensError> for ApiError {
    fn from(error: TokensError) -> Self {
        Self::outage(&error)
    }
}

impl From<DeliveryError> for ApiError {
    fn from(error: DeliveryError) -> Self {
        if matches!(error, DeliveryError::KeptBack { .. }) {
            return Self::new(429, "Too many codes were sent to such numbers");
        }
        Self::outage(&error)
    }
}

impl From<contract_server::Fault> for ApiError {
    fn from(error: contract_server::Fault) -> Self {
        Self::outage(error.as_ref())
    }
}
