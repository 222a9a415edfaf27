//! Routes, answers, cookies, and the frame of every page.

use core::ops::Deref;
use std::sync::Arc;

pub(crate) use axum::extract::Form as Typed;
use axum::{
    Router,
    extract::{FromRef, FromRequestParts, Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use bearer_axum::{Authenticated, Session};
use maud::{DOCTYPE, Markup, html};
use ott_bearer::Door;
use token_store_sqlx::token_store::{
    Answer, TokensError,
    ott_core::{Handle, Subject, chrono::TimeDelta},
};
use twofa_providers::TwoFactorError;

use crate::{
    account, accounts,
    app::{App, Fault, NAME, NOT_ME_PAGE, Scope},
    factors, not_me, register, reset, second_step, sign_in,
};

/// The state of the routes: a type of its own, since extractors of other crates are told what they need of it.
#[derive(Clone)]
pub(crate) struct Site(Arc<App>);

pub(crate) type Shared = State<Site>;

impl Deref for Site {
    type Target = App;

    fn deref(&self) -> &App {
        &self.0
    }
}

/// What is answered instead of a page.
pub(crate) enum No {
    /// As the table of [`Answer`] says.
    Answer(Answer),
    /// The form is to be filled in again.
    Again(&'static str),
    /// The second step has to be proved anew.
    Prove,
    /// Nobody is signed in here.
    SignIn,
}

impl From<TokensError> for No {
    fn from(error: TokensError) -> Self {
        Self::Answer(error.answer())
    }
}

impl From<TwoFactorError> for No {
    fn from(error: TwoFactorError) -> Self {
        Self::Answer(error.answer())
    }
}

impl From<Fault> for No {
    fn from(fault: Fault) -> Self {
        eprintln!("{fault}"); // into your log: none of these crates' errors has a secret
        Self::Answer(Answer::Unavailable)
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        let (status, words) = match self {
            Self::Prove => return Redirect::to("/second-step").into_response(),
            Self::SignIn => return Redirect::to("/sign-in").into_response(),
            Self::Again(words) => (StatusCode::UNPROCESSABLE_ENTITY, words),
            Self::Answer(answer) => {
                let later = answer.retry_after();
                let words = match answer {
                    Answer::Conflict => "That does not go together with what is there.",
                    Answer::Forbidden => "Prove your second step first.",
                    Answer::Refused => "That was not right. Go back and try again.",
                    Answer::RetryAt(_) => "Too many tries. Come back later.",
                    Answer::Misuse | Answer::Unavailable => "Something is down. Try again later.",
                };
                let status = StatusCode::from_u16(answer.status());
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                if let Some(later) = later {
                    let later = AppendHeaders([(header::RETRY_AFTER, later)]);
                    return (status, later, page("Sorry", html! { p { (words) } })).into_response();
                }
                (status, words)
            }
        };
        (status, page("Sorry", html! { p role="alert" { (words) } })).into_response()
    }
}

/// Who is signed in.
pub(crate) struct SignedIn {
    pub(crate) session: ott_bearer::Bearer,
    pub(crate) account: accounts::Account,
    pub(crate) subject: Subject,
    /// Of the last second step that was proved.
    pub(crate) proof: Option<Handle>,
}

impl FromRequestParts<Site> for SignedIn {
    type Rejection = No;

    async fn from_request_parts(parts: &mut Parts, app: &Site) -> Result<Self, No> {
        let session = Session::from_request_parts(parts, app).await;
        let Session(session) = session.map_err(|no| match no.0.status() {
            503 => No::Answer(Answer::Unavailable),
            _ => No::SignIn,
        })?;
        let subject = session.subject().clone();
        let account = accounts::of(app, &subject).await?.ok_or(No::SignIn)?;
        Ok(Self {
            session,
            account,
            subject,
            proof: cookie_of(&parts.headers, "proof").and_then(|it| Handle::parse(&it).ok()),
        })
    }
}

impl FromRef<Site> for Door {
    fn from_ref(app: &Site) -> Self {
        app.sessions.clone()
    }
}

impl FromRef<Site> for Door<Scope> {
    fn from_ref(app: &Site) -> Self {
        app.access.clone()
    }
}

/// A header that sets one.
pub(crate) type Cookie = (header::HeaderName, String);

/// A cookie that no script reads and no other host sets. An empty value removes it.
pub(crate) fn cookie(name: &str, value: &str, life: TimeDelta) -> Cookie {
    let seconds = if value.is_empty() {
        0
    } else {
        life.num_seconds()
    };
    let cookie =
        format!("__Host-{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}");
    (header::SET_COOKIE, cookie)
}

/// The value of a cookie of ours that is no session.
pub(crate) fn cookie_of(headers: &header::HeaderMap, name: &str) -> Option<String> {
    let values = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::as_bytes);
    let name = format!("__Host-{name}");
    let read = ott_bearer::Credential::read_cookie(values, &name);
    Some(read.ok()?.expose_secret().to_owned())
}

pub(crate) fn page(title: &str, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – " (NAME) }
                link rel="stylesheet" href="/style.css";
            }
            body { main { h1 { (title) } (content) } }
        }
    }
}

