//! Which route is what.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
    routing::{delete, get, patch, post},
};
use contract_server::{Sent, read_body};
use twofa_providers::counted_network;

use crate::{
    admin, answer::ApiError, app::App, batches, call, call::Address, codes, export, features,
    groups, icons, logs, migration, options, page, preferences, qr, sharing, sign_in,
    throttle::Count, tokens, twofaccounts,
};

const BASE: &str = "/api/v1";
/// The longest address and bodies that are looked at, in bytes: files of an import, pictures, and the rest.
const LONGEST_ADDRESS: usize = 8 * 1_024;
const LONGEST_FILE: usize = 8 * 1_024 * 1_024;
const LONGEST_BODY: usize = 256 * 1_024;

/// What stands in every answer: codes and secrets are nothing for a cache.
const HEADERS: [(&str, &str); 3] = [
    ("cache-control", "no-store"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

pub(crate) fn router(app: &Arc<App>) -> Router {
    let accounts = Router::new()
        .route(
            "/twofaccounts",
            get(twofaccounts::list)
                .post(twofaccounts::create)
                .delete(batches::delete),
        )
        .route("/twofaccounts/count", get(twofaccounts::count))
        .route("/twofaccounts/export", get(export::export))
        .route("/twofaccounts/migration", post(migration::migrate))
        .route("/twofaccounts/otp", post(codes::of_parameters))
        .route("/twofaccounts/preview", post(twofaccounts::preview))
        .route("/twofaccounts/reorder", post(batches::reorder))
        .route("/twofaccounts/withdraw", patch(batches::withdraw))
        .route(
            "/twofaccounts/{id}",
            get(twofaccounts::show)
                .put(twofaccounts::update)
                .delete(twofaccounts::delete),
        )
        .route("/twofaccounts/{id}/otp", get(codes::of_account))
        .route("/twofaccounts/{id}/otp-logs", get(logs::codes))
        .route("/twofaccounts/{id}/owner", patch(sharing::give))
        .route("/twofaccounts/{id}/qrcode", get(qr::of_account))
        .route("/twofaccounts/{id}/recipients", get(sharing::recipients))
        .route(
            "/twofaccounts/{id}/shares",
            get(sharing::list)
                .post(sharing::share)
                .delete(sharing::unshare),
        )
        .route(
            "/twofaccounts/{id}/shares/all",
            post(sharing::share_with_all),
        )
        .route(
            "/twofaccounts/{id}/shares/{user}",
            delete(sharing::unshare_one),
        );
    let rest = Router::new()
        .route("/features", get(features::list))
        .route("/groups", get(groups::list).post(groups::create))
        .route("/groups/reorder", post(groups::reorder))
        .route(
            "/groups/{id}",
            get(groups::show).put(groups::update).delete(groups::delete),
        )
        .route("/groups/{id}/assign", post(groups::assign))
        .route("/groups/{id}/twofaccounts", get(groups::accounts))
        .route("/icons", post(icons::upload))
        .route("/icons/default", post(icons::default))
        .route("/icons/packs", get(icons::list_packs))
        .route("/icons/{name}", delete(icons::delete))
        .route("/qrcode/decode", post(qr::decode))
        .route("/settings", get(options::list).post(options::create))
        .route(
            "/settings/{name}",
            get(options::show)
                .put(options::update)
                .delete(options::delete),
        )
        .route("/user", get(preferences::me))
        .route("/user/name", get(preferences::name))
        .route("/user/preferences", get(preferences::list))
        .route(
            "/user/preferences/{name}",
            get(preferences::show).put(preferences::update),
        )
        .route("/users", get(admin::list).post(admin::create))
        .route("/users/{id}", get(admin::show).delete(admin::delete))
        .route("/users/{id}/promote", patch(admin::promote))
        .route("/users/{id}/password/reset", patch(admin::reset_password))
        .route("/users/{id}/pats", delete(admin::revoke_tokens))
        .route("/users/{id}/credentials", delete(admin::revoke_credentials))
        .route("/users/{id}/authentications", get(logs::authentications));
    let unknown = async || ApiError::told(404, "unknowkn endpoint");
    let api = accounts
        .merge(rest)
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method);
    Router::new()
        .nest(BASE, api)
        .route(
            "/oauth/personal-access-tokens",
            get(tokens::list).post(tokens::create),
        )
        .route("/oauth/personal-access-tokens/{id}", delete(tokens::revoke))
        .route("/user/login", post(sign_in::sign_in))
        .route("/user/logout", get(sign_in::sign_out))
        .route("/user/password/reset", post(sign_in::reset))
        .route("/refresh-csrf", get(sign_in::refresh_csrf))
        .route("/storage/icons/{name}", get(icons::show))
        .route("/openapi.json", get(openapi))
        .route("/", get(page::html))
        .route("/page.css", get(page::css))
        .route("/page.js", get(page::js))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(app), around))
        .with_state(Arc::clone(app))
}

