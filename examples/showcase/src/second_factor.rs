//! The second step, and the same step again before somebody changes how he signs in.

use axum::{
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    Attempt, Descriptor, Offer, Response as Answer, Verified,
    token_store::{
        FactorId, FactorState,
        ott_core::{Handle, Subject},
    },
};

use crate::{
    accounts::Account,
    app::{App, Shared},
    error::{AppError, with_status},
    forms::{FormToken, Posted},
    layout::{self, Who},
    session::{self, Flow, HalfSignedIn, Network, SignedIn},
};

/// For a form that asks for what no page offers.
pub(crate) const NO_SUCH_WAY: AppError =
    AppError::BadRequest("Choose one of the ways that are offered.");

/// A code, and which provider and factor it is for.
#[derive(Deserialize)]
pub(crate) struct Typed {
    provider: String,
    #[serde(default)]
    factor: String,
    code: String,
}

/// Which factor a code should be sent for.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    provider: String,
    factor: String,
}

/// Where the step happens: the same forms, under other paths.
#[derive(Clone, Copy)]
struct Place {
    who: Who,
    title: &'static str,
    lead: &'static str,
    path: &'static str,
    request_path: &'static str,
}

const SIGNING_IN: Place = Place {
    who: Who::Nobody,
    title: "Enter your code",
    lead: "Step 2 of 2",
    path: "/second-factor",
    request_path: "/second-factor/request",
};

const PROVING: Place = Place {
    who: Who::SignedIn,
    title: "Confirm that it is you",
    lead: "Before you change how you sign in, enter a code again.",
    path: "/account/prove",
    request_path: "/account/prove/request",
};

pub(crate) async fn choose(
    State(app): Shared,
    half: HalfSignedIn,
    FormToken(csrf): FormToken,
) -> Result<Response, AppError> {
    show(&app, SIGNING_IN, &half.account.subject, &csrf).await
}

pub(crate) async fn prove_form(
    State(app): Shared,
    signed_in: SignedIn,
    FormToken(csrf): FormToken,
) -> Result<Response, AppError> {
    show(&app, PROVING, &signed_in.account.subject, &csrf).await
}

pub(crate) async fn request(
    State(app): Shared,
    half: HalfSignedIn,
    Flow(flow): Flow,
    FormToken(csrf): FormToken,
    Network(network): Network,
    Posted(wanted): Posted<Wanted>,
) -> Result<Response, AppError> {
    send(
        &app,
        SIGNING_IN,
        &half.account,
        flow.as_ref(),
        &csrf,
        &network,
        &wanted,
    )
    .await
}

pub(crate) async fn prove_request(
    State(app): Shared,
    signed_in: SignedIn,
    Flow(flow): Flow,
    FormToken(csrf): FormToken,
    Network(network): Network,
    Posted(wanted): Posted<Wanted>,
) -> Result<Response, AppError> {
    send(
        &app,
        PROVING,
        &signed_in.account,
        flow.as_ref(),
        &csrf,
        &network,
        &wanted,
    )
    .await
}

pub(crate) async fn verify(
    State(app): Shared,
    half: HalfSignedIn,
    Flow(flow): Flow,
    FormToken(csrf): FormToken,
    Network(network): Network,
    headers: HeaderMap,
    Posted(typed): Posted<Typed>,
) -> Result<Response, AppError> {
    match check(&app, &half.account, flow.as_ref(), &network, &typed).await {
        Ok(proof) => session::whole(&app, &half.account, &half.record, proof, &headers).await,
        Err(error) => {
            again(
                &app,
                SIGNING_IN,
                &half.account.subject,
                &csrf,
                &typed,
                error,
            )
            .await
        }
    }
}

pub(crate) async fn prove(
    State(app): Shared,
    signed_in: SignedIn,
    Flow(flow): Flow,
    FormToken(csrf): FormToken,
    Network(network): Network,
    headers: HeaderMap,
    Posted(typed): Posted<Typed>,
) -> Result<Response, AppError> {
    match check(&app, &signed_in.account, flow.as_ref(), &network, &typed).await {
        Ok(proof) => {
            let SignedIn { account, record } = &signed_in;
            session::whole(&app, account, record, proof, &headers).await
        }
        Err(error) => {
            again(
                &app,
                PROVING,
                &signed_in.account.subject,
                &csrf,
                &typed,
                error,
            )
            .await
        }
    }
}

async fn check(
    app: &App,
    account: &Account,
    flow: Option<&Handle>,
    network: &str,
    typed: &Typed,
) -> Result<Verified, AppError> {
    let attempt = attempt(account, &typed.provider, &typed.factor, flow, network)?;
    Ok(app
        .two_factor
        .verify(&attempt, &Answer::typed(&typed.code))
        .await?)
}

/// Whether the account ever confirmed a second step that is still there, disabled ones included:
/// then a password alone enrols nothing.
pub(crate) async fn has_second_step(app: &App, account: &Account) -> Result<bool, AppError> {
    let factors = app.two_factor.factors(&account.subject).await?;
    Ok(factors
        .iter()
        .any(|factor| factor.state != FactorState::Pending))
}

