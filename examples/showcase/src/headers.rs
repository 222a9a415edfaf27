//! What stands before and around every page.

use std::sync::Arc;

use axum::{
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use tokio::time::timeout;
use twofa_providers::token_store::ott_core::{Format, Token, rand::rngs::SysRng};

use crate::{
    app::{App, set_cookie},
    error::{AppError, Retry},
    forms::{self, FormToken},
    render,
    serving::{BODY, Slot},
    session::{VISIT, cookie},
};

/// Nothing but our own style sheet and icon is ever loaded; no script runs, but on a page that has one.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

/// No form here is longer, in bytes.
const LONGEST_FORM: usize = 16 * 1_024;

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
    request
        .extensions_mut()
        .insert(FormToken(forms::token_of(&visit)));
    let mut response = match whole(&app, request).await {
        Ok(request) => answer(request, next).await,
        Err(error) => error.into_response(),
    };
    render::finish(&app, &jar, &mut response).await;
    let retry = response.extensions().get::<Retry>().copied();
    let headers = response.headers_mut();
    if let Some(retry) = retry {
        let wait = match retry {
            Retry::After(wait) => wait,
            Retry::At(at) => at.signed_duration_since(app.tokens.now()),
        };
        // Rounded up: who comes back at that second is let in.
        let seconds = wait.num_milliseconds().max(0).saturating_add(999) / 1_000;
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if known.is_none() {
        headers.append(header::SET_COOKIE, set_cookie(&app, VISIT, &visit, 86_400));
    }
    for (name, value) in FIXED {
        // A page with a script has a policy of its own.
        headers.entry(name).or_insert(value);
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

/// The request with all of its body, if it is for this server and its form may be one of ours.
async fn whole(app: &App, request: Request) -> Result<Request, AppError> {
    check_host(app, &request)?;
    if request.method() == Method::POST && !origin_is_ours(app, request.headers()) {
        return Err(AppError::Forged);
    }
    let (parts, body) = request.into_parts();
    let body = timeout(BODY, to_bytes(body, LONGEST_FORM)).await;
    let body = body.map_err(|_| AppError::Slow)?;
    let body = body.map_err(|_| AppError::BadRequest("The form is too long."))?;
    Ok(Request::from_parts(parts, body.into()))
}

/// Answers in a task of its own: whoever hangs up in the middle stops nothing, such as the message that
/// tells the owner. Until then the connection keeps its place.
async fn answer(request: Request, next: Next) -> Response {
    let slot = request.extensions().get::<Arc<Slot>>().cloned();
    let running = tokio::spawn(async move {
        if let Some(slot) = &slot {
            slot.serve();
        }
        let response = next.run(request).await;
        if let Some(slot) = &slot {
            slot.wait();
        }
        response
    });
    let ran = running.await;
    ran.unwrap_or_else(|error| AppError::unavailable(error).into_response())
}

/// A new name for the visit, and with it another value for its forms.
pub(crate) fn new_visit() -> Result<String, AppError> {
    let token =
        Token::try_generate_from_rng(&Format::LINK, &mut SysRng).map_err(AppError::unavailable)?;
    Ok(token.expose_secret().to_owned())
}

/// A page that was opened under another name (DNS rebinding) is not ours.
///
/// Specification: RFC 9112 section 3.2 (one `Host`, and 400 for any other number), RFC 9110 section 15.5.20.
fn check_host(app: &App, request: &Request) -> Result<(), AppError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(AppError::Host);
    };
    // A target that names a server itself goes before the header.
    let target = request.uri().authority().map(Authority::as_str);
    let host = target.map_or_else(|| String::from_utf8_lossy(host.as_bytes()), Into::into);
    let ours = |origin: &String| {
        let named = origin.split_once("://");
        named.is_some_and(|(_, ours)| ours == host)
    };
    if app.origins.iter().any(ours) {
        return Ok(());
    }
    Err(AppError::Misdirected {
        host: host.chars().take(100).collect(),
        origin: app.origins.first().cloned().unwrap_or_default(),
    })
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
