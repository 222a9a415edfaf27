//! The contract's answers, and its errors.

use contract_server::DocumentError;
use ott_flows::{
    FlowError,
    token_store::{
        Answer as Told, StoreError, TokensError,
        ott_core::chrono::{DateTime, Utc},
    },
};
use rocket::{
    Request, Response,
    http::{ContentType, Header, Status},
    response::{Responder, Result as Responded},
};
use serde_json::{Value, json};
use std::io::Cursor;

use crate::user::Unchanged;

/// What every handler answers.
pub(crate) type Answer = Result<Json, ApiError>;

/// 200 with this.
pub(crate) struct Json(pub(crate) Value);

/// An error of the contract.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: u16,
    code: &'static str,
    message: &'static str,
    retry_after: Option<i64>,
    allow: Option<String>,
}

impl ApiError {
    pub(crate) const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
            retry_after: None,
            allow: None,
        }
    }

    pub(crate) const fn form(message: &'static str) -> Self {
        Self::new(400, "malformed", message)
    }

    pub(crate) const OFF: Self = Self::new(404, "not_found", "There is no such operation");
    pub(crate) const SIGN_IN: Self = Self::new(401, "unauthorized", "Sign in first");
    pub(crate) const PASSWORD: Self =
        Self::new(401, "unauthorized", "The key or the password is wrong");
    pub(crate) const PROCESS: Self = Self::new(
        404,
        "unknown_process",
        "There is no such process, or not any more",
    );
    pub(crate) const TOKEN: Self =
        Self::new(422, "wrong_token", "The token is wrong, used or expired");
    pub(crate) const TOKENS: Self = Self::new(
        429,
        "too_many_wrong_tokens",
        "Too many wrong tokens: start again",
    );
    pub(crate) const TAKEN: Self = Self::new(409, "key_taken", "This key cannot be used");

    pub(crate) const fn unmet(message: &'static str) -> Self {
        Self::new(409, "precondition", message)
    }

    pub(crate) fn later(retry_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let seconds = |at: DateTime<Utc>| {
            at.signed_duration_since(now)
                .num_seconds()
                .saturating_add(1)
                .max(1)
        };
        Self {
            retry_after: retry_at.map(seconds),
            ..Self::new(
                429,
                "too_many_requests",
                "Too many requests: try again later",
            )
        }
    }

    pub(crate) fn allow(methods: String) -> Self {
        Self {
            allow: Some(methods),
            ..Self::of_status(405)
        }
    }

    /// What the framework refuses by itself.
    pub(crate) const fn of_status(status: u16) -> Self {
        let (code, message) = match status {
            401 => ("unauthorized", "Sign in first"),
            404 => ("not_found", "There is nothing here"),
            405 => ("method_not_allowed", "This method is not used here"),
            408 => ("timeout", "The request took too long"),
            413 => ("too_large", "The body is too large"),
            414 | 431 => ("too_long", "The address or the head is too long"),
            415 => ("unsupported_media_type", "The body has to be JSON"),
            400..500 => ("malformed", "The request cannot be read"),
            _ => ("unavailable", "Something did not answer: try again"),
        };
        Self::new(status, code, message)
    }

    fn body(&self) -> Value {
        json!({"error": {"code": self.code, "message": self.message}})
    }

    pub(crate) fn of_flow(error: FlowError, signed_in: bool, now: DateTime<Utc>) -> Self {
        match error {
            FlowError::Ended if signed_in => Self::TOKEN,
            FlowError::Ended => Self::PROCESS,
            FlowError::Wrong => Self::TOKEN,
            FlowError::Exhausted => Self::TOKENS,
            FlowError::Off => Self::OFF,
            FlowError::Unmet(name) => Self::unmet(name),
            FlowError::Channel => Self::unmet("The token does not go there"),
            FlowError::Throttled { retry_at } => Self::later(retry_at, now),
            error => Self::outage(&error),
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

/// The body of what the HTTP layer refuses by itself.
pub(crate) fn canned(status: u16) -> String {
    ApiError::of_status(status).body().to_string()
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> Self {
        Self::outage(&error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::outage(&error)
    }
}

impl From<TokensError> for ApiError {
    fn from(error: TokensError) -> Self {
        match error.answer() {
            Told::Refused => Self::SIGN_IN,
            _ => Self::outage(&error),
        }
    }
}

impl From<contract_server::Fault> for ApiError {
    fn from(error: contract_server::Fault) -> Self {
        Self::outage(&*error)
    }
}

impl From<Unchanged> for ApiError {
    fn from(unchanged: Unchanged) -> Self {
        match unchanged {
            Unchanged::Taken => Self::TAKEN,
            Unchanged::Unmet => Self::unmet("The account is not as it has to be"),
            Unchanged::Outage(error) => Self::outage(&*error),
        }
    }
}

fn response(status: u16, body: &Value) -> Response<'static> {
    let body = body.to_string();
    Response::build()
        .status(Status::new(status))
        .header(ContentType::JSON)
        .sized_body(body.len(), Cursor::new(body))
        .finalize()
}

impl<'r> Responder<'r, 'static> for Json {
    fn respond_to(self, _: &'r Request<'_>) -> Responded<'static> {
        Ok(response(200, &self.0))
    }
}

impl<'r> Responder<'r, 'static> for ApiError {
    fn respond_to(self, _: &'r Request<'_>) -> Responded<'static> {
        let mut response = response(self.status, &self.body());
        if let Some(seconds) = self.retry_after {
            response.set_header(Header::new("retry-after", seconds.to_string()));
        }
        if let Some(methods) = self.allow {
            response.set_header(Header::new("allow", methods));
        }
        if self.status == 401 {
            response.set_header(Header::new("www-authenticate", "Bearer"));
        }
        Ok(response)
    }
}
