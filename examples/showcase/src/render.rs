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

/// The policy of a page with a script of ours: it reads a link's fragment, which a server never sees, or
/// copies what is shown, or looks how something stands.
const POLICY_WITH_SCRIPT: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; \
    style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Writes the page that the answer holds, if it holds one, and passes on what it says to the next. An answer
/// that is finished stays as it is.
pub(crate) async fn finish(app: &App, jar: &CookieJar, response: &mut Response) {
    let page = response.extensions_mut().remove::<Page>();
    let to_say = response.extensions_mut().remove::<Said>();
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
        let script = page.script;
        *response.body_mut() = Body::from(html);
        let headers = response.headers_mut();
        // That of the empty body that the page took the place of.
        headers.remove(header::CONTENT_LENGTH);
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, kind);
        if script.is_some() {
            let policy = HeaderValue::from_static(POLICY_WITH_SCRIPT);
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
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
}
