//! The contract's answers.

use core::fmt;

use actix_web::{
    HttpRequest, HttpResponse, Responder, ResponseError,
    body::BoxBody,
    http::{
        StatusCode,
        header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use contract_server::{DocumentError, Fault, warn};
use ott_bearer::{
    Challenge,
    token_store::{
        StoreError, TokensError,
        ott_core::chrono::{DateTime, Utc},
    },
};
use serde_json::{Value, json};

/// What every handler answers. What stopped it early is an answer too.
pub(crate) type Answer = Result<Reply, Reply>;

/// The content type of every answer.
pub(crate) const JSON: &str = "application/json; charset=utf-8";

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    body: Value,
    retry_after: Option<i64>,
    allow: Option<String>,
}

impl Reply {
    /// With this body as it is.
    pub(crate) const fn of(status: u16, body: Value) -> Self {
        Self {
            status,
            body,
            retry_after: None,
            allow: None,
        }
    }

    /// It was done.
    pub(crate) fn done(status: u16, message: &str) -> Self {
        Self::of(status, json!({"success": true, "message": message}))
    }

    /// It was not.
    pub(crate) fn refused(status: u16, message: &str) -> Self {
        Self::of(status, json!({"success": false, "message": message}))
    }

    /// With one more field.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Some(fields) = self.body.as_object_mut() {
            fields.insert(name.into(), value.into());
        }
        self
    }

    /// With the methods that are used there.
    pub(crate) fn allowing(self, methods: &str) -> Self {
        Self {
            allow: Some(methods.into()),
            ..self
        }
    }

    /// Too often.
    pub(crate) fn later(retry_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let seconds = |at: DateTime<Utc>| {
            let whole = at.signed_duration_since(now).num_seconds();
            whole.saturating_add(1).max(1)
        };
        Self {
            retry_after: retry_at.map(seconds),
            ..Self::refused(429, "Too many tries")
        }
    }

    /// Something did not answer: it is told here, and not outside.
    pub(crate) fn outage(error: &dyn core::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        warn(&text);
        Self::refused(503, "Something did not answer, try again later")
    }

    /// What is refused before a handler sees it.
    pub(crate) fn of_status(status: u16) -> Self {
        Self::refused(
            status,
            match status {
                404 => "Not found",
                405 => "Method not allowed",
                408 => "The request took too long",
                413 => "The body is too large",
                414 | 431 => "The address or the head is too long",
                400..500 => "The request cannot be read",
                _ => "Internal server error",
            },
        )
    }

    fn response(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status);
        let mut response = HttpResponse::build(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
        response.insert_header((CONTENT_TYPE, JSON));
        if let Some(seconds) = self.retry_after {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(methods) = &self.allow {
            response.insert_header((ALLOW, methods.as_str()));
        }
        if self.status == 401 {
            let challenge = Challenge::missing("Lavaboom");
            response.insert_header((WWW_AUTHENTICATE, challenge.value()));
        }
        response.body(self.body.to_string())
    }
}

/// The body of what the HTTP layer refuses by itself.
pub(crate) fn canned(status: u16) -> String {
    Reply::of_status(status).body.to_string()
}

impl Responder for Reply {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.response()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)
    }
}

impl ResponseError for Reply {
    fn error_response(&self) -> HttpResponse {
        self.response()
    }
}

impl From<DocumentError> for Reply {
    fn from(error: DocumentError) -> Self {
        Self::outage(&error)
    }
}

impl From<StoreError> for Reply {
    fn from(error: StoreError) -> Self {
        Self::outage(&error)
    }
}

impl From<TokensError> for Reply {
    fn from(error: TokensError) -> Self {
        Self::outage(&error)
    }
}

impl From<Fault> for Reply {
    fn from(error: Fault) -> Self {
        Self::outage(&*error)
    }
}