/// A try as the engine wants it. An unreadable factor is refused; none at all means any.
pub(crate) fn attempt<'a>(
    account: &'a Account,
    provider: &'a str,
    factor: &str,
    flow: Option<&'a Handle>,
    network: &'a str,
) -> Result<Attempt<'a>, AppError> {
    let mut attempt = Attempt::new(&account.subject, provider).epoch(account.epoch);
    if !network.is_empty() {
        attempt = attempt.address(network);
    }
    if !factor.is_empty() {
        attempt = attempt.factor(FactorId::parse(factor).ok_or(AppError::Refused)?);
    }
    Ok(match flow {
        Some(handle) => attempt.handle(handle),
        None => attempt,
    })
}

async fn show(
    app: &App,
    place: Place,
    subject: &Subject,
    csrf: &str,
) -> Result<Response, AppError> {
    let offers = app.two_factor.offered(subject).await?;
    if offers.is_empty() {
        let factors = app.two_factor.factors(subject).await?;
        let disabled = factors
            .iter()
            .any(|factor| factor.state == FactorState::Disabled);
        return if disabled {
            Err(AppError::Disabled)
        } else {
            Ok(Redirect::to("/welcome").into_response())
        };
    }
    Ok(page(place, csrf, &offers, None, None).into_response())
}

async fn send(
    app: &App,
    place: Place,
    account: &Account,
    flow: Option<&Handle>,
    csrf: &str,
    network: &str,
    wanted: &Wanted,
) -> Result<Response, AppError> {
    let sends = |descriptor: &Descriptor| descriptor.id == wanted.provider && descriptor.request;
    if !app.two_factor.providers().any(sends) {
        return Err(NO_SUCH_WAY);
    }
    let attempt = attempt(account, &wanted.provider, &wanted.factor, flow, network)?;
    let requested = app.two_factor.request(&attempt).await?;
    let offers = app.two_factor.offered(&account.subject).await?;
    let sent = Sent {
        provider: &wanted.provider,
        factor: &wanted.factor,
        hint: requested.hint.as_deref(),
    };
    let cookie = session::flow_cookie(app, requested.handle.as_ref());
    Ok(session::with_cookies(
        page(place, csrf, &offers, Some(sent), None),
        [cookie],
    ))
}

/// The same form once more, with what went wrong. An outage is a page of its own.
async fn again(
    app: &App,
    place: Place,
    subject: &Subject,
    csrf: &str,
    typed: &Typed,
    error: AppError,
) -> Result<Response, AppError> {
    let words = match &error {
        AppError::Refused => {
            "This code is not right, or not any more. Every code works once.".to_owned()
        }
        AppError::Throttled(_) => error.words().1,
        _ => return Err(error),
    };
    let offers = app.two_factor.offered(subject).await?;
    let was_sent = offers
        .iter()
        .any(|offer| offer.descriptor.id == typed.provider && offer.descriptor.request);
    let sent = was_sent.then_some(Sent {
        provider: &typed.provider,
        factor: &typed.factor,
        hint: None,
    });
    Ok(with_status(
        &error,
        page(place, csrf, &offers, sent, Some(&words)),
    ))
}

/// A code that is on its way.
struct Sent<'a> {
    provider: &'a str,
    factor: &'a str,
    hint: Option<&'a str>,
}

fn page(
    place: Place,
    csrf: &str,
    offers: &[Offer],
    sent: Option<Sent<'_>>,
    wrong: Option<&str>,
) -> Markup {
    let typed = offers.iter().find(|offer| !offer.descriptor.request);
    let requests = offers.iter().filter(|offer| offer.descriptor.request);
    let body = html! {
        p.soft { (place.lead) }
        (layout::alert(wrong))
        @if let Some(sent) = &sent {
            @if let Some(hint) = sent.hint {
                p.done role="status" { "We sent a code to " (hint) "." }
            }
            form method="post" action=(place.path) {
                (layout::csrf(csrf))
                input type="hidden" name="provider" value=(sent.provider);
                input type="hidden" name="factor" value=(sent.factor);
                (layout::code_field(true))
                button { "Continue" }
            }
        } @else if let Some(offer) = typed {
            p { "Open your authenticator app and enter the code that it shows." }
            form method="post" action=(place.path) {
                (layout::csrf(csrf))
                input type="hidden" name="provider" value=(offer.descriptor.id);
                (layout::code_field(true))
                button { "Continue" }
            }
        }
        @if sent.is_some() || (typed.is_some() && requests.clone().next().is_some()) {
            p.or { "or" }
        }
        @if sent.is_some() && typed.is_some() {
            p { a.button.quiet href=(place.path) { "Use your authenticator app" } }
        }
        @for offer in requests {
            @for factor in &offer.factors {
                form method="post" action=(place.request_path) {
                    (layout::csrf(csrf))
                    input type="hidden" name="provider" value=(offer.descriptor.id);
                    input type="hidden" name="factor" value=(factor.id);
                    button.quiet { @if sent.is_some() { "Send a new code: " } @else { "Send a code: " } (factor.label) }
                }
            }
        }
        @if place.who == Who::Nobody {
            form.leave method="post" action="/sign-out" {
                (layout::csrf(csrf))
                button.plain { "Sign in as somebody else" }
            }
        }
    };
    layout::card(place.who, place.title, body)
}
