//! "This was not me": a person disowns what a message told, and the sign-in that did it ends.
//!
//! Programs that look at mail open its links, run scripts and press buttons. So a person types a
//! word here that no program knows to type.

use axum::{
    Extension,
    extract::State,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    News, NotMe, TwoFactorError,
    token_store::{FactorId, Revoke, ott_core::Subject},
};

use crate::{
    app::{App, SESSION, Shared},
    error::{AppError, with_status},
    forms::{FormToken, Posted},
    headers::WithScript,
    layout::{self, Who},
    session,
};

/// What the person types.
const WORD: &str = "STOP";

#[derive(Deserialize)]
pub(crate) struct Disowned {
    link: String,
    word: String,
}

pub(crate) async fn form(FormToken(csrf): FormToken) -> impl IntoResponse {
    (Extension(WithScript), page(&csrf, "", None))
}

pub(crate) async fn undo(
    State(app): Shared,
    FormToken(csrf): FormToken,
    Posted(form): Posted<Disowned>,
) -> Result<Response, AppError> {
    // Whoever has no script pastes the link as it is.
    let token = form.link.trim();
    let token = token.rsplit_once('#').map_or(token, |(_, token)| token);
    let again =
        |error: AppError, wrong: &str| Ok(with_status(&error, page(&csrf, token, Some(wrong))));
    if !form.word.trim().eq_ignore_ascii_case(WORD) {
        return again(
            AppError::BadRequest(""),
            "Nothing was done yet: type the word STOP, then press the button.",
        );
    }
    let used = app.owner.not_me("", token).await;
    match used.map_err(AppError::from) {
        Ok(not_me) => {
            let ended = match &not_me.sign_in {
                Some(flow) => session::end_flow(&app, &not_me.subject, flow).await?,
                None => 0,
            };
            let opened = match added(&not_me) {
                Some(factor) => undo_factor(&app, &not_me.subject, &factor).await?,
                None => Opened::default(),
            };
            let restored = undo_address(&app, &not_me).await?;
            // Last: whatever failed before, the link is still good.
            match app.owner.redeem_not_me(&not_me).await {
                // A second press of the button was faster, and undid the same.
                Ok(()) | Err(TwoFactorError::Rejected(_)) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(done(&not_me, ended, &opened, restored).into_response())
        }
        Err(error @ AppError::Refused) => again(
            error,
            "This link is not right, or not any more. Every link works once, for seven days. If \
            it was not you who used it, sign in and look at your second steps.",
        ),
        Err(error) => Err(error),
    }
}

/// What a factor opened that nobody wants to have added.
#[derive(Default)]
struct Opened {
    sessions: u64,
    devices: u64,
}

/// The factor whose adding the message told, whether or not it was disabled only now.
fn added(not_me: &NotMe) -> Option<FactorId> {
    not_me.factor.filter(|_| not_me.news == News::FactorAdded)
}

/// Whoever added it may have signed in with it since, under other names. Which device was remembered
/// in which of these is the engine's to know, so all are forgotten.
async fn undo_factor(app: &App, subject: &Subject, factor: &FactorId) -> Result<Opened, AppError> {
    Ok(Opened {
        sessions: session::end_proved_by(app, subject, factor).await?,
        devices: app.devices.forget_all(subject).await?,
    })
}

/// Whether the account got its address back; `None` where the message was about something else.
async fn undo_address(app: &App, not_me: &NotMe) -> Result<Option<bool>, AppError> {
    if not_me.news != News::AddressChanged {
        return Ok(None);
    }
    let Some(flow) = &not_me.sign_in else {
        return Ok(Some(false));
    };
    let (subject, now) = (&not_me.subject, app.tokens.now());
    let restore = app.accounts.restore_address(subject.id(), flow, now);
    let restored = restore.await?;
    if restored {
        // Since the change, the epoch let in nobody who did not know of it; now it lets in nobody.
        let sessions = Revoke::purpose(subject, SESSION.purpose());
        app.tokens.revoke(&sessions).await?;
        app.devices.forget_all(subject).await?;
    }
    Ok(Some(restored))
}

fn page(csrf: &str, link: &str, wrong: Option<&str>) -> Markup {
    let body = html! {
        // The second time, the field is filled already.
        @if wrong.is_none() { script src="/not-me.js" defer {} }
        (layout::alert(wrong))
        p { "A message told you of something that you did not do. Here you end the sign-in in which it happened. Recovery codes that it made are void, and devices that were remembered in it are forgotten." }
        p { "If a second step was added, it is disabled, every sign-in that used it ends, and all remembered devices are forgotten. If the address of the account was changed, it is the old one again, and every browser is signed out." }
        p.soft { "In every other case your other browsers stay signed in. Nothing else is undone: each message has its own link." }
        form method="post" action="/not-me" {
            (layout::csrf(csrf))
            label for="link" { "The link from the message" }
            input #link name="link" value=(link) autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="512" required;
            label for="word" { "Type " (WORD) " to go on" }
            input #word name="word" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="16" required;
            button.danger { "This was not me" }
        }
    };
    layout::card(Who::Nobody, "This was not you?", body)
}

fn done(not_me: &NotMe, ended: u64, opened: &Opened, restored: Option<bool>) -> Markup {
    let body = html! {
        p.done role="status" { "Done. What you were told of was not you, and this is undone:" }
        ul {
            @match ended {
                0 => li { "The sign-in in which it happened had ended already." },
                _ => li { "The sign-in in which it happened is ended." },
            }
            @if not_me.disabled.is_some() { li { "The second step that it added is disabled." } }
            @if opened.sessions > 0 { li { "Every other sign-in that used it is ended." } }
            @if not_me.recovery_codes > 0 { li { "The recovery codes that it made are void." } }
            @match restored {
                Some(true) => {
                    li { "The address of the account is again the one that it was before." }
                    li { "Every browser is signed out, and all remembered devices are forgotten." }
                }
                Some(false) => li { "Not undone: the address of the account. It was put back already, or cannot be: tell whoever runs this service." }
                None => {}
            }
            @if opened.devices > 0 { li { "All remembered devices are forgotten: tick the box again where you want it." } }
            @else if not_me.devices > 0 { li { "The device that it had remembered is forgotten." } }
        }
        h2 { "What to do now" }
        ol.steps {
            li { "Somebody may know your password: change it wherever you use it. This demonstration has no page for that." }
            li { "If other messages told of what you did not do, open their links too." }
            @if restored == Some(true) { li { "Sign in with the address at which you got the message." } }
            li { "Sign in, and look at your second steps and recovery codes. Remove what is not yours." }
            li { "Look at Activity for what else happened." }
        }
        p { a.button href="/sign-in" { "Sign in" } }
    };
    layout::card(Who::Nobody, "It was stopped", body)
}
