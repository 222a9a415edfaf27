//! How an answer becomes what is sent: the page is written, with what there is to say, once, here.

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use axum_extra::extract::CookieJar;

use crate::{
    app::{App, set_cookie},
    layout::{Page, Who},
    said::{self, Said},
    session::{self, cookie},
};

/// Writes the page that the answer holds, if it holds one, and passes on what it says to the next. Says
/// which script the page runs.
pub(crate) async fn finish(
    app: &App,
    jar: &CookieJar,
    response: &mut Response,
) -> Option<&'static str> {
    let page = response.extensions_mut().remove::<Page>();
    let to_say = response.extensions_mut().remove::<Said>();
    let mut script = None;
    let mut heard = None;
    if let Some(page) = page {
        heard = cookie(app, jar, said::COOKIE);
        let said = heard.as_deref().and_then(|text| Said::opened(app, text));
        let who = match page.who {
            Who::Anybody if session::is_signed_in(app, jar).await => Who::SignedIn,
            Who::Anybody => Who::Nobody,
            known => known,
        };
        let html = page.written(who, said.as_ref()).into_string();
        script = page.script;
        *response.body_mut() = Body::from(html);
        let headers = response.headers_mut();
        // That of the empty body that the page took the place of.
        headers.remove(header::CONTENT_LENGTH);
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, kind);
    }
    let cookie = match to_say.map(|said| said.sealed(app)) {
        Some(Ok(text)) => Some(set_cookie(app, said::COOKIE, &text, said::SECONDS)),
        // What was done is done, whether or not it can be said.
        Some(Err(_)) => None,
        None => heard.map(|_| set_cookie(app, said::COOKIE, "", 0)),
    };
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    script
}
