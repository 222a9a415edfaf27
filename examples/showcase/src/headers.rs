//! What stands before and around every page.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use twofa_providers::token_store::ott_core::{Format, Token, rand::rngs::SysRng};

use crate::{
    app::{App, set_cookie},
    error::{AppError, RetryAt},
    forms::{self, FormToken},
    session::{VISIT, cookie},
};

/// Nothing but our own style sheet and icon is ever loaded; no script runs, but on a page that
/// [`WithScript`] marks.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// The same, for the one page that reads a link's fragment: a server never sees that.
const POLICY_WITH_SCRIPT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Marks an answer whose page runs our one script.
#[derive(Clone, Copy)]
pub(crate) struct WithScript;

const FIXED: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        // Not `no-referrer`: with it, browsers hide the origin of our own forms from us too.
        HeaderValue::from_static("same-origin"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
];

/// Turns strangers' requests away, names the visit, and adds the headers.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    jar: CookieJar,
    mut request: Request,
    next: Next,
) -> Response {
    let known = cookie(&app, &jar, VISIT).filter(|visit| (32..=64).contains(&visit.len()));
    let visit = match known.clone().map_or_else(new_visit, Ok) {
        Ok(visit) => visit,
        Err(error) => return error.into_response(),
    };
    let posts = request.method() == Method::POST;
    let mut response = if !host_is_ours(&app, request.headers())
        || (posts && !origin_is_ours(&app, request.headers()))
    {
        AppError::Forged.into_response()
    } else {
        request
            .extensions_mut()
            .insert(FormToken(forms::token_of(&visit)));
        // In a task of its own: whoever hangs up in the middle stops nothing, such as the message
        // that tells the owner.
        let running = tokio::spawn(next.run(request)).await;
        running.unwrap_or_else(|error| AppError::unavailable(error).into_response())
    };
    let with_script = response.extensions().get::<WithScript>().is_some();
    let retry = response.extensions().get::<RetryAt>().copied();
    let headers = response.headers_mut();
    if let Some(RetryAt(at)) = retry {
        // Rounded up: who comes back at that second is let in.
        let wait = at
            .signed_duration_since(app.tokens.now())
            .num_milliseconds();
        let seconds = wait.max(0).saturating_add(999) / 1_000;
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if known.is_none() {
        headers.append(header::SET_COOKIE, set_cookie(&app, VISIT, &visit, 86_400));
    }
    headers.extend(FIXED);
    if with_script {
        let policy = HeaderValue::from_static(POLICY_WITH_SCRIPT);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    if app.secure {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static("max-age=31536000"),
        );
    }
    response
}

/// A new name for the visit, and with it another value for its forms.
pub(crate) fn new_visit() -> Result<String, AppError> {
    let token =
        Token::try_generate_from_rng(&Format::LINK, &mut SysRng).map_err(AppError::unavailable)?;
    Ok(token.expose_secret().to_owned())
}

/// A page that was opened under another name (DNS rebinding) is not ours.
fn host_is_ours(app: &App, headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let ours = |host: &str| {
        app.origins.iter().any(|origin| {
            origin
                .split_once("://")
                .is_some_and(|(_, ours)| ours == host)
        })
    };
    host.is_some_and(ours)
}

/// A form that another site sends names that site, in every browser that still gets updates.
fn origin_is_ours(app: &App, headers: &HeaderMap) -> bool {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("unreadable"))
    };
    let origin = text("origin").is_none_or(|origin| app.origins.iter().any(|ours| ours == origin));
    let site = text("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
    origin && site
}

pub(crate) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", include_str!("assets/style.css"))
}

pub(crate) async fn icon() -> impl IntoResponse {
    asset("image/svg+xml", include_str!("assets/icon.svg"))
}

pub(crate) async fn not_me_script() -> impl IntoResponse {
    let kind = "text/javascript; charset=utf-8";
    asset(kind, include_str!("assets/not-me.js"))
}

fn asset(kind: &'static str, body: &'static str) -> impl IntoResponse {
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "public, max-age=300"),
        ],
        body,
    )
}
