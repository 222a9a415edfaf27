//! The account's page: ways to prove it, and sessions.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    FactorView, Proof, TwoFactorError,
    token_store::{
        FactorId, FactorState, Found, Revoke,
        ott_core::{
            Reason, RecordId, Subject,
            chrono::{DateTime, TimeDelta, Utc},
        },
    },
};

use crate::{
    app::{App, SESSION, Shared},
    error::AppError,
    forms::{Empty, FormToken, Posted},
    layout::{self, Who},
    proofs,
    recovery::Sheet,
    second_factor::Next,
    session::{self, About, SignedIn, Standing},
    visitor::Visitor,
};

/// What a second step may be called.
pub(crate) const LABEL_HINT: &str = "Give it a name of 1 to 64 characters.";

#[derive(Deserialize)]
pub(crate) struct Rename {
    factor: String,
    label: String,
}

#[derive(Deserialize)]
pub(crate) struct Remove {
    factor: String,
}

pub(crate) async fn show(
    State(app): Shared,
    signed_in: SignedIn,
    FormToken(csrf): FormToken,
) -> Result<Markup, AppError> {
    let sheet = Sheet::of(&app, &signed_in.account.subject).await?;
    let SignedIn {
        account,
        record,
        recovered,
        ..
    } = signed_in;
    let verified = app.accounts.verified_address(account.subject.id()).await?;
    let verified = verified.as_ref() == Some(&account.email);
    let factors = app.two_factor.factors(&account.subject).await?;
    let sessions = app.tokens.list(&SESSION, &account.subject).await?;
    let shown: Vec<_> = factors
        .iter()
        .filter(|factor| factor.state != FactorState::Pending)
        .collect();
    let last = shown
        .iter()
        .filter(|factor| factor.state == FactorState::Active)
        .count()
        <= 1;
    let body = html! {
        h1 { "Your account" }
        p.soft {
            "Signed in as " strong { (account.email.address()) } " · "
            a href="/account/address" { @if verified { "Change this address" } @else { "Confirm or change this address" } }
        }
        section.card aria-labelledby="ways" {
            div.row.between {
                h2 #ways { "Second steps" }
                a.button.narrow href="/account/add" { "Add another" }
            }
            ul.plain {
                @for factor in &shown { (factor_item(factor, last, &csrf)) }
            }
        }
        (sheet.card(recovered))
        section.card aria-labelledby="sessions" {
            h2 #sessions { "Where you are signed in" }
            p.soft.small { "A session ends after twelve hours, and sooner after two hours without a visit." }
            ul.plain {
                @for session in &sessions { (session_item(session, *session.id() == record)) }
            }
            div.row {
                @if sessions.len() > 1 {
                    form method="post" action="/account/end-sessions" {
                        (layout::csrf(&csrf))
                        button.quiet.narrow { "Sign out everywhere else" }
                    }
                }
                form method="post" action="/sign-out" {
                    (layout::csrf(&csrf))
                    button.quiet.narrow { "Sign out" }
                }
            }
        }
    };
    Ok(layout::page(Who::SignedIn, "Your account", true, body))
}

fn factor_item(factor: &FactorView, last: bool, csrf: &str) -> Markup {
    let active = factor.state == FactorState::Active;
    html! {
        li {
            div.row.between {
                div {
                    h3 { (factor.label) }
                    p.soft.small {
                        (provider_name(&factor.provider)) " · added " (when(factor.created_at))
                        @if let Some(used) = factor.used_at { " · last used " (when(used)) }
                    }
                }
                @if active { span.tag.good { "Active" } } @else { span.tag.bad { "Disabled" } }
            }
            details {
                summary aria-label={ "Change " (factor.label) } { "Change" }
                form.rename method="post" action="/account/rename" {
                    (layout::csrf(csrf))
                    input type="hidden" name="factor" value=(factor.id);
                    input name="label" value=(factor.label) maxlength="64" required aria-label={ "New name for " (factor.label) };
                    button.quiet.narrow { "Rename" }
                }
                @if active && last {
                    p.soft.small.note { "This is your only second step, so it stays. Add another one first." }
                } @else {
                    form.rename method="post" action="/account/remove" {
                        (layout::csrf(csrf))
                        input type="hidden" name="factor" value=(factor.id);
                        button.danger.narrow aria-label={ "Remove " (factor.label) } { "Remove" }
                    }
                }
            }
        }
    }
}

