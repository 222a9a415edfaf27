//! What a client is told when something is not done.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use contract_server::DocumentError;
use serde_json::{Value, json};
use twofa_providers::{
    TwoFactorError,
    token_store::{Answer, StoreError, TokensError},
};

/// What a client is told. Refusals have the contract's words.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// In the contract's words, or ours where it has none.
    Refused(u16, &'static str),
    /// Nobody is signed in.
    NoUser,
    /// There is no such thing.
    Missing,
    /// Too often: seconds until then.
    TooOften(i64),
    /// There is no such provider of tokens.
    NoToken,
    /// Something did not answer, and nothing was granted.
    Unavailable,
}

impl ApiError {
    pub(crate) fn status(&self) -> StatusCode {
        let status = match self {
            Self::Refused(status, _) => *status,
            Self::NoUser => 401,
            Self::Missing => 404,
            Self::TooOften(_) => 429,
            Self::NoToken => 400,
            Self::Unavailable => 503,
        };
        StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
    }

    fn body(&self) -> Value {
        match self {
            Self::Refused(_, message) => error(&id(message), message),
            Self::NoUser => json!({"message": "Current user is not logged in"}),
            Self::Missing => error("404", "Resource not found"),
            Self::TooOften(_) => Self::Refused(429, "Too many requests").body(),
            Self::NoToken => json!({"success": false, "data": null}),
            Self::Unavailable => error("0", "Unable to complete request"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        if let Self::TooOften(seconds) = self {
            let seconds = HeaderValue::from(seconds.max(1));
            response.headers_mut().insert(RETRY_AFTER, seconds);
        }
        response
    }
}

/// The body of what the HTTP layer refuses by itself.
pub(crate) fn canned(status: u16) -> String {
    let message = match status {
        414 => "The address is too long",
        431 => "The head of the request is too long",
        _ => "The request cannot be read",
    };
    ApiError::Refused(status, message).body().to_string()
}

fn error(id: &str, message: &str) -> Value {
    json!({"status": "error", "id": id, "message": message})
}

/// PHP's `hash('crc32', …)`: the CRC-32 of bzip2, lowest byte first.
fn id(message: &str) -> String {
    let mut crc = u32::MAX;
    for byte in message.bytes() {
        crc ^= u32::from(byte) << 24;
        for _ in 0..8 {
            let carry = crc >> 31 == 1;
            crc <<= 1;
            if carry {
                crc ^= 0x04c1_1db7;
            }
        }
    }
    format!("{:08x}", (!crc).swap_bytes())
}

impl From<TwoFactorError> for ApiError {
    fn from(error: TwoFactorError) -> Self {
        match (&error, error.answer()) {
            (TwoFactorError::Throttled { retry_after, .. }, _) => {
                let seconds = retry_after.map_or(86_400, |after| after.num_seconds());
                Self::TooOften(seconds.saturating_add(1))
            }
            (_, Answer::Refused | Answer::Conflict) => {
                Self::Refused(401, "Token verification failed")
            }
            _ => Self::Unavailable,
        }
    }
}

impl From<TokensError> for ApiError {
    fn from(error: TokensError) -> Self {
        TwoFactorError::from(error).into()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        TwoFactorError::from(error).into()
    }
}

impl From<DocumentError> for ApiError {
    fn from(error: DocumentError) -> Self {
        TwoFactorError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::id;

    /// Ids are those of PHP: the check value of the algorithm, and two of the contract.
    #[test]
    fn ids_are_those_of_php() {
        // The check value of CRC-32/BZIP2 is fc891918.
        assert_eq!(id("123456789"), "181989fc");
        assert_eq!(id("Token invalid"), "c0980e3c");
        assert_eq!(id("Login not allowed"), "64a6cf1f");
    }
}
