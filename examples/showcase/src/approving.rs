//! The device on which somebody approves, denies or reports: "somebody is trying to sign in".
//!
//! It is not signed in. Its token names whose prompts it lists and nothing more; what it decides is signed with its
//! key, which the engine checks.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderValue, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    Approver as Decider, PromptStatus, PromptView, TwoFactorError,
    token_store::{
        Claimed, FactorId, Revoke,
        ott_core::{
            Binding, Issued, RecordId, Stored, Subject,
            chrono::{DateTime, Utc},
        },
    },
};

use crate::{
    app::{APPROVER, App, Shared, set_cookie},
    assets::DEVICE_SCRIPT,
    error::AppError,
    forms::Posted,
    layout::{self, Page, Who},
    pairing, push,
    said::{Said, say},
    session::{self, cookie},
    times::when,
    visitor::Visitor,
};

/// Where the device looks.
pub(crate) const PATH: &str = "/device";

const COOKIE: &str = "approver";
const SECONDS: u32 = 365 * 86_400;

/// What a device's token says of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Approves {
    /// It opened this link and brought this key, and is asked for its first prompt.
    Paired { by: RecordId, key: String },
    /// It is this factor.
    Device(FactorId),
}

impl Approves {
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Paired { by, key } => [&[1], &by.as_bytes()[..], key.as_bytes()].concat(),
            Self::Device(factor) => [&[2], &factor.as_bytes()[..]].concat(),
        }
    }

    pub(crate) fn of(stored: &Stored) -> Option<Self> {
        let (kind, rest) = stored.data.split_first()?;
        let (id, rest) = rest.split_first_chunk()?;
        match (kind, rest) {
            (1, key) => Some(Self::Paired {
                by: RecordId::from_bytes(*id),
                key: String::from_utf8(key.to_vec()).ok()?,
            }),
            (2, []) => Some(Self::Device(FactorId::from_bytes(*id))),
            _ => None,
        }
    }

    /// Whether this prompt is the device's.
    fn is_asked(&self, seen: &PromptView) -> bool {
        match self {
            Self::Paired { .. } => seen.confirms,
            Self::Device(factor) => seen.device == Some(*factor),
        }
    }
}

/// The cookie of a device that is this.
pub(crate) async fn issue(
    app: &App,
    owner: &Subject,
    approves: &Approves,
) -> Result<HeaderValue, AppError> {
    let (binding, data) = (Binding::subject(owner), approves.to_bytes());
    let issued = app
        .tokens
        .issue_opts(&APPROVER, &binding, pairing::options(&data));
    let [issued] = <[Issued; 1]>::try_from(issued.await?)
        .map_err(|_| AppError::unavailable("one token was asked for"))?;
    Ok(set_cookie(
        app,
        COOKIE,
        issued.token.expose_secret(),
        SECONDS,
    ))
}

/// A device that was removed lists nothing any more.
pub(crate) async fn forget(app: &App, subject: &Subject, factor: FactorId) -> Result<(), AppError> {
    for listed in app.tokens.list(&APPROVER, subject).await? {
        if Approves::of(listed.stored()) == Some(Approves::Device(factor)) {
            let own = Revoke::own(subject, *listed.id());
            app.tokens.revoke(&own).await?;
        }
    }
    Ok(())
}

/// A device that is asked.
pub(crate) struct Approver {
    pub(crate) subject: Subject,
    pub(crate) record: RecordId,
    approves: Approves,
}

impl FromRequestParts<Arc<App>> for Approver {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, AppError> {
        const NONE: AppError = AppError::BadRequest(
            "This browser is no device of an account. Sign in on another one, choose to add a second step, and open the code that it shows here.",
        );
        let jar = CookieJar::from_headers(&parts.headers);
        let token = cookie(app, &jar, COOKIE).ok_or(NONE)?;
        let load = async |claimed: Claimed| Ok(claimed.owner_alone());
        let found = app.tokens.authenticate(&APPROVER, "", &token, load).await;
        let found = found.map_err(|error| match error.into() {
            AppError::Refused | AppError::Malformed => NONE,
            other => other,
        })?;
        Ok(Self {
            subject: found.stored().owner().ok_or(NONE)?,
            record: *found.id(),
            approves: Approves::of(found.stored()).ok_or(NONE)?,
        })
    }
}

impl Approver {
    /// The factor that it is, once its key was confirmed.
    pub(crate) const fn device(&self) -> Option<FactorId> {
        match self.approves {
            Approves::Device(factor) => Some(factor),
            Approves::Paired { .. } => None,
        }
    }

    /// What waits for it.
    async fn pending(&self, app: &App) -> Result<Vec<PromptView>, AppError> {
        let mut pending = app.prompts.pending(&self.subject).await?;
        pending.retain(|seen| self.approves.is_asked(seen));
        Ok(pending)
    }
}

fn names(pending: &[PromptView]) -> String {
    let names = pending.iter().map(|seen| seen.id.to_string());
    names.collect::<Vec<_>>().join(" ")
}

/// What waits, by name: the page looks whether it is out of date.
pub(crate) async fn waiting(State(app): Shared, approver: Approver) -> Result<String, AppError> {
    Ok(names(&approver.pending(&app).await?))
}

