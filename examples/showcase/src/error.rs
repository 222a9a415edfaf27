//! Every way in which a request ends badly, and the page that says so.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::html;
use twofa_providers::{
    TwoFactorError,
    token_store::{
        TokensError,
        ott_core::chrono::{DateTime, Utc},
    },
};

use crate::{
    layout::{self, Who},
    second_factor::Next,
};

/// Why a request did not do what was asked.
#[derive(Debug)]
pub(crate) enum AppError {
    /// The request cannot be understood: nothing was evaluated.
    BadRequest(&'static str),
    /// Every second step is disabled: it failed too often, or was disowned.
    Disabled,
    /// The request comes from another site, or its form is too old.
    Forged,
    /// The page is there, and does not do this: a form's address that was opened as a page.
    Method,
    /// There is no such page, or none for this person.
    NotFound,
    /// A fresh proof is needed first, and leads back there.
    ProofNeeded(Next),
    /// The code, password or cookie was refused. One text for every cause.
    Refused,
    /// Somebody must sign in first.
    SignIn,
    /// A limit is reached.
    Throttled(Option<DateTime<Utc>>),
    /// There are enough already.
    TooMany,
    /// Something is down; nothing was granted.
    Unavailable(Box<dyn core::error::Error + Send + Sync>),
}

impl AppError {
    pub(crate) fn unavailable(error: impl Into<Box<dyn core::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(error.into())
    }

    /// What was down, for whoever passes it on.
    pub(crate) fn into_cause(self) -> Box<dyn core::error::Error + Send + Sync> {
        match self {
            Self::Unavailable(cause) => cause,
            other => other.words().1.into(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Disabled | Self::Forged => StatusCode::FORBIDDEN,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Refused => StatusCode::UNAUTHORIZED,
            Self::ProofNeeded(_) | Self::SignIn => StatusCode::SEE_OTHER,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::TooMany => StatusCode::CONFLICT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What the person reads: a headline and a sentence that says what to do.
    pub(crate) fn words(&self) -> (&'static str, String) {
        match self {
            Self::BadRequest(what) => ("That did not work", (*what).into()),
            Self::Disabled => (
                "Your second step is disabled",
                "It failed too often, or you said that it was not yours. Whoever runs this service can let you set up another one.".into(),
            ),
            Self::Forged => (
                "Please try again",
                "The form was opened too long ago, or on another site. Go back, reload the page and send it again.".into(),
            ),
            Self::Method => ("Nothing to see here", "Only a form leads here. Go back to its page and send it again.".into()),
            Self::NotFound => ("Nothing here", "This page does not exist, or not any more.".into()),
            Self::ProofNeeded(_) => ("Confirm that it is you", "Enter a code again before you change how you sign in.".into()),
            Self::Refused => ("That was not accepted", "Check what you entered and try again.".into()),
            Self::SignIn => ("Please sign in", "You are not signed in, or not any more.".into()),
            Self::Throttled(None) => {
                ("Too many tries", "This cannot be tried any more. Use another way to prove that it is you.".into())
            }
            Self::Throttled(Some(at)) => {
                ("Too many tries", format!("Wait until {} UTC, then try again.", at.format("%H:%M:%S")))
            }
            Self::TooMany => ("You have enough of these", "Remove one before you add another.".into()),
            Self::Unavailable(_) => {
                ("Not available right now", "Something on our side does not answer, so nothing was granted. Try again in a moment, with a new code if you entered one.".into())
            }
        }
    }
}

impl From<sqlx::Error> for AppError {
    fn from(error: sqlx::Error) -> Self {
        Self::unavailable(error)
    }
}

impl From<TokensError> for AppError {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::Rejected(_) => Self::Refused,
            TokensError::Throttled { retry_at, .. } => Self::Throttled(retry_at),
            other => Self::unavailable(other),
        }
    }
}

impl From<TwoFactorError> for AppError {
    fn from(error: TwoFactorError) -> Self {
        match error {
            TwoFactorError::LastFactor => Self::BadRequest(
                "This is your only second step, so it stays. Add another one first.",
            ),
            TwoFactorError::Rejected(_) => Self::Refused,
            TwoFactorError::Throttled { retry_at, .. } => Self::Throttled(retry_at),
            TwoFactorError::ProofNeeded => Self::ProofNeeded(Next::Account),
            TwoFactorError::TooMany => Self::TooMany,
            other => Self::unavailable(other),
        }
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        if let Self::Unavailable(error) = &self {
            log_outage(&**error);
        }
        match self {
            Self::ProofNeeded(next) => return Redirect::to(&next.prove_path()).into_response(),
            Self::SignIn => return Redirect::to("/sign-in").into_response(),
            _ => {}
        }
        let (headline, sentence) = self.words();
        let way_back = html! { p { a href="/" { "Back to the start" } } };
        let page = layout::card(Who::Nobody, headline, html! { p { (sentence) } (way_back) });
        with_status(&self, page)
    }
}

/// The operator's log gets the chain of causes; no error of these crates holds a secret.
#[expect(clippy::print_stderr, reason = "the operator's log")]
fn log_outage(error: &dyn core::error::Error) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        eprintln!("outage: {error}");
        cause = error.source();
    }
}

/// A limit of ours that no clock near this one can have written.
pub(crate) const AHEAD: &str = "a limit lies ahead of every clock";

/// When to come back: the guard, which has the clock, makes a header of it.
#[derive(Clone, Copy)]
pub(crate) struct RetryAt(pub(crate) DateTime<Utc>);

/// A page that says what went wrong, with the status that programs read.
pub(crate) fn with_status(error: &AppError, page: maud::Markup) -> Response {
    let mut response = (error.status(), page).into_response();
    if let AppError::Throttled(Some(at)) = error {
        response.extensions_mut().insert(RetryAt(*at));
    }
    response
}
