//! Known devices: where the owner is not locked out by a stranger's guesses.

use axum::{
    extract::State,
    http::HeaderValue,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    DeviceView, Proof,
    token_store::{
        Revoke,
        ott_core::{
            Policy, RecordId,
            chrono::{DateTime, Utc},
        },
    },
};

use crate::{
    accounts::Account,
    app::{App, DEVICE, Shared, set_cookie},
    error::AppError,
    forms::{Empty, Posted},
    layout::{self, Page, Who},
    said::{Said, say},
    session::{self, SignedIn},
    times::when,
    visitor::Visitor,
};

/// The cookie that a remembered device keeps, also after signing out.
pub(crate) const COOKIE: &str = "device";

/// How long a device is remembered, for its cookie: as long as its record.
const SECONDS: u32 = 30 * 86_400;

#[derive(Deserialize)]
pub(crate) struct Forget {
    device: String,
}

/// The public name of what a cookie holds. It is derived from the token, so it proves nothing.
pub(crate) fn named(app: &App, policy: &Policy, token: Option<&str>) -> Option<RecordId> {
    let issuer = app.tokens.issuer();
    let presented = issuer.present_by_itself(policy, "", token?, app.tokens.now());
    presented.ok().map(|presented| *presented.id())
}

/// Remembers the device on which a second step was just proved, in place of what its cookie held.
pub(crate) async fn remember(
    app: &App,
    account: &Account,
    proof: &Proof,
    visitor: &Visitor,
) -> Result<HeaderValue, AppError> {
    let subject = &account.subject;
    let epoch = Some(account.epoch);
    let fresh = app.two_factor.fresh(subject, epoch, proof).await?;
    let remembered = app.devices.remember(&fresh, &visitor.browser).await?;
    if let Some(earlier) = named(app, &DEVICE, visitor.device.as_deref()) {
        // The device may have been somebody else's before: nobody but its holder had the token.
        app.tokens.revoke(&Revoke::Record(earlier)).await?;
    }
    let token = remembered.token.expose_secret();
    Ok(set_cookie(app, COOKIE, token, SECONDS))
}

/// The box to tick at the second step.
pub(crate) fn checkbox() -> Markup {
    html! {
        label.tick for="remember" {
            input #remember type="checkbox" name="remember" value="yes" aria-describedby="remember-hint";
            span { "Keep tries for this device" }
        }
        p #remember-hint .soft.small.of-tick { "Your code is asked for as before. Strangers who use up your tries do not keep you out here." }
    }
}

pub(crate) async fn show(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
) -> Result<Page, AppError> {
    let account = &signed_in.account;
    let known = app
        .devices
        .list(&account.subject, Some(account.epoch))
        .await?;
    let this = named(&app, &DEVICE, visitor.device.as_deref());
    let now = app.tokens.now();
    let body = html! {
        h1 { "Devices" }
        p.soft { "Where you ticked “Keep tries for this device”. Your second step is asked for there as before. What you gain: if a stranger uses up the tries for your account, you still get in from these." }
        section.card aria-labelledby="devices" {
            h2 #devices { "Remembered devices" }
            @if known.is_empty() {
                p { "None. Tick the box when you enter your code the next time." }
            }
            ul.plain {
                @for device in &known { (item(device, this == Some(device.id), &visitor.csrf, now)) }
            }
            @if known.len() > 1 {
                div.row {
                    form method="post" action="/devices/forget-all" {
                        (layout::csrf(&visitor.csrf))
                        button.danger.narrow { "Forget all" }
                    }
                }
            }
        }
    };
    Ok(layout::page(Who::SignedIn, "Devices", true, body))
}

fn item(device: &DeviceView, this: bool, csrf: &str, now: DateTime<Utc>) -> Markup {
    html! {
        li {
            div.row.between {
                div {
                    h3 { (device.label) }
                    p.soft.small {
                        span.part { "remembered " (when(device.since, now)) } " "
                        span.part { "last used " (when(device.used_at.unwrap_or(device.since), now)) } " "
                        @if let Some(until) = device.expires_at { span.part { "until " (when(until, now)) } }
                    }
                }
                @if this { span.tag { "This device" } }
            }
            form method="post" action="/devices/forget" {
                (layout::csrf(csrf))
                input type="hidden" name="device" value=(device.id);
                button.quiet.narrow aria-label={ "Forget " (device.label) } { "Forget" }
            }
        }
    }
}

pub(crate) async fn forget(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(form): Posted<Forget>,
) -> Result<Response, AppError> {
    let device = RecordId::parse(&form.device).map_err(|_| AppError::NotFound)?;
    let subject = &signed_in.account.subject;
    if !app.devices.forget(subject, &device).await? {
        return Err(AppError::NotFound);
    }
    let this = named(&app, &DEVICE, visitor.device.as_deref()) == Some(device);
    let said = Said::done("The device is forgotten.");
    Ok(say(back(&app, this), said))
}

pub(crate) async fn forget_all(
    State(app): Shared,
    signed_in: SignedIn,
    Posted(Empty {}): Posted<Empty>,
) -> Result<Response, AppError> {
    let subject = &signed_in.account.subject;
    app.devices.forget_all(subject).await?;
    let said = Said::done("All devices are forgotten.");
    Ok(say(back(&app, true), said))
}

/// Back to the list; this device's cookie goes where it is of no use any more.
fn back(app: &App, this: bool) -> Response {
    let list = Redirect::to("/devices");
    if this {
        session::with_cookies(list, [set_cookie(app, COOKIE, "", 0)])
    } else {
        list.into_response()
    }
}
