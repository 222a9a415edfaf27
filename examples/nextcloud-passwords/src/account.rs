//! The master password's challenge, the keychain, and the reset of an account.

use std::sync::Arc;

use axum::{Extension, Json, http::StatusCode, response::IntoResponse as _};
use contract_server::DocumentError;
use pwdv1r1::{Challenge, ChallengeError};
use serde_json::{Value, json};
use twofa_providers::token_store::ott_core::{Format, Token, rand::rngs::SysRng};

use crate::{
    accounts::{KEYCHAIN, Keychain, USER, User},
    app::Kept,
    call::{Answer, Call},
    error::ApiError,
};

/// `xxxx-xxxx-xxxx-xxxx`.
const RESET: Format = Format::builder("0123456789abcdefghijklmnopqrstuvwxyz", 16)
    .typed_in_groups_of(4)
    .build();

/// A challenge as a client gets it.
pub(crate) fn public(challenge: &Challenge) -> Value {
    json!({"type": "PWDv1r1", "salts": challenge.salts()})
}

pub(crate) async fn challenge(Extension(call): Extension<Arc<Call>>) -> Answer {
    call.authorised()?;
    let challenge = call.user.challenge.as_ref();
    let challenge = challenge.ok_or(ApiError::Refused(404, "Not found"))?;
    Ok(Json(public(challenge)).into_response())
}

/// Sets the challenge, or changes it for whoever knows the old solution. The session is open afterwards.
pub(crate) async fn set_challenge(Extension(call): Extension<Arc<Call>>) -> Answer {
    call.authorised()?;
    let body = call.object()?;
    let old = body.get("oldSecret").and_then(Value::as_str);
    let knows = |user: &User| {
        let challenge = user.challenge.as_ref();
        challenge.is_none_or(|challenge| old.is_some_and(|old| challenge.is_solved_by(old)))
    };
    if !knows(&call.user) {
        return Err(ApiError::Refused(401, "Passphrase invalid"));
    }
    let secret = body
        .get("secret")
        .and_then(Value::as_str)
        .unwrap_or_default();
    // Salts that are no three texts are salts of no length.
    let salts = body.get("data").cloned().map(serde_json::from_value);
    let salts = salts.and_then(Result::ok).unwrap_or_default();
    let new = Challenge::new(salts, secret).map_err(|error| match error {
        ChallengeError::Solution => ApiError::Refused(400, "Secret invalid"),
        ChallengeError::Salts => ApiError::Refused(400, "Salt length invalid"),
        _ => ApiError::Unavailable,
    })?;
    // Compared once more in the step that changes: of two at once, one is second.
    let set = |user: &mut User| {
        if !knows(user) {
            return Err(false);
        }
        user.challenge = Some(new.clone());
        Ok(true)
    };
    let documents = &call.app.engine.documents;
    if documents.change(USER, call.subject.id(), set).await? != Some(true) {
        return Err(ApiError::Refused(401, "Passphrase invalid"));
    }
    call.authorise().await?;
    Ok(Json(json!({"success": true})).into_response())
}

pub(crate) async fn keychain(Extension(call): Extension<Arc<Call>>) -> Answer {
    call.authorised()?;
    Ok(Json(call.keychain().await?).into_response())
}

pub(crate) async fn set_keychain(Extension(call): Extension<Arc<Call>>) -> Answer {
    call.authorised()?;
    let body = call.object()?;
    if call.user.challenge.is_none() {
        return Err(ApiError::Refused(500, "Encryption not enabled"));
    }
    let text = |name| body.get(name).and_then(Value::as_str);
    let (Some("CSEv1r1"), Some(data)) = (text("id"), text("data")) else {
        return Err(ApiError::Refused(
            400,
            "A keychain has the id CSEv1r1 and data",
        ));
    };
    let kept = Keychain {
        csev1r1: data.into(),
    };
    let documents = &call.app.engine.documents;
    documents.put(KEYCHAIN, call.subject.id(), &kept).await?;
    Ok(Json(json!({"id": "CSEv1r1"})).into_response())
}

/// Ends challenge and keychain, in two steps: a code, and the code sent back.
pub(crate) async fn reset(Extension(call): Extension<Arc<Call>>) -> Answer {
    call.authorised()?;
    let Some(sent) = call.parameter("code")? else {
        let code = Token::try_generate_from_rng(&RESET, &mut SysRng);
        let code = code.map_err(|_| ApiError::Unavailable)?;
        let keep = |kept: &mut Kept| {
            kept.reset = Some(code.expose_secret().into());
            Ok(())
        };
        call.change(keep).await?;
        let body = json!({"status": "accepted", "code": code.expose_secret()});
        return Ok((StatusCode::ACCEPTED, Json(body)).into_response());
    };
    // Taken in one step: of two at once, one is second.
    let take = |kept: &mut Kept| match kept.reset.take() {
        Some(code) if sent.as_str() == Some(&code) => Ok(true),
        _ => Err(false),
    };
    if call.change(take).await? != Some(true) {
        return Err(ApiError::Refused(403, "Invalid reset code"));
    }
    let forget = |user: &mut User| {
        user.challenge = None;
        Ok(())
    };
    let (documents, id) = (&call.app.engine.documents, call.subject.id());
    documents.change(USER, id, forget).await?;
    documents.remove(KEYCHAIN, id).await?;
    call.forget_failures().await?;
    call.end_session().await?;
    Ok(Json(json!({"status": "ok"})).into_response())
}

impl Call {
    /// The keychain as the client gets it: an empty list where there is none.
    pub(crate) async fn keychain(&self) -> Result<Value, ApiError> {
        let documents = &self.app.engine.documents;
        match documents.get::<Keychain>(KEYCHAIN, self.subject.id()).await {
            Ok(Some(kept)) => Ok(json!(kept.value)),
            Ok(None) => Ok(json!([])),
            Err(DocumentError::Database(_)) => Err(ApiError::Unavailable),
            Err(_) => {
                self.end_session().await?;
                Err(ApiError::Refused(500, "Reading user keychain failed"))
            }
        }
    }
}
