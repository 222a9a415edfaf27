//! Every way in which a request ends badly, and the page that says so.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::html;
use twofa_providers::{
    InvalidLabel, TwoFactorError,
    token_store::{
        TokensError,
        ott_core::{
            Reason, Rejected,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

use crate::{
    forms::Stale,
    layout::{self, Page, Who},
    log,
    next::Next,
    said::{Said, say},
    times::Wait,
};

/// Why a request did not do what was asked.
#[derive(Debug)]
pub(crate) enum AppError {
    /// The code will be right soon: the clock of the device that made it is ahead. It is used up.
    Ahead,
    /// The request cannot be understood: nothing was evaluated.
    BadRequest(&'static str),
    /// Too many people wait for the same thing.
    Busy,
    /// Every second step is disabled: it failed too often, or was disowned.
    Disabled,
    /// The request comes from another site, or its form is too old.
    Forged,
    /// No `Host`, or two: two readers of the request would take it for two servers.
    Host,
    /// What was typed cannot be a code, by its form alone. Nothing was compared, and nothing is spent.
    Malformed,
    /// The page is there, and does not do this: a form's address that was opened as a page.
    Method,
    /// The request names a server that this is not.
    Misdirected {
        /// The name that came.
        host: String,
        /// Where the pages are.
        origin: String,
    },
    /// There is no such page, or none for this person.
    NotFound,
    /// Nobody decided on the other device yet.
    Pending,
    /// A fresh proof is needed first, and leads back there.
    ProofNeeded(Next),
    /// The code, password or cookie was refused. One text for every cause.
    Refused,
    /// Somebody must sign in first, and is led back there.
    SignIn(Next, Why),
    /// The request did not arrive whole in time.
    Slow,
    /// The form is of an earlier visit of this browser: it is shown again, filled.
    Stale(Stale),
    /// A limit is reached.
    Throttled(Option<Wait>),
    /// There are enough already.
    TooMany,
    /// The trusted proxies did not say where the request comes from, and why that is so.
    Unforwarded(&'static str),
    /// Something is down; nothing was granted.
    Unavailable(Box<dyn core::error::Error + Send + Sync>),
}

/// Why somebody must sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// They did not.
    NotYet,
    /// The session ended: it was too long ago, or somebody ended it.
    SessionEnded,
    /// The password was right, and the second step did not follow in time.
    StepEnded,
}

impl Why {
    fn said(self) -> Option<Said> {
        match self {
            Self::NotYet => None,
            Self::SessionEnded => Some(Said::instead(
                "Your session has ended. Sign in again, and you are back where you wanted to go.",
            )),
            Self::StepEnded => Some(Said::instead(
                "The time for your second step is over. Enter your password again.",
            )),
        }
    }
}

impl AppError {
    /// A limit that says when the next try is let in.
    pub(crate) fn throttled(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let after = |at: DateTime<Utc>| at.signed_duration_since(now);
        Self::Throttled(at.map(|at| Wait {
            at,
            after: after(at),
        }))
    }

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
            Self::Busy | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Disabled | Self::Forged | Self::Stale(_) => StatusCode::FORBIDDEN,
            Self::Host | Self::Unforwarded(_) => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Misdirected { .. } => StatusCode::MISDIRECTED_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Ahead | Self::Malformed | Self::Refused => StatusCode::UNAUTHORIZED,
            Self::ProofNeeded(_) | Self::SignIn(..) => StatusCode::SEE_OTHER,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Pending | Self::TooMany => StatusCode::CONFLICT,
        }
    }

    /// What the person reads: a headline and a sentence that says what to do.
    pub(crate) fn words(&self) -> (&'static str, String) {
        match self {
            Self::Ahead => ("That was not accepted", CLOCK_AHEAD.into()),
            Self::BadRequest(what) => ("That did not work", (*what).into()),
            Self::Busy => (
                "Many people are here at once",
                "There was no turn for you just now, and nothing was tried. Wait a few seconds, then send it again.".into(),
            ),
            Self::Disabled => (
                "Your second step is disabled",
                "It failed too often, or you said that it was not yours. Whoever runs this service can let you set up another one.".into(),
            ),
            Self::Forged | Self::Stale(_) => (
                "Please try again",
                "The form was opened too long ago, or on another site. Go back, reload the page and send it again.".into(),
            ),
            Self::Host => ("That did not work", "The request names no server, or more than one.".into()),
            Self::Misdirected { host, origin } => (
                "This server has another name",
                format!("The request is for “{host}”, and these pages are at {origin}: open them there. If a proxy stands in between, it has to pass on the Host header that it got."),
            ),
            Self::Method => ("Nothing to see here", "Only a form leads here. Go back to its page and send it again.".into()),
            Self::NotFound => ("Nothing here", "This page does not exist, or not any more.".into()),
            Self::ProofNeeded(_) => ("Confirm that it is you", "Enter a code again before you change how you sign in.".into()),
            Self::Pending => ("Not yet", "Nobody approved it on the other device yet.".into()),
            Self::Malformed => ("That was not accepted", "That cannot be a code.".into()),
            Self::Refused => ("That was not accepted", "Check what you entered and try again.".into()),
            Self::SignIn(..) => ("Please sign in", "You are not signed in, or not any more.".into()),
            Self::Slow => ("That took too long", "The form did not arrive in time. Send it again.".into()),
            Self::Throttled(None) => {
                ("Too many tries", "This cannot be tried any more. Use another way to prove that it is you.".into())
            }
            Self::Throttled(Some(wait)) => {
                ("Too many tries", format!("Too many tries. Try again {wait}."))
            }
            Self::TooMany => ("You have enough of these", "Remove one before you add another.".into()),
            Self::Unforwarded(_) => (
                "That did not work",
                "A proxy in front of this server does not say where the request comes from, or says two things. Whoever runs this service finds more in its log.".into(),
            ),
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

impl From<Rejected> for AppError {
    fn from(rejected: Rejected) -> Self {
        match rejected.reason() {
            Reason::Ahead => Self::Ahead,
            Reason::Malformed => Self::Malformed,
            _ => Self::Refused,
        }
    }
}

fn wait(at: Option<DateTime<Utc>>, after: Option<TimeDelta>) -> Option<Wait> {
    let (at, after) = (at?, after?);
    Some(Wait { at, after })
}

impl From<TokensError> for AppError {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::Rejected(rejected) => rejected.into(),
            TokensError::Throttled {
                retry_at,
                retry_after,
            } => Self::Throttled(wait(retry_at, retry_after)),
            other => Self::unavailable(other),
        }
    }
}

impl From<TwoFactorError> for AppError {
    fn from(error: TwoFactorError) -> Self {
        match error {
            TwoFactorError::Label(why) => Self::BadRequest(label_hint(why)),
            TwoFactorError::LastFactor => Self::BadRequest(
                "This is your only second step, so it stays. Add another one first.",
            ),
            TwoFactorError::Rejected(rejected) => rejected.into(),
            TwoFactorError::Throttled {
                retry_at,
                retry_after,
            } => Self::Throttled(wait(retry_at, retry_after)),
            TwoFactorError::Pending => Self::Pending,
            TwoFactorError::ProofNeeded => Self::ProofNeeded(Next::Account),
            TwoFactorError::TooMany => Self::TooMany,
            other => Self::unavailable(other),
        }
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        match &self {
            Self::Misdirected { host, origin } => log::complain(&format!(
                "misdirected: Host is {host:?}, and people open {origin} (nginx: proxy_set_header Host $http_host)"
            )),
            Self::Unforwarded(why) => log::complain(&format!("trusted proxies: {why}")),
            Self::Unavailable(error) => log::outage(&**error),
            _ => {}
        }
        match self {
            Self::ProofNeeded(next) => Redirect::to(&next.prove_path()).into_response(),
            Self::SignIn(next, why) => {
                let to = Redirect::to(&next.sign_in_path());
                match why.said() {
                    Some(said) => say(to, said),
                    None => to.into_response(),
                }
            }
            Self::Stale(ref stale) => with_status(&self, stale.page()),
            _ => {
                let (headline, sentence) = self.words();
                let way_back = html! { p { a href="/" { "Back to the start" } } };
                let body = html! { p { (sentence) } (way_back) };
                let page = layout::card(Who::Anybody, headline, body);
                with_status(&self, page.wrong(true))
            }
        }
    }
}

/// What to do about a phone whose clock is ahead.
pub(crate) const CLOCK_AHEAD: &str = "The clock of your phone is ahead, so this code came too early. Wait for the next \
    code and enter that one. To cure it, let your phone set its time by itself.";

/// A limit of ours that no clock near this one can have written.
pub(crate) const AHEAD: &str = "a limit lies ahead of every clock";

/// What to do about a name that cannot be one.
pub(crate) const fn label_hint(why: InvalidLabel) -> &'static str {
    match why {
        InvalidLabel::Empty => "Give it a name.",
        InvalidLabel::TooLong => "That is too long: a name has 64 characters at most.",
        InvalidLabel::ControlCharacter => "A name is one line: leave out line breaks and tabs.",
        InvalidLabel::HiddenCharacter => {
            "There is a character in this name that cannot be seen. Type the name instead of pasting it."
        }
        _ => "Give it another name.",
    }
}

/// When to come back: the guard, which has the clock, makes a header of it.
#[derive(Clone, Copy)]
pub(crate) enum Retry {
    After(TimeDelta),
    At(DateTime<Utc>),
}

/// A page that says what went wrong, with the status that programs read.
pub(crate) fn with_status(error: &AppError, page: Page) -> Response {
    let mut response = (error.status(), page).into_response();
    let retry = match error {
        AppError::Busy => Some(Retry::After(TimeDelta::seconds(2))),
        AppError::Unavailable(_) => Some(Retry::After(TimeDelta::seconds(5))),
        AppError::Throttled(Some(wait)) => Some(Retry::At(wait.at)),
        _ => None,
    };
    if let Some(retry) = retry {
        response.extensions_mut().insert(retry);
    }
    response
}