pub(crate) async fn show(
    State(app): Shared,
    approver: Approver,
    visitor: Visitor,
) -> Result<Page, AppError> {
    let (pending, now) = (approver.pending(&app).await?, app.tokens.now());
    let body = html! {
        h1 { "Approve on this device" }
        noscript { p.warn { "This needs scripts: the key of this device is in this browser." } }
        p #told .alert role="alert" hidden {}
        div #waiting data-names=(names(&pending)) {
            @for seen in &pending { (prompt(&approver, seen, &visitor.csrf, now)) }
            @if pending.is_empty() {
                section.card {
                    p { "Nothing waits for you." }
                    p.soft.small role="status" { "This page looks again by itself." }
                }
            }
        }
        @if let (Some(waking), Some(_)) = (&app.waking, approver.device()) {
            (push::form(waking, &visitor.csrf))
        }
    };
    let page = layout::page(Who::Nobody, "Approve on this device", false, body);
    Ok(page.script(DEVICE_SCRIPT))
}

/// One prompt: what is displayed here is what is signed.
fn prompt(approver: &Approver, seen: &PromptView, csrf: &str, now: DateTime<Utc>) -> Markup {
    let id = seen.id.to_string();
    let device = seen.device.map(|device| device.to_string());
    let title = format!("prompt-{id}");
    let field = format!("number-{id}");
    let ends = seen.expires_at.map(|at| at.timestamp_micros());
    let occasion = if seen.confirms { "confirm" } else { "verify" };
    html! {
        section.card aria-labelledby=(title) {
            form method="post" action=(PATH) data-prompt=(id) data-subject=(approver.subject.id())
                data-device=[device] data-occasion=(occasion) data-asked=(seen.asked_at.timestamp_micros()) data-expires=[ends] {
                h2 id=(title) {
                    @if seen.confirms { "Add this device to your account" } @else { "Somebody is trying to sign in" }
                }
                dl.facts {
                    @if !seen.origin.is_empty() { dt { "From" } dd data-origin { (seen.origin) } }
                    @if let Some(network) = seen.network { dt { "Network" } dd data-network { (network) } }
                    dt { "When" } dd { (when(seen.asked_at, now)) }
                }
                (layout::csrf(csrf))
                input type="hidden" name="prompt" value=(id);
                input type="hidden" name="verdict" value="";
                input type="hidden" name="signature" value="";
                label for=(field) { "Is it you? Type the number that the other screen shows" }
                input id=(field) .code name="number" inputmode="numeric" autocomplete="off" maxlength="6" required;
                button value="approve" { "Yes, it is me" }
                div.row.answers {
                    button.quiet value="deny" formnovalidate { "No" }
                    button.danger value="report" formnovalidate { "No, and I did not do this" }
                }
                p.soft.small { "“No” keeps further requests away for 15 minutes. Somebody else who gets this far knows your password: then change it." }
            }
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct Decision {
    prompt: String,
    verdict: String,
    signature: String,
    #[serde(default)]
    number: String,
}

pub(crate) async fn decide(
    State(app): Shared,
    approver: Approver,
    Posted(said): Posted<Decision>,
) -> Result<Response, AppError> {
    let to = Redirect::to(PATH);
    let id = RecordId::parse(&said.prompt).map_err(|_| AppError::NotFound)?;
    let seen = app.prompts.look(&approver.subject, &id).await?;
    let seen = seen.filter(|seen| approver.approves.is_asked(seen));
    let (Some(seen), Some(signature)) = (seen, unhex(&said.signature)) else {
        return Err(AppError::NotFound);
    };
    let mut by = Decider::new(&approver.subject).signed(&signature);
    if let Some(device) = seen.device {
        by = by.device(device);
    }
    let prompts = &app.prompts;
    let decided = match said.verdict.as_str() {
        "approve" => prompts.approve(&by, &id, number(&said.number)).await,
        "deny" => prompts.deny(&by, &id).await,
        "report" => prompts.report(&by, &id).await,
        _ => return Err(AppError::BadRequest("Say yes or no.")),
    };
    let approved = matches!(decided, Ok(PromptStatus::Approved));
    let words = match (decided, said.verdict.as_str()) {
        (Ok(PromptStatus::Approved), _) => Said::done(if seen.confirms {
            "This device is yours now. Go on on the other screen."
        } else {
            "Approved. Go on on the other screen."
        }),
        (Ok(_), "approve") => Said::instead(
            "That was another number, so the answer is no. Ask again on the other screen in 15 minutes, or take another way.",
        ),
        (Ok(_), "report") => Said::done(
            "Nobody got in, and nobody is asked here until you signed in another way. Change your password now: somebody else knows it.",
        ),
        (Ok(_), _) => Said::done("Nobody got in, and nobody is asked here for 15 minutes."),
        (Err(TwoFactorError::Rejected(_)), _) => {
            Said::instead("That came too late, or is not for this device any more.")
        }
        (Err(error), _) => return Err(error.into()),
    };
    let cookies = match (&approver.approves, seen.device) {
        // Its signature showed that it is that device.
        (Approves::Paired { .. }, Some(device)) if approved => {
            vec![pairing::confirmed(&app, &approver, device).await?]
        }
        _ => Vec::new(),
    };
    Ok(say(session::with_cookies(to, cookies), words).into_response())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

/// What was typed, as the device's script reads it too.
fn number(typed: &str) -> Option<u32> {
    let typed = typed.trim();
    let digits = typed.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| typed.parse().ok())?
}
