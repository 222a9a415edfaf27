//! Trusted devices: where somebody asked not to be asked for a second step. There are none unless a setting allows
//! them.

use axum::{
    extract::State,
    http::HeaderValue,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    DeviceView, NewDevice, Proof, TRUST, Trusted, TrustedDevices,
    token_store::{
        Revoke,
        ott_core::{
            RecordId,
            chrono::{DateTime, Utc},
        },
    },
};

use crate::{
    accounts::Account,
    app::{App, Shared, TRUSTED, set_cookie},
    devices::named,
    error::AppError,
    forms::{Empty, Posted},
    layout,
    said::{Said, say},
    session::{self, SignedIn, Standing},
    times::{in_words, when},
    visitor::Visitor,
};

/// The cookie that a trusted device keeps, also after signing out.
pub(crate) const COOKIE: &str = "trusted";

#[derive(Deserialize)]
pub(crate) struct End {
    device: String,
}

fn service(app: &App) -> Result<&TrustedDevices, AppError> {
    app.trusted.as_ref().ok_or(AppError::NotFound)
}

/// Whether devices may be trusted.
pub(crate) const fn is_offered(app: &App) -> bool {
    app.trusted.is_some()
}

/// The box to tick at the second step.
pub(crate) fn checkbox() -> Markup {
    html! {
        label.tick for="trust" {
            input #trust type="checkbox" name="trust" value="yes" aria-describedby="trust-hint";
            span { "Trust this device for " (TRUST.num_days()) " days" }
        }
        p #trust-hint .soft.small.of-tick { "Your password alone signs in here then. Not on a shared device." }
    }
}

/// Trusts the device on which a second step was just proved in this sign-in, in place of what its cookie held.
pub(crate) async fn trust(
    app: &App,
    standing: &Standing<'_>,
    proof: &Proof,
    visitor: &Visitor,
) -> Result<NewDevice, AppError> {
    let (subject, epoch) = (&standing.account.subject, Some(standing.account.epoch));
    let flow = standing.flow.as_ref();
    let flow = flow.ok_or_else(|| AppError::unavailable("a sign-in has a name"))?;
    let fresh = app.two_factor.fresh(subject, epoch, proof).await?;
    let trusted = service(app)?.trust(&fresh, flow, &visitor.browser).await?;
    if let Some(earlier) = named(app, &TRUSTED, visitor.trusted.as_deref()) {
        // The device may have been somebody else's before: nobody but its holder had the token.
        app.tokens.revoke(&Revoke::Record(earlier)).await?;
    }
    Ok(trusted)
}

pub(crate) fn cookie(app: &App, device: &NewDevice) -> HeaderValue {
    let seconds = u32::try_from(TRUST.num_seconds()).unwrap_or(0);
    set_cookie(app, COOKIE, device.token.expose_secret(), seconds)
}

/// What the cookie is worth to this account, whose password was right.
pub(crate) async fn recognised(
    app: &App,
    account: &Account,
    token: Option<&str>,
) -> Result<Option<Trusted>, AppError> {
    let (Some(trusted), Some(token)) = (&app.trusted, token) else {
        return Ok(None);
    };
    let (engine, epoch) = (&app.two_factor, Some(account.epoch));
    let found = trusted.recognise(engine, &account.subject, epoch, token);
    Ok(found.await?)
}

/// The card on the account's page, where devices can be trusted.
pub(crate) async fn card(
    app: &App,
    account: &Account,
    visitor: &Visitor,
    now: DateTime<Utc>,
) -> Result<Markup, AppError> {
    let Some(trusted) = &app.trusted else {
        return Ok(html! {});
    };
    let (engine, epoch) = (&app.two_factor, Some(account.epoch));
    let all = trusted.list(engine, &account.subject, epoch).await?;
    let this = named(app, &TRUSTED, visitor.trusted.as_deref());
    let csrf = &visitor.csrf;
    Ok(html! {
        section.card aria-labelledby="trusted" {
            h2 #trusted { "Trusted devices" }
            p.soft.small { "Your password alone signs in there. The trust ends when your password, your address, a second step or your recovery codes change." }
            @if all.is_empty() {
                p { "None. Tick “Trust this device” when you enter your code the next time." }
            }
            ul.plain {
                @for device in &all { (item(device, this == Some(device.id), csrf, now)) }
            }
            @if all.len() > 1 {
                div.row {
                    form method="post" action="/account/trusted/end-all" {
                        (layout::csrf(csrf))
                        button.danger.narrow { "Trust none" }
                    }
                }
            }
        }
    })
}

fn item(device: &DeviceView, this: bool, csrf: &str, now: DateTime<Utc>) -> Markup {
    html! {
        li {
            div.row.between {
                div {
                    h3 { (device.label) }
                    p.soft.small {
                        span.part { "trusted " (when(device.since, now)) } " "
                        @if let Some(used) = device.used_at { span.part { "last used " (when(used, now)) } " " }
                        @else { span.part { "not used yet" } " " }
                        @if let Some(until) = device.expires_at { span.part { "ends " (when(until, now)) } }
                    }
                }
                @if this { span.tag { "This device" } }
            }
            form method="post" action="/account/trusted/end" {
                (layout::csrf(csrf))
                input type="hidden" name="device" value=(device.id);
                button.quiet.narrow aria-label={ "Stop trusting " (device.label) ", trusted " (in_words(device.since, now)) } { "Stop trusting" }
            }
        }
    }
}

pub(crate) async fn end(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(form): Posted<End>,
) -> Result<Response, AppError> {
    let device = RecordId::parse(&form.device).map_err(|_| AppError::NotFound)?;
    let subject = &signed_in.account.subject;
    if !service(&app)?.revoke(subject, &device).await? {
        return Err(AppError::NotFound);
    }
    let this = named(&app, &TRUSTED, visitor.trusted.as_deref()) == Some(device);
    let said = Said::done("The device is trusted no more: the next sign-in there asks for a code.");
    Ok(say(back(&app, this), said))
}

pub(crate) async fn end_all(
    State(app): Shared,
    signed_in: SignedIn,
    Posted(Empty {}): Posted<Empty>,
) -> Result<Response, AppError> {
    let subject = &signed_in.account.subject;
    service(&app)?.revoke_all(subject).await?;
    let said = Said::done("No device is trusted any more: the next sign-in asks for a code.");
    Ok(say(back(&app, true), said))
}

/// Back to the list; this device's cookie goes where it is of no use any more.
fn back(app: &App, this: bool) -> Response {
    let list = Redirect::to("/account");
    if this {
        session::with_cookies(list, [set_cookie(app, COOKIE, "", 0)])
    } else {
        list.into_response()
    }
}
