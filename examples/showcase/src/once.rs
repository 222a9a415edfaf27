//! A button that is pressed twice on a slow line does its step once.
//!
//! The browser drops the first answer and waits for the second, so the second copy of a request gets the
//! answer of the first, whichever process over this database either comes to. Copies are the same to the byte,
//! cookies and hidden field included: what one visitor may see, no other request gets.

mod answers;
mod kept;

use std::sync::Arc;

use axum::{
    body::{self, Body},
    extract::{Request, State},
    http::{Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use sha2::{Digest as _, Sha256};

pub(crate) use self::answers::Answers;
use self::{
    answers::{Name, Turn},
    kept::Kept,
};
use crate::{app::App, error::AppError, log, proofs, render, session};

/// Gives a copy of a request that was answered just now, or is being answered, that answer.
pub(crate) async fn answer(
    State(app): State<Arc<App>>,
    jar: CookieJar,
    request: Request,
    next: Next,
) -> Response {
    let posts = request.method() == Method::POST;
    let Some(visit) = session::cookie(&app, &jar, session::VISIT) else {
        return next.run(request).await;
    };
    // A page that takes the proof up gives another one: pressed twice, its link needs the same care.
    if !posts && session::cookie(&app, &jar, proofs::COOKIE).is_none() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    // The guard read it, and let none pass that is too long.
    let body = match body::to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return AppError::unavailable(error).into_response(),
    };
    let visit: Name = Sha256::digest(visit).into();
    let name = name(&parts, &body);
    let request = Request::from_parts(parts, Body::from(body));
    let mine = match app.answers.begin(&app, visit, name).await {
        Ok(Turn::Mine(mine)) => mine,
        Ok(Turn::Given(answer)) => return answer,
        Ok(Turn::None) => return next.run(request).await,
        // Whatever the step does is done once also without this care.
        Err(error) => {
            log::outage(&*error.into_cause());
            return next.run(request).await;
        }
    };
    let mut response = tokio::select! {
        response = next.run(request) => response,
        never = app.answers.keep(&app, &mine) => match never {},
    };
    let status = response.status();
    let gives = posts || proofs::is_given(&app, response.headers());
    // What was refused was not done, and may be tried again; and a page that gave nothing can be read again.
    let done = (status.is_success() || status.is_redirection()) && gives;
    let ended = if done {
        // As it is sent: what it would say on the next page rests with it.
        render::finish(&app, &jar, &mut response).await;
        let (parts, body) = response.into_parts();
        let body = match body::to_bytes(body, usize::MAX).await {
            Ok(body) => body,
            Err(error) => return AppError::unavailable(error).into_response(),
        };
        let kept = Kept::written(name, parts.status, &parts.headers, &body);
        response = Response::from_parts(parts, Body::from(body));
        app.answers.end(&app, mine, &kept).await
    } else {
        app.answers.forget(mine).await
    };
    if let Err(error) = ended {
        log::outage(&*error.into_cause());
    }
    response
}

/// What makes a request this one.
fn name(parts: &Parts, body: &[u8]) -> Name {
    let target = parts
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let cookies = parts.headers.get_all(header::COOKIE).iter();
    let head = [parts.method.as_str().as_bytes(), target.as_bytes(), body];
    let rest = kind
        .into_iter()
        .chain(cookies)
        .map(|value| value.as_bytes());
    let mut digest = Sha256::new();
    for part in head.into_iter().chain(rest) {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
