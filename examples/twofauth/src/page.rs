//! A page to look at codes.

use axum::{
    http::{HeaderName, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};

/// Nothing but what this server sends runs or is shown.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

fn page(kind: &'static str, text: &'static str) -> Response {
    let policy = HeaderName::from_static("content-security-policy");
    ([(CONTENT_TYPE, kind), (policy, POLICY)], text).into_response()
}

pub(crate) async fn html() -> Response {
    page("text/html; charset=utf-8", include_str!("page/page.html"))
}

pub(crate) async fn css() -> Response {
    page("text/css; charset=utf-8", include_str!("page/page.css"))
}

pub(crate) async fn js() -> Response {
    page(
        "text/javascript; charset=utf-8",
        include_str!("page/page.js"),
    )
}
