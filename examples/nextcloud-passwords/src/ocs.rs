//! The routes of the notification app: approving and rejecting on another device, and polling.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use contract_server::Standing;
use serde_json::{Value, json};

use crate::{app::App, call::Caller, error::ApiError};

/// Where they begin.
pub(crate) const BASE: &str = "/ocs/v2.php/apps/twofactor_nextcloud_notification/api/v1";

type Shared = State<Arc<App>>;

pub(crate) async fn approve(State(app): Shared, headers: HeaderMap, uri: Uri) -> Response {
    envelope(decide(&app, &headers, &uri, true).await, json!([]))
}

pub(crate) async fn reject(State(app): Shared, headers: HeaderMap, uri: Uri) -> Response {
    envelope(decide(&app, &headers, &uri, false).await, json!([]))
}

async fn decide(app: &App, headers: &HeaderMap, uri: &Uri, yes: bool) -> Result<u16, ApiError> {
    let caller = Caller::of(app, headers).await?;
    let (engine, number) = (&app.engine, last(uri));
    let decided = app
        .notifications
        .decide(engine, &caller.subject, number, yes);
    Ok(match decided.await? {
        Standing::Accepted => 202,
        Standing::Rejected => 200,
        Standing::Unknown => 404,
        Standing::Closed | Standing::Pending => 403,
    })
}

/// How the notification stands that the waiting client holds the token of. The token is the credential.
pub(crate) async fn poll(State(app): Shared, uri: Uri) -> Response {
    let standing = app.notifications.poll(&app.engine, last(&uri)).await;
    let (status, word) = match standing {
        Ok(Standing::Pending) => (Ok(200), "pending"),
        Ok(Standing::Accepted) => (Ok(200), "accepted"),
        Ok(Standing::Rejected) => (Ok(200), "rejected"),
        Ok(Standing::Unknown) => (Ok(404), ""),
        Ok(Standing::Closed) => (Ok(403), ""),
        Err(error) => (Err(error.into()), ""),
    };
    envelope(status, json!({"status": word}))
}

/// The last segment, as it stands: neither numbers nor tokens have escapes.
fn last(uri: &Uri) -> &str {
    uri.path().rsplit('/').next().unwrap_or_default()
}

fn envelope(answer: Result<u16, ApiError>, data: Value) -> Response {
    let status = match answer {
        Ok(status) => StatusCode::from_u16(status).unwrap_or_default(),
        Err(error) => error.status(),
    };
    let (word, data) = match status.is_success() {
        true => ("ok", data),
        false => ("failure", json!([])),
    };
    let message = status.canonical_reason().unwrap_or_default();
    let meta = json!({"status": word, "statuscode": status.as_u16(), "message": message});
    (status, Json(json!({"ocs": {"meta": meta, "data": data}}))).into_response()
}
