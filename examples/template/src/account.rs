//! The account's page: second steps, sessions, browsers, access tokens.

use axum::{extract::State, response::Redirect};
use maud::{Markup, html};
use ott_bearer::New;
use serde::Deserialize;
use token_store_sqlx::token_store::{FactorState, ott_core::RecordId};

use crate::{
    app::Scope,
    sign_in::new_error,
    web::{self, No, Shared, SignedIn, Typed},
};

pub(crate) async fn page(State(app): Shared, who: SignedIn) -> Result<Markup, No> {
    let (subject, epoch) = (&who.subject, Some(who.account.epoch()?));
    let factors = app.engine.factors(subject).await?;
    let steps: Vec<_> = factors
        .iter()
        .filter(|factor| factor.state == FactorState::Active)
        .collect();
    let by_mail = steps.iter().any(|step| step.provider == "email");
    let left = app.recovery.left(subject).await?;
    let sessions = app.sessions.bearers().list(subject).await?;
    let known = app.devices.list(subject, epoch).await?;
    let trusted = app.trusted.list(&app.engine, subject, epoch).await?;
    let tokens = app.access.bearers().list(subject).await?;
    let end = |what: &str, name: &str, id: &RecordId| {
        html! {
            form class="row" method="post" action="/account/end" {
                input type="hidden" name="what" value=(what);
                input type="hidden" name="id" value=(id);
                span { (name) }
                button { "End" }
            }
        }
    };
    Ok(web::page(
        "Your account",
        html! {
            p { (who.account.email()?.address()) }
            h2 { "Second step" }
            @if steps.is_empty() { p { "None. Whoever has your password is in." } }
            @for step in &steps {
                form class="row" method="post" action="/account/factor/remove" {
                    input type="hidden" name="factor" value=(step.id);
                    span { (step.label) }
                    button { "Remove" }
                }
            }
            form method="post" action="/account/factor" {
                button name="provider" value="totp" { "Add an authenticator app" }
                @if !by_mail {
                    button class="other" name="provider" value="email" { "Add codes by mail" }
                    p class="hint" { "Whoever reads your mail has those codes: an app is better." }
                }
            }
            @if !steps.is_empty() {
                form method="post" action="/account/codes" {
                    p { (left) " recovery codes are left." }
                    button class="other" { "Make new recovery codes" }
                }
            }
            h2 { "Signed in" }
            @for session in &sessions {
                @let this = if session.id() == who.session.id() { " (this one)" } else { "" };
                (end("session", &format!("{}{this}", session.name().unwrap_or("A browser")), session.id()))
            }
            h2 { "Remembered browsers" }
            p class="hint" { "You get in there also while somebody else tries codes." }
            @for device in &known { (end("device", &device.label, &device.id)) }
            h2 { "Browsers that are asked for no code" }
            @for device in &trusted { (end("trusted", &device.label, &device.id)) }
            h2 { "Access tokens" }
            @for token in &tokens { (end("token", token.name().unwrap_or(""), token.id())) }
            form method="post" action="/account/token" {
                label { "Name" input name="name" maxlength="64" required; }
                button class="other" { "Make a token" }
            }
            form method="post" action="/sign-out" { button { "Sign out" } }
        },
    ))
}

/// One of what is listed.
#[derive(Deserialize)]
pub(crate) struct Ended {
    what: String,
    id: String,
}

pub(crate) async fn end(
    State(app): Shared,
    who: SignedIn,
    Typed(form): Typed<Ended>,
) -> Result<Redirect, No> {
    let id = RecordId::parse(&form.id).map_err(|_| No::Again("No such thing."))?;
    match form.what.as_str() {
        "session" => app.sessions.bearers().revoke(&who.subject, &id).await?,
        "token" => app.access.bearers().revoke(&who.subject, &id).await?,
        "device" => app.devices.forget(&who.subject, &id).await?,
        "trusted" => app.trusted.revoke(&who.subject, &id).await?,
        _ => return Err(No::Again("No such thing.")),
    };
    Ok(Redirect::to("/account"))
}

/// What the token is called.
#[derive(Deserialize)]
pub(crate) struct Named {
    name: String,
}

pub(crate) async fn new_token(
    State(app): Shared,
    who: SignedIn,
    Typed(form): Typed<Named>,
) -> Result<Markup, No> {
    let new = New::of(&who.subject).named(&form.name).scope(Scope::Read);
    let issued = app.access.bearers().issue(&new).await.map_err(new_error)?;
    Ok(web::page(
        "Your token",
        html! {
            p { "It is not shown again, and good for 90 days:" }
            p { code { (issued.token.expose_secret()) } }
            p { a href="/account" { "Done" } }
        },
    ))
}
