//! The account's page: ways to prove it, and where somebody is signed in.

use axum::{
    extract::State,
    response::{Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    FactorView,
    token_store::{
        FactorState, Found, Revoke,
        ott_core::{
            Destination, RecordId, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

use crate::{
    app::{App, SESSION, Shared},
    error::AppError,
    forms::{Empty, Posted},
    layout::{self, Page, Who},
    recovery::Sheet,
    said::{Said, say},
    session::{self, About, SignedIn},
    times::{in_words, when},
    trusted,
    visitor::Visitor,
};

#[derive(Deserialize)]
pub(crate) struct End {
    session: String,
}

pub(crate) async fn show(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
) -> Result<Page, AppError> {
    let csrf = &visitor.csrf;
    let now = app.tokens.now();
    let sheet = Sheet::of(&app, &signed_in.account.subject).await?;
    let SignedIn {
        account,
        record,
        recovered,
        ..
    } = signed_in;
    let trusted = trusted::card(&app, &account, &visitor, now).await?;
    let steps = steps(&app, &account.subject).await?;
    let sessions = app.tokens.list(&SESSION, &account.subject).await?;
    let active = |step: &&Step| step.view.state == FactorState::Active;
    let last = steps.iter().filter(active).count() <= 1;
    let body = html! {
        h1 { "Your account" }
        p.soft {
            "Signed in as " strong { (account.email.address()) } " · "
            a href="/account/address" { "Change this address" }
            " · " a href="/account/password" { "Change your password" }
        }
        section.card aria-labelledby="ways" {
            div.row.between {
                h2 #ways { "Second steps" }
                a.button.narrow href="/account/add" { "Add another" }
            }
            ul.plain {
                @for step in &steps { (step_item(step, last, now)) }
            }
        }
        (sheet.card(recovered, now))
        (trusted)
        section.card aria-labelledby="sessions" {
            h2 #sessions { "Where you are signed in" }
            p.soft.small { "A session ends after twelve hours, and sooner after two hours without a visit." }
            ul.plain {
                @for session in &sessions { (session_item(session, *session.id() == record, csrf, now)) }
            }
            div.row {
                @if sessions.len() > 1 {
                    form method="post" action="/account/end-sessions" {
                        (layout::csrf(csrf))
                        button.quiet.narrow { "Sign out everywhere else" }
                    }
                }
                form method="post" action="/sign-out" {
                    (layout::csrf(csrf))
                    button.quiet.narrow { "Sign out" }
                }
            }
        }
    };
    Ok(layout::page(Who::SignedIn, "Your account", true, body))
}

/// A second step, and where its codes go, if they go anywhere.
struct Step {
    view: FactorView,
    goes_to: Option<Destination>,
}

async fn steps(app: &App, subject: &Subject) -> Result<Vec<Step>, AppError> {
    let mut steps = Vec::new();
    for view in app.two_factor.factors(subject).await? {
        if view.state != FactorState::Pending {
            let goes_to = app.two_factor.goes_to(subject, &view.id).await?;
            steps.push(Step { view, goes_to });
        }
    }
    Ok(steps)
}

/// Where codes go on going after the account's address changed: each step's own words.
pub(crate) async fn still_going_elsewhere(
    app: &App,
    subject: &Subject,
    address: &Destination,
) -> Result<Vec<String>, AppError> {
    let steps = steps(app, subject).await?;
    let elsewhere = |step: &Step| {
        let to = step.goes_to.as_ref().filter(|to| *to != address)?;
        let (label, to) = (&step.view.label, to.address());
        Some(format!("Codes of “{label}” still go to {to}."))
    };
    Ok(steps.iter().filter_map(elsewhere).collect())
}

fn step_item(step: &Step, last: bool, now: DateTime<Utc>) -> Markup {
    let factor = &step.view;
    let active = factor.state == FactorState::Active;
    let page = |verb: &str| format!("/account/{verb}?factor={}", factor.id);
    html! {
        li {
            div.row.between {
                div {
                    h3 { (factor.label) }
                    p.soft.small {
                        span.part { (provider_name(&factor.provider)) } " "
                        @if let Some(to) = &step.goes_to { span.part { "codes go to " (to.address()) } " " }
                        span.part { "added " (when(factor.created_at, now)) } " "
                        @if let Some(used) = factor.used_at { span.part { "last used " (when(used, now)) } }
                    }
                }
                @if active { span.tag.good { "Active" } } @else { span.tag.bad { "Disabled" } }
            }
            div.row {
                a.button.quiet.narrow href=(page("rename")) aria-label={ "Rename " (factor.label) } { "Rename" }
                @if active && last {
                    p.soft.small.note { "This is your only second step, so it stays. Add another one first." }
                } @else {
                    a.button.danger.narrow href=(page("remove")) aria-label={ "Remove " (factor.label) } { "Remove" }
                }
            }
        }
    }
}

fn session_item(session: &Found, this: bool, csrf: &str, now: DateTime<Utc>) -> Markup {
    let stored = session.stored();
    let About {
        browser,
        recovered,
        trusted_in,
        ..
    } = About::of(stored);
    let seen = stored.used_at.unwrap_or(stored.issued_at);
    let idle = stored.idle_micros.map(TimeDelta::microseconds);
    let idle_until = idle.and_then(|idle| seen.checked_add_signed(idle));
    let (ends, unless) = match (idle_until, stored.expires_at) {
        (Some(idle), Some(end)) if end <= idle => (Some(end), ""),
        (Some(idle), _) => (Some(idle), " unless used"),
        (None, end) => (end, ""),
    };
    html! {
        li {
            div.row.between {
                div {
                    h3 { (browser) }
                    p.soft.small {
                        span.part { "signed in " (when(stored.issued_at, now)) } " "
                        @if recovered { span.part { "with a recovery code" } " " }
                        @if trusted_in.is_some() { span.part { "on a trusted device" } " " }
                        span.part { "last seen " (when(seen, now)) } " "
                        @if let Some(ends) = ends { span.part { "ends " (when(ends, now)) (unless) } }
                    }
                }
                @if this {
                    span.tag { "This browser" }
                } @else {
                    form method="post" action="/account/end-session" {
                        (layout::csrf(csrf))
                        input type="hidden" name="session" value=(session.id());
                        button.quiet.narrow aria-label={ "Sign out there: " (browser) ", last seen " (in_words(seen, now)) } { "Sign out there" }
                    }
                }
            }
        }
    }
}

/// Ends one session. This one's is signing out.
pub(crate) async fn end_session(
    State(app): Shared,
    signed_in: SignedIn,
    Posted(form): Posted<End>,
) -> Result<Response, AppError> {
    let session = RecordId::parse(&form.session).map_err(|_| AppError::NotFound)?;
    let subject = &signed_in.account.subject;
    let sessions = app.tokens.list(&SESSION, subject).await?;
    let Some(found) = sessions.iter().find(|found| *found.id() == session) else {
        return Err(AppError::NotFound);
    };
    let browser = About::of(found.stored()).browser;
    app.tokens.revoke(&Revoke::own(subject, session)).await?;
    if session == signed_in.record {
        return Ok(session::ended(&app, "/"));
    }
    let said = Said::done(format!("{browser} is signed out."));
    Ok(say(Redirect::to("/account"), said))
}

pub(crate) async fn end_sessions(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(Empty {}): Posted<Empty>,
) -> Result<Response, AppError> {
    // Under another epoch: what is on its way ends too, and a copy of this browser's cookies is worth nothing.
    let account = app.accounts.raise_epoch(&signed_in.account).await?;
    let page = session::renewed(&app, &signed_in, &account, &visitor.browser).await?;
    let said = Said::done(
        "Every other browser is signed out, and no device is remembered or trusted any more.",
    );
    Ok(say(page, said))
}

fn provider_name(provider: &str) -> &'static str {
    match provider {
        "totp" => "Authenticator app",
        "email" => "E-mail",
        "prompt" => "Another device",
        _ => "Another way",
    }
}
