//! What a client is told.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use contract_server::{DocumentError, Fault, warn};
use otp_vault::store::{StoreError, VaultError};
use ott_bearer::token_store::TokensError;
use serde_json::{Value, json};

/// What a route answers.
pub(crate) type Answer = Result<Response, ApiError>;

/// A refusal, in the shape of the contract.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: u16,
    body: Box<Value>,
    retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn of(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Box::new(body),
            retry_after: None,
        }
    }

    pub(crate) fn told(status: u16, message: &str) -> Self {
        Self::of(status, json!({"message": message}))
    }

    pub(crate) fn bad(message: &str) -> Self {
        Self::told(400, message)
    }

    pub(crate) fn bad_reason(message: &str, reason: &Value) -> Self {
        Self::of(400, json!({"message": message, "reason": reason}))
    }

    /// An account that makes no codes.
    pub(crate) fn bad_parameters(why: &str) -> Self {
        Self::bad_reason("invalid OTP parameters", &json!([why]))
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::told(401, "Unauthenticated.")
    }

    pub(crate) fn unauthorized() -> Self {
        Self::told(401, "unauthorized")
    }

    pub(crate) fn forbidden(reason: &str) -> Self {
        Self::of(403, json!({"message": "forbidden", "reason": reason}))
    }

    pub(crate) fn not_found() -> Self {
        Self::told(404, "not found")
    }

    pub(crate) fn invalid(field: &str, what: &str) -> Self {
        let errors = json!({ field: [what] });
        Self::of(422, json!({"message": what, "errors": errors}))
    }

    pub(crate) fn too_many(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::told(429, "Too Many Attempts.")
        }
    }

    /// What is told, as one text.
    pub(crate) fn text(&self) -> String {
        let field = |name: &str| self.body.get(name).filter(|value| !value.is_null());
        let text = field("message").and_then(Value::as_str).unwrap_or_default();
        match field("reason") {
            Some(reason) => format!("{text}: {reason}"),
            None => text.into(),
        }
    }

    /// Something did not answer, and nothing was granted. What it was is told to who runs the server.
    pub(crate) fn outage(error: &dyn core::fmt::Display) -> Self {
        warn(&format!("a request failed: {error}"));
        Self::told(503, "Service Unavailable")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let mut response = (status, Json(*self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A body with this status.
pub(crate) fn reply(status: u16, body: &Value) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    Ok((status, Json(body)).into_response())
}

pub(crate) fn ok(body: &Value) -> Answer {
    reply(200, body)
}

pub(crate) fn nothing() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The body of what the HTTP layer refuses by itself.
pub(crate) fn canned(status: u16) -> String {
    let message = match status {
        414 => "URI Too Long",
        431 => "Request Header Fields Too Large",
        _ => "Bad Request",
    };
    json!({"message": message}).to_string()
}

macro_rules! outage_of {
    ($($error:ty),*) => {
        $(impl From<$error> for ApiError {
            fn from(error: $error) -> Self {
                Self::outage(&error)
            }
        })*
    };
}

outage_of!(DocumentError, Fault, StoreError, TokensError, VaultError);
