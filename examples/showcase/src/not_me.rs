//! "This was not me": a person disowns what a message told, and the sign-in that did it ends.
//!
//! Programs that look at mail open its links, run scripts and press buttons. So a person types a
//! word here that no program knows to type.

use axum::{
    extract::State,
    response::{Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use twofa_providers::{
    News, NotMe, TwoFactorError,
    token_store::{FactorId, Revoke, ott_core::Subject},
};

use crate::{
    app::{App, SESSION, Shared},
    assets::LINK_SCRIPT,
    error::{AppError, with_status},
    forms::{FormToken, Posted},
    layout::{self, Page, Who, Wrong},
    said::{Said, say},
    session,
};

/// What the person types.
const WORD: &str = "STOP";

#[derive(Deserialize)]
pub(crate) struct Disowned {
    link: String,
    word: String,
}

pub(crate) async fn form(FormToken(csrf): FormToken) -> Page {
    page(&csrf, "", None)
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
        |error: AppError, wrong: Wrong| Ok(with_status(&error, page(&csrf, token, Some(&wrong))));
    if !form.word.trim().eq_ignore_ascii_case(WORD) {
        return again(
            AppError::BadRequest(""),
            Wrong::at(
                "word",
                "Nothing was done yet: type the word STOP, then press the button.",
            ),
        );
    }
    let used = app.owner.not_me("", token).await;
    match used.map_err(AppError::from) {
        Ok(not_me) => {
            let ended = match &not_me.sign_in {
                Some(flow) => session::end_flow(&app, &not_me.subject, flow).await?,
                None => 0,
            };
            let mut opened = Opened::default();
            for factor in added(&not_me) {
                let undone = undo_factor(&app, &not_me.subject, &factor).await?;
                opened.sessions = opened.sessions.saturating_add(undone.sessions);
                opened.devices = opened.devices.saturating_add(undone.devices);
            }
            if let Some(trusted) = &app.trusted {
                // Once more: a request of that sign-in may have been under way.
                trusted.revoke_all(&not_me.subject).await?;
            }
            let restored = undo_address(&app, &not_me).await?;
            // Last: whatever failed before, the link is still good.
            match app.owner.redeem_not_me(&not_me).await {
                // A second press of the button was faster, and undid the same.
                Ok(()) | Err(TwoFactorError::Rejected(_)) => {}
                Err(error) => return Err(error.into()),
            }
            let said = Said::done(undone(&not_me, ended, &opened, restored));
            Ok(say(Redirect::to("/not-me/done"), said))
        }
        Err(error @ (AppError::Refused | AppError::Malformed)) => again(
            error,
            Wrong::at(
                "link",
                "This link is not right, or not any more. Every link works once, for seven days. If \
                it was not you who used it, sign in and look at your second steps.",
            ),
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

/// The factors that the sign-in added, and the one whose adding the message told, whether or not they were disabled
/// only now.
fn added(not_me: &NotMe) -> Vec<FactorId> {
    let told = not_me.factor.filter(|_| not_me.news == News::FactorAdded);
    let told = told.filter(|told| !not_me.disabled.contains(told));
    not_me.disabled.iter().copied().chain(told).collect()
}

/// Whoever added it may have signed in with it since, under other names. Which device was remembered
/// in which of these is the engine's to know, so all are forgotten.
async fn undo_factor(app: &App, subject: &Subject, factor: &FactorId) -> Result<Opened, AppError> {
    Ok(Opened {
        sessions: session::end_proved_by(app, subject, factor).await?,
        devices: app.devices.forget_all(subject).await?,
    })
}

/// Whether the account got its address back, if the sign-in had changed it; whichever of its messages the link is of.
async fn undo_address(app: &App, not_me: &NotMe) -> Result<Option<bool>, AppError> {
    let told = not_me.news == News::AddressChanged;
    let Some(flow) = &not_me.sign_in else {
        return Ok(told.then_some(false));
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
    Ok((restored || told).then_some(restored))
}

fn page(csrf: &str, link: &str, wrong: Option<&Wrong>) -> Page {
    let body = html! {
        (layout::alert(wrong))
        p { "A message told you of something that you did not do. Here you end the sign-in in which it happened. Recovery codes that it made are void, and devices that were remembered in it are forgotten. No device is trusted any more." }
        p { "If it added a second step, that is disabled, every sign-in that used it ends, and all remembered devices are forgotten. A second step that it removed is back. If the address of the account was changed, it is the old one again, and every browser is signed out." }
        p.soft { "In every other case your other browsers stay signed in. Nothing else is undone: each message has its own link." }
        form method="post" action="/not-me" {
            (layout::csrf(csrf))
            label for="link" { "The link from the message" }
            input #link name="link" value=(link) autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="512" required
                aria-invalid=[layout::invalid(wrong, "link")] aria-describedby=[layout::described(wrong, "link", None)];
            label for="word" { "Type " (WORD) " to go on" }
            input #word name="word" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="16" required
                aria-invalid=[layout::invalid(wrong, "word")] aria-describedby=[layout::described(wrong, "word", None)];
            button.danger { "This was not me" }
        }
    };
    let page = layout::card(Who::Nobody, "This was not you?", body);
    match wrong {
        // The second time, the field is filled already.
        Some(_) => page.wrong(true),
        None => page.script(LINK_SCRIPT),
    }
}

/// What was undone, for the next page.
fn undone(not_me: &NotMe, ended: u64, opened: &Opened, restored: Option<bool>) -> String {
    let mut words = vec!["Done. What you were told of was not you, and this is undone:"];
    words.push(match ended {
        0 => "The sign-in in which it happened had ended already.",
        _ => "The sign-in in which it happened is ended.",
    });
    let mut add = |is: bool, sentence| {
        if is {
            words.push(sentence);
        }
    };
    add(
        !not_me.disabled.is_empty(),
        "The second step that it added is disabled.",
    );
    add(
        !not_me.restored.is_empty(),
        "The second step that it removed is back.",
    );
    add(
        opened.sessions > 0,
        "Every other sign-in that used it is ended.",
    );
    add(
        not_me.recovery_codes > 0 && !not_me.recovery_restored,
        "The recovery codes that it made are void: make new ones.",
    );
    add(
        not_me.recovery_restored,
        "The recovery codes that it made are void, and those before them are valid again. If somebody else may have a \
        copy of those, make new ones.",
    );
    add(
        restored == Some(true),
        "The address of the account is again the one that it was before: sign in with that one. \
        Every browser is signed out, and all remembered devices are forgotten.",
    );
    add(
        restored == Some(false),
        "Not undone: the address of the account. It was put back already, or cannot be: tell \
        whoever runs this service.",
    );
    add(
        opened.devices > 0,
        "All remembered devices are forgotten: tick the box again where you want it.",
    );
    add(
        opened.devices == 0 && not_me.devices > 0,
        "The device that it had remembered is forgotten.",
    );
    add(not_me.trusted_devices > 0, "No device is trusted any more.");
    words.join(" ")
}

/// What to do now: a page that undoes nothing when it is loaded again.
pub(crate) async fn stopped() -> Page {
    let body = html! {
        h2 { "What to do now" }
        ol.steps {
            li { "Somebody may know your password: " a href="/forgot" { "choose a new one" } ", here and wherever you use it." }
            li { "If other messages told of what you did not do, open their links too." }
            li { "Sign in, and look at your second steps and recovery codes. Remove what is not yours." }
            li { "Look at Activity for what else happened." }
        }
        p { a.button href="/sign-in" { "Sign in" } }
    };
    layout::card(Who::Nobody, "It was stopped", body)
}
