//! A button that is pressed twice on a slow line does its step once.
//!
//! The browser drops the first answer and waits for the second, so the second copy of a request gets the
//! answer of the first. Copies are the same to the byte, cookies and hidden field included: what one
//! visitor may see, no other request gets.

use core::time::Duration;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::{self, Body, Bytes},
    extract::{Request, State},
    http::{Extensions, HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use sha2::{Digest as _, Sha256};
use twofa_providers::token_store::ott_core::chrono::{DateTime, TimeDelta, Utc};

use crate::{app::App, error::AppError, proofs, session};

/// How long after the first answer a copy still gets it: a slow line, and not a second thought.
const WITHIN: Duration = Duration::from_secs(5);
const LONGEST: TimeDelta = TimeDelta::seconds(5);

/// How many visits are looked after at once. Beyond that a copy is a request like any other.
const MOST: usize = 512;

/// A hash of what makes a request this one, or of the visit's cookie.
type Name = [u8; 32];
type Slot = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// The last answer of each visit, for a few seconds: whoever does something else in between, and then the
/// same again, means it.
#[derive(Default)]
pub(crate) struct Answers {
    last: Arc<Mutex<HashMap<Name, (Name, Slot)>>>,
}

impl Answers {
    /// Where the answer to this request of this visit is, or will be.
    fn slot(&self, visit: Name, request: Name) -> Option<Slot> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= MOST && !last.contains_key(&visit) {
            return None;
        }
        let (of, slot) = last
            .entry(visit)
            .or_insert_with(|| (request, Slot::default()));
        if *of != request {
            (*of, *slot) = (request, Slot::default());
        }
        Some(Arc::clone(slot))
    }

    fn forget(&self, visit: &Name, request: &Name) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(visit).is_some_and(|(of, _)| of == request) {
            last.remove(visit);
        }
    }

    /// The answers of sessions stay no longer in memory than they are of use.
    fn forget_later(&self, visit: Name, request: Name) {
        let answers = Self {
            last: Arc::clone(&self.last),
        };
        tokio::spawn(async move {
            tokio::time::sleep(WITHIN).await;
            answers.forget(&visit, &request);
        });
    }
}

/// Forgets a request that was refused, or that its visitor gave up: else it would hold its place for ever.
struct Forgets<'a> {
    answers: &'a Answers,
    visit: Name,
    request: Name,
    is_kept: bool,
}

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            self.answers.forget(&self.visit, &self.request);
        }
    }
}

/// An answer that can be given again.
struct Kept {
    at: DateTime<Utc>,
    status: StatusCode,
    headers: HeaderMap,
    extensions: Extensions,
    body: Bytes,
}

impl Kept {
    fn again(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        *response.extensions_mut() = self.extensions.clone();
        response
    }
}

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
    let mut digest = Sha256::new();
    let target = parts
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    let kind = parts.headers.get(header::CONTENT_TYPE);
    let cookies = parts.headers.get_all(header::COOKIE).iter();
    let head = [parts.method.as_str().as_bytes(), target.as_bytes(), &body];
    let rest = kind
        .into_iter()
        .chain(cookies)
        .map(|value| value.as_bytes());
    for part in head.into_iter().chain(rest) {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    let visit: Name = Sha256::digest(visit).into();
    let name: Name = digest.finalize().into();
    let request = Request::from_parts(parts, Body::from(body));
    let Some(slot) = app.answers.slot(visit, name) else {
        return next.run(request).await;
    };
    let mut kept = slot.lock().await;
    // Not before: a copy that waits, and is given up, takes no place away.
    let mut forgets = Forgets {
        answers: &app.answers,
        visit,
        request: name,
        is_kept: false,
    };
    let now = app.tokens.now();
    // By the clock that everything else here goes by, too.
    let is_new = |kept: &&Kept| now.signed_duration_since(kept.at).abs() < LONGEST;
    if let Some(kept) = kept.as_ref().filter(is_new) {
        forgets.is_kept = true;
        return kept.again();
    }
    let response = next.run(request).await;
    let status = response.status();
    let gives = posts || proofs::is_given(&app, response.headers());
    // What was refused was not done, and may be tried again; and a page that gave nothing can be read again.
    if !(status.is_success() || status.is_redirection()) || !gives {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = match body::to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => return AppError::unavailable(error).into_response(),
    };
    let done = Kept {
        at: now,
        status,
        headers: parts.headers,
        extensions: parts.extensions,
        body,
    };
    let response = done.again();
    *kept = Some(done);
    drop(kept);
    forgets.is_kept = true;
    app.answers.forget_later(visit, name);
    response
}

#[cfg(test)]
mod tests {
    use super::{Answers, Forgets, MOST};

    /// A visitor who goes away in the middle leaves no place taken.
    #[test]
    fn request_given_up_leaves_its_place() {
        let answers = Answers::default();
        for number in 0..=MOST {
            let mut visit = [0; 32];
            visit[..8].copy_from_slice(&number.to_be_bytes());
            let slot = answers.slot(visit, [1; 32]);
            assert!(slot.is_some(), "{number}");
            drop(Forgets {
                answers: &answers,
                visit,
                request: [1; 32],
                is_kept: false,
            });
        }
    }
}