async fn wrong_method() -> ApiError {
    ApiError::told(405, "The method is not supported for this route.")
}

async fn openapi() -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    (json, include_str!("../openapi.json")).into_response()
}

/// Whether this brings a file.
fn takes_files(parts: &Parts) -> bool {
    let files = ["/icons", "/qrcode/decode", "/twofaccounts/migration"];
    let below = parts.uri.path().strip_prefix(BASE);
    parts.method == "POST" && below.is_some_and(|path| files.contains(&path))
}

/// How much of a body is looked at. Whoever is nobody is refused before a file of theirs is read.
async fn longest(app: &App, parts: &Parts) -> Result<usize, ApiError> {
    if !takes_files(parts) {
        return Ok(LONGEST_BODY);
    }
    call::admit(app, parts).await?;
    Ok(LONGEST_FILE)
}

/// Counts a request of the API, or of signing in; `None` where nothing is counted.
fn counted(app: &App, parts: &Parts, address: Address) -> Option<Count> {
    let (path, headers) = (parts.uri.path(), &parts.headers);
    let below = |base: &str| {
        let rest = path.strip_prefix(base);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let settings = &app.settings;
    let import = path == "/api/v1/twofaccounts" && parts.method == "POST" && imports(headers);
    let (limit, what) = if below("/user") || below("/oauth") {
        (settings.throttle_web, "web ")
    } else if !below(BASE) {
        return None;
    } else if import {
        (settings.throttle_api_during_import, "")
    } else {
        (settings.throttle_api, "")
    };
    // Behind a proxy that hides where requests come from, one visitor would use up the requests of all.
    let name = format!("{what}{}", counted_network(address.0?));
    Some(app.requests.count(&name, 1, limit?, app.unix()))
}

/// Whether the page of an import sends this: it says so itself, so it is no security.
fn imports(headers: &HeaderMap) -> bool {
    let referer = headers.get("referer").and_then(|value| value.to_str().ok());
    referer.is_some_and(|referer| referer.ends_with("account/import"))
}

/// What is read of a request before its route sees it, or the refusal that it gets in place of that.
async fn before(
    app: &App,
    parts: &mut Parts,
    count: &mut Option<Count>,
) -> Result<usize, ApiError> {
    let address = Address::of(app, parts)?;
    parts.extensions.insert(address);
    *count = counted(app, parts, address);
    if parts.uri.to_string().len() > LONGEST_ADDRESS {
        return Err(ApiError::told(414, "URI Too Long"));
    }
    if let Some(seconds) = count.as_ref().and_then(|count| count.refused) {
        return Err(ApiError::too_many(seconds));
    }
    longest(app, parts).await
}

/// What holds for every request and answer.
async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut count = None;
    let most = before(&app, &mut parts, &mut count).await;
    // What is refused is read, so that its answer is, and not kept.
    let sent = match read_body(body, *most.as_ref().unwrap_or(&0)).await {
        Sent::Whole(body) => Ok(body),
        Sent::TooLong => Err(ApiError::told(413, "Payload Too Large")),
        Sent::Never => Err(ApiError::told(408, "Request Timeout")),
    };
    parts.extensions.insert::<call::Body>(Arc::new(sent));
    let mut response = match most {
        Ok(_) => next.run(Request::from_parts(parts, Body::empty())).await,
        Err(refused) => refused.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    if let Some(count) = count {
        let mut put = |name, number: u64| {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(number));
        };
        put("x-ratelimit-limit", count.limit.into());
        put("x-ratelimit-remaining", count.left.into());
        if let Some(seconds) = count.refused {
            put("x-ratelimit-reset", app.unix().saturating_add(seconds));
        }
    }
    response
}
