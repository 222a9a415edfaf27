//! Forms that only our own pages can send.

mod stale;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{header, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use showcase_input::FormFault;

pub(crate) use self::stale::Stale;
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

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Posted<T> {
    type Rejection = AppError;

    async fn from_request(request: Request, state: &S) -> Result<Self, AppError> {
        let FormToken(expected) = request
            .extensions()
            .get::<FormToken>()
            .cloned()
            .ok_or(AppError::Forged)?;
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        if !showcase_input::is_form(kind) {
            return Err(AppError::BadRequest("The form did not arrive as a form."));
        }
        let ours = Stale::of(&request, &expected);
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(AppError::unavailable)?;
        let form = showcase_input::form(&body, &expected);
        form.map(Posted).map_err(|fault| match fault {
            FormFault::Forged => {
                let stale = ours.and_then(|ours| ours.holding(&body));
                stale.map_or(AppError::Forged, AppError::Stale)
            }
            FormFault::Incomplete => AppError::BadRequest("The form is not complete."),
            FormFault::Strange => {
                AppError::BadRequest("The form holds characters that cannot be read.")
            }
            FormFault::Unreadable => AppError::BadRequest("The form cannot be read."),
        })
    }
}