fn session_item(session: &Found, this: bool) -> Markup {
    let stored = session.stored();
    let About {
        browser, recovered, ..
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
                        span.part { "since " (when(stored.issued_at)) } " "
                        @if recovered { span.part { "with a recovery code" } " " }
                        span.part { "last seen " (when(seen)) } " "
                        @if let Some(ends) = ends { span.part { "ends " (when(ends)) (unless) } }
                    }
                }
                @if this { span.tag { "This browser" } }
            }
        }
    }
}

pub(crate) async fn rename(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(form): Posted<Rename>,
) -> Result<Response, AppError> {
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Account).await?;
    let done = rename_by(&app, &signed_in, &proof, &form).await;
    proofs::keep(&app, &signed_in, proof, done).await
}

async fn rename_by(
    app: &App,
    signed_in: &SignedIn,
    proof: &Proof,
    form: &Rename,
) -> Result<Response, AppError> {
    let factor = FactorId::parse(&form.factor).ok_or(AppError::NotFound)?;
    let fresh = proofs::fresh(app, signed_in, proof, Next::Account).await?;
    let renamed = app.two_factor.rename(&fresh, &factor, &form.label).await;
    renamed.map_err(|error| match error {
        TwoFactorError::Rejected(why) if why.reason() == Reason::Malformed => {
            AppError::BadRequest(LABEL_HINT)
        }
        TwoFactorError::Rejected(_) => AppError::NotFound,
        other => other.into(),
    })?;
    Ok(Redirect::to("/account").into_response())
}

pub(crate) async fn remove(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(form): Posted<Remove>,
) -> Result<Response, AppError> {
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Account).await?;
    if let Err(error) = remove_by(&app, &signed_in, &proof, &form).await {
        return proofs::keep(&app, &signed_in, proof, Err(error)).await;
    }
    // Whoever has what was removed may have sessions too: all end, and this browser gets a new one.
    let account = app.accounts.raise_epoch(&signed_in.account).await?;
    end_others(&app, &account.subject, &signed_in.record).await?;
    let standing = Standing {
        account: &account,
        ..Standing::from(&signed_in)
    };
    session::renewed(&app, standing, proof, &visitor.browser, "/account").await
}

async fn remove_by(
    app: &App,
    signed_in: &SignedIn,
    proof: &Proof,
    form: &Remove,
) -> Result<(), AppError> {
    let factor = FactorId::parse(&form.factor).ok_or(AppError::NotFound)?;
    let fresh = proofs::fresh(app, signed_in, proof, Next::Account).await?;
    let removed = app.two_factor.remove(&fresh, &factor).await;
    removed.map_err(|error| match error {
        TwoFactorError::Rejected(_) => AppError::NotFound,
        other => other.into(),
    })
}

pub(crate) async fn end_sessions(
    State(app): Shared,
    signed_in: SignedIn,
    Posted(Empty {}): Posted<Empty>,
) -> Result<Response, AppError> {
    let SignedIn {
        account, record, ..
    } = signed_in;
    end_others(&app, &account.subject, &record).await?;
    Ok(Redirect::to("/account").into_response())
}

/// Ends every session of the account but this one.
pub(crate) async fn end_others(
    app: &App,
    subject: &Subject,
    this: &RecordId,
) -> Result<(), AppError> {
    let others = Revoke::Subject {
        subject: subject.clone(),
        purpose: Some(*SESSION.purpose()),
        except: Some(*this),
    };
    app.tokens.revoke(&others).await?;
    Ok(())
}

fn provider_name(provider: &str) -> &'static str {
    match provider {
        "totp" => "Authenticator app",
        "email" => "E-mail",
        _ => "Another way",
    }
}

/// A time as a person reads it, and as a program does.
pub(crate) fn when(time: DateTime<Utc>) -> Markup {
    let exact = time.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    html! { time datetime=(exact) { (time.format("%e %b %Y, %H:%M")) " UTC" } }
}
