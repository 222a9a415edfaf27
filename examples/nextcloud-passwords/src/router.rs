//! Which route is what.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header::CONTENT_TYPE},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{any, get, post},
};
use contract_server::{Sent, read_body};

use crate::{
    account,
    app::App,
    call::{self, signed_in},
    error::ApiError,
    ocs, opening, token,
};

/// Where the routes of the app begin.
const BASE: &str = "/index.php/apps/passwords/api/1.0";
/// The longest address and body that are looked at, in bytes.
const LONGEST_ADDRESS: usize = 8 * 1_024;
const LONGEST_BODY: usize = 256 * 1_024;

/// What stands in every answer: pages of other origins may read it without cookies, and nobody keeps it.
const HEADERS: [(&str, &str); 5] = [
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, POST, DELETE, OPTIONS"),
    (
        "access-control-allow-headers",
        "authorization, content-type, x-api-session",
    ),
    ("access-control-expose-headers", "x-api-session"),
    ("cache-control", "no-store"),
];

const LONG_ADDRESS: ApiError = ApiError::Refused(414, "The address is too long");

pub(crate) fn router(app: &Arc<App>) -> Router {
    let api = Router::new()
        .route("/session/request", get(opening::request))
        .route("/session/open", post(opening::open))
        .route("/session/keepalive", get(opening::keepalive))
        .route("/session/close", get(opening::close))
        .route("/token/{provider}/request", get(token::request))
        .route("/account/challenge/get", get(account::challenge))
        .route("/account/challenge/set", post(account::set_challenge))
        .route("/account/reset", get(account::reset).post(account::reset))
        .route("/keychain/get", get(account::keychain))
        .route("/keychain/set", post(account::set_keychain))
        .fallback(opening::other)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(app), signed_in));
    // Nesting takes the base itself, and leaves it with a slash behind.
    let base = any(opening::other).layer(from_fn_with_state(Arc::clone(app), signed_in));
    let ocs = |what| format!("{}/{what}/{{id}}", ocs::BASE);
    Router::new()
        .nest(BASE, api)
        .route(&format!("{BASE}/"), base)
        .route(&ocs("attempt"), post(ocs::approve).delete(ocs::reject))
        .route(&ocs("poll"), get(ocs::poll))
        .route("/openapi.json", get(openapi))
        .fallback(async || ApiError::Missing)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(app), around))
        .with_state(Arc::clone(app))
}

async fn wrong_method() -> ApiError {
    ApiError::Refused(405, "Method not allowed")
}

async fn openapi() -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    (json, include_str!("../openapi.json")).into_response()
}

/// What holds for every request and answer.
async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let long = parts.uri.to_string().len() > LONGEST_ADDRESS;
    let sent = match read_body(body, LONGEST_BODY).await {
        _ if long => Err(LONG_ADDRESS),
        Sent::Whole(body) => Ok(body),
        Sent::TooLong => Err(ApiError::Refused(413, "The body is too long")),
        Sent::Never => Err(ApiError::Refused(408, "The body did not come")),
    };
    parts.extensions.insert::<call::Body>(Arc::new(sent));
    let proto = parts.headers.get("x-forwarded-proto");
    // Below the base it is refused after the sign-in, whose session every answer tells.
    let mut response = if long && !parts.uri.path().starts_with(BASE) {
        LONG_ADDRESS.into_response()
    } else if !app.https && proto.is_none_or(|proto| proto != "https") {
        ApiError::Refused(400, "HTTPS required").into_response()
    } else if parts.method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        next.run(Request::from_parts(parts, Body::empty())).await
    };
    for (name, value) in HEADERS {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        response.headers_mut().insert(name, value);
    }
    response
}
