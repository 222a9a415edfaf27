//! Forms that only our own pages can send.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{header, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::error::AppError;

/// The hidden field's value for this visitor's forms.
#[derive(Clone)]
pub(crate) struct FormToken(pub(crate) String);

/// Derived from the visit's cookie, which no script and no other site can read.
pub(crate) fn token_of(visit: &str) -> String {
    let hash = Sha256::new()
        .chain_update("showcase form v1")
        .chain_update(visit)
        .finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<S: Sync> FromRequestParts<S> for FormToken {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AppError> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(AppError::Forged)
    }
}

/// A form that was sent from one of our pages, in this visit.
pub(crate) struct Posted<T>(pub(crate) T);

/// A form with nothing but a button.
#[derive(Deserialize)]
pub(crate) struct Empty {}

#[derive(Deserialize)]
struct Guarded {
    csrf: String,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        const FORM: &str = "application/x-www-form-urlencoded";
        let FormToken(expected) = request
            .extensions()
            .get::<FormToken>()
            .cloned()
            .ok_or(AppError::Forged)?;
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| {
            kind.split(';')
                .next()
                .is_some_and(|kind| kind.trim() == FORM)
        }) {
            return Err(AppError::BadRequest("The form did not arrive as a form."));
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|_| AppError::BadRequest("The form is too long."))?;
        let guarded: Guarded = serde_urlencoded::from_bytes(&body).map_err(|_| AppError::Forged)?;
        // Hashes of a random value: what a comparison's time tells of one is of no use.
        if guarded.csrf != expected {
            return Err(AppError::Forged);
        }
        // Every field here is one line of text. What is not (bytes that are no UTF-8 arrive as
        // U+FFFD) would be stored as something that nobody typed.
        let fields: Vec<(String, String)> = serde_urlencoded::from_bytes(&body)
            .map_err(|_| AppError::BadRequest("The form cannot be read."))?;
        let strange = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER;
        if fields.iter().any(|(_, value)| value.contains(strange)) {
            return Err(AppError::BadRequest(
                "The form holds characters that cannot be read.",
            ));
        }
        let form = serde_urlencoded::from_bytes(&body);
        form.map(Posted)
            .map_err(|_| AppError::BadRequest("The form is not complete."))
    }
}
