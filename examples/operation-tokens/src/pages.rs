//! The pages that links open. `GET` consumes nothing: what a link carries is in its fragment, which no browser sends.

use rocket::{
    Request, Response, State, get,
    http::{ContentType, Header},
    response::{Responder, Result as Responded},
};

use crate::{answer::ApiError, app::App};

/// Where the page of a registration is.
pub(crate) const CONFIRM: &str = "/confirm";
/// Where the page is that takes a change back.
pub(crate) const PUT_BACK: &str = "/putBack";

/// A page, or its script.
pub(crate) struct Page(ContentType, &'static str);

impl<'r> Responder<'r, 'static> for Page {
    fn respond_to(self, request: &'r Request<'_>) -> Responded<'static> {
        let policy = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";
        let page = (self.0, self.1).respond_to(request)?;
        Response::build_from(page)
            .header(Header::new("content-security-policy", policy))
            .header(Header::new("referrer-policy", "no-referrer"))
            .header(Header::new("cache-control", "no-store"))
            .header(Header::new("x-content-type-options", "nosniff"))
            .ok()
    }
}

fn page(app: &App, kind: ContentType, text: &'static str) -> Result<Page, ApiError> {
    match app.settings.pages {
        Some(_) => Ok(Page(kind, text)),
        None => Err(ApiError::OFF),
    }
}

#[get("/confirm")]
pub(crate) fn confirm(app: &State<App>) -> Result<Page, ApiError> {
    page(app, ContentType::HTML, include_str!("pages/confirm.html"))
}

#[get("/putBack")]
pub(crate) fn put_back(app: &State<App>) -> Result<Page, ApiError> {
    page(app, ContentType::HTML, include_str!("pages/put_back.html"))
}

#[get("/pages.js")]
pub(crate) fn script(app: &State<App>) -> Result<Page, ApiError> {
    let kind = ContentType::JavaScript;
    page(app, kind, include_str!("pages/pages.js"))
}