/// A page whose link carries a token behind `#`: the button posts it, so a scanner of mail that
/// only opens the link uses nothing up.
pub(crate) fn link_page(title: &str, button: &str, more: Markup) -> Markup {
    page(
        title,
        html! {
            form method="post" {
                input type="hidden" name="token";
                (more)
                button { (button) }
            }
            script src="/link.js" {}
        },
    )
}

/// Goes on where the browser hangs up: else a thief would, before the owner is told.
async fn to_the_end(request: Request, next: Next) -> Response {
    let answer = tokio::spawn(next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// A request that changes something comes from a page of ours.
async fn same_origin(State(app): Shared, request: Request, next: Next) -> Response {
    let origin = request
        .headers()
        .get(header::ORIGIN)
        .map(HeaderValue::as_bytes);
    let bearer = request.headers().contains_key(header::AUTHORIZATION);
    if request.method() == Method::POST && !bearer && origin != Some(app.origin.as_bytes()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; \
                  form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Under `no-referrer` a browser says `Origin: null` of our own forms too.
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    response
}

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:0}main{max-width:32rem;margin:auto;padding:1rem}\
form{margin:1rem 0}label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit;margin:.5rem 0}\
input{padding:.6rem;border:1px solid #767676;border-radius:.3rem}h2{font-size:1.2rem;margin-top:2rem}\
button{padding:.6rem;border:1px solid #14508c;border-radius:.3rem;background:#14508c;color:#fff;cursor:pointer}\
.other,.row button{background:#fff;color:#14508c}.row{display:flex;gap:1rem;align-items:center}\
.row span{flex:1;min-width:0;overflow-wrap:anywhere}.row button{width:auto;margin:0;padding:.4rem .8rem}\
.tick{display:flex;gap:.6rem;align-items:center}.tick input{width:1.2rem;height:1.2rem;margin:0}\
.hint{color:#555;margin:.25rem 0}svg{display:block;width:16rem;max-width:100%;height:auto;margin:auto}\
code{overflow-wrap:anywhere}a{color:#14508c}";

const LINK: &str = "document.forms[0].token.value = location.hash.slice(1);\
history.replaceState(null, '', location.pathname);";

/// A page for programs: who the access token belongs to.
async fn me(Authenticated(token): Authenticated<Scope>) -> String {
    token.subject().id().to_owned()
}

/// Every page.
pub fn router(app: Arc<App>) -> Router {
    let typed = |kind: &'static str, text: &'static str| {
        get(move || async move { ([(header::CONTENT_TYPE, kind)], text) })
    };
    let site = Site(app);
    Router::new()
        .route("/", get(async || Redirect::to("/account")))
        .route("/register", get(register::form).post(register::register))
        .route(
            "/welcome",
            get(register::welcome_form).post(register::welcome),
        )
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route(
            "/second-step",
            get(second_step::form).post(second_step::prove),
        )
        .route("/second-step/mail", post(second_step::mail))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/forgot", get(reset::forgot_form).post(reset::forgot))
        .route("/reset", get(reset::form).post(reset::reset))
        .route("/account", get(account::page))
        .route(NOT_ME_PAGE, get(not_me::form).post(not_me::undo))
        .route("/account/factor", post(factors::add))
        .route("/account/factor/confirm", post(factors::confirm))
        .route("/account/factor/remove", post(factors::remove))
        .route("/account/codes", post(factors::new_codes))
        .route("/account/end", post(account::end))
        .route("/account/token", post(account::new_token))
        .route("/me", get(me))
        .route("/style.css", typed("text/css", STYLE))
        .route("/link.js", typed("text/javascript", LINK))
        .layer(middleware::from_fn_with_state(site.clone(), same_origin))
        .layer(middleware::from_fn(to_the_end))
        .with_state(site)
}
