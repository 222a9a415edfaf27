//! What opens a session.

use std::sync::Arc;

use axum::{Extension, Json, response::IntoResponse as _};
use serde_json::{Map, Value, json};

use crate::{
    account::public,
    call::{Answer, Call},
    error::ApiError,
};

/// What a session of the caller needs to be opened.
pub(crate) async fn request(Extension(call): Extension<Arc<Call>>) -> Answer {
    call.not_locked()?;
    let mut needed = Map::new();
    if let (Some(challenge), false) = (&call.user.challenge, call.session.kept.authorised) {
        needed.insert("challenge".into(), public(challenge));
        let offered = call.offered().await?;
        if call.user.two_factor_enabled && !offered.is_empty() {
            needed.insert("token".into(), json!(offered));
        }
    }
    Ok(Json(needed).into_response())
}

/// Opens it: attempts, then tokens, then the challenge.
pub(crate) async fn open(Extension(call): Extension<Arc<Call>>) -> Answer {
    call.not_too_often("open", call.app.settings.open_limit)
        .await?;
    call.not_locked()?;
    let body = call.object()?;
    let sent = |name| body.get(name).filter(|sent: &&Value| !sent.is_null());
    let already = call.session.kept.authorised;
    if !already {
        call.check_tokens(sent("token")).await?;
        call.check_challenge(sent("challenge")).await?;
    }
    let keychain = call.keychain().await?;
    if !already {
        call.authorise().await?;
        call.forget_failures().await?;
    }
    Ok(Json(json!({"success": true, "keys": keychain})).into_response())
}

/// What needs no authorised session, in the contract: such a call is unknown, and nothing else.
const EXEMPT: [&str; 6] = [
    "/settings/get",
    "/settings/list",
    "/service/avatar/",
    "/service/favicon/",
    "/service/preview/",
    "/service/hashes/",
];

/// Any other call of the API.
pub(crate) async fn other(Extension(call): Extension<Arc<Call>>) -> Answer {
    let path = call.path();
    let exempt = |known: &&str| match known.ends_with('/') {
        true => path.starts_with(*known),
        false => path == *known,
    };
    if !EXEMPT.iter().any(exempt) {
        call.authorised()?;
    }
    Err(ApiError::Missing)
}

pub(crate) async fn keepalive() -> Json<Value> {
    Json(json!({"success": true}))
}

pub(crate) async fn close(Extension(call): Extension<Arc<Call>>) -> Answer {
    call.authorised()?;
    if !call.end_session().await? && call.user.challenge.is_some() {
        return Err(ApiError::Refused(412, "Authorized session required"));
    }
    Ok(keepalive().await.into_response())
}

impl Call {
    async fn check_tokens(&self, sent: Option<&Value>) -> Result<(), ApiError> {
        let user = &self.user;
        if user.challenge.is_none() || !user.two_factor_enabled {
            return Ok(());
        }
        let offered = self.offered().await?;
        let Some(sent) = sent else {
            if user.two_factor_required && !offered.is_empty() {
                return self.failed("Token invalid").await;
            }
            return Ok(());
        };
        // All of them are looked at before the first is used up.
        let known = |(id, code): (&String, &Value)| {
            let known = offered.iter().any(|offered| offered.id == *id);
            let code = code.as_str().filter(|_| known)?;
            Some((id.clone(), code.to_owned()))
        };
        let codes = sent.as_object().into_iter().flatten().map(known);
        let codes: Option<Vec<_>> = codes.collect();
        let mut right = codes.as_ref().is_some_and(|codes| !codes.is_empty());
        for (id, code) in codes.iter().flatten() {
            right = right && self.verify(id, code).await?;
        }
        if right {
            return Ok(());
        }
        self.failed("Token verification failed").await
    }

    async fn check_challenge(&self, sent: Option<&Value>) -> Result<(), ApiError> {
        let Some(challenge) = &self.user.challenge else {
            return Ok(());
        };
        if let Some(sent) = sent {
            let solution = sent.as_str().filter(|text| text.len() == pwdv1r1::SOLUTION);
            let solution = solution.ok_or(ApiError::Refused(400, "Secret invalid"))?;
            if challenge.is_solved_by(solution) {
                return Ok(());
            }
        }
        self.failed("Passphrase invalid").await
    }

    /// The session is open from now on.
    pub(crate) async fn authorise(&self) -> Result<(), ApiError> {
        let authorise = |kept: &mut crate::app::Kept| {
            kept.authorised = true;
            Ok(())
        };
        self.change(authorise).await?;
        Ok(())
    }
}
