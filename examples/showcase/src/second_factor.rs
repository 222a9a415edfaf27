//! The second step, and the same step again before somebody changes how they sign in.

mod next;
mod page;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use twofa_providers::{
    Attempt, Descriptor, Offer, Proof, Response as Answer,
    token_store::{
        FactorId, FactorState,
        ott_core::{Handle, Subject},
    },
};

pub(crate) use self::next::Next;
use self::page::{Asks, Place, Sent, Ways, page, recovery_page};
use crate::{
    accounts::Account,
    app::{App, Shared},
    devices,
    error::{AppError, with_status},
    forms::{FormToken, Posted},
    recovery,
    session::{self, HalfSignedIn, SignedIn, Standing},
    visitor::Visitor,
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
    /// `yes` where the device shall be remembered.
    #[serde(default)]
    remember: String,
}

/// Which factor a code should be sent for.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    provider: String,
    factor: String,
}

pub(crate) async fn choose(
    State(app): Shared,
    half: HalfSignedIn,
    FormToken(csrf): FormToken,
) -> Result<Response, AppError> {
    show(&app, Place::SIGNING_IN, (&half).into(), &csrf).await
}

pub(crate) async fn prove_form(
    State(app): Shared,
    signed_in: SignedIn,
    next: Next,
    FormToken(csrf): FormToken,
) -> Result<Response, AppError> {
    show(&app, Place::proving(next), (&signed_in).into(), &csrf).await
}

pub(crate) async fn recovery_form(
    State(app): Shared,
    half: HalfSignedIn,
    FormToken(csrf): FormToken,
) -> Result<Response, AppError> {
    show_recovery(&app, Place::SIGNING_IN, (&half).into(), &csrf).await
}

pub(crate) async fn prove_recovery_form(
    State(app): Shared,
    signed_in: SignedIn,
    next: Next,
    FormToken(csrf): FormToken,
) -> Result<Response, AppError> {
    show_recovery(&app, Place::proving(next), (&signed_in).into(), &csrf).await
}

pub(crate) async fn request(
    State(app): Shared,
    half: HalfSignedIn,
    visitor: Visitor,
    Posted(wanted): Posted<Wanted>,
) -> Result<Response, AppError> {
    send(&app, Place::SIGNING_IN, (&half).into(), &visitor, &wanted).await
}

pub(crate) async fn prove_request(
    State(app): Shared,
    signed_in: SignedIn,
    next: Next,
    visitor: Visitor,
    Posted(wanted): Posted<Wanted>,
) -> Result<Response, AppError> {
    let place = Place::proving(next);
    send(&app, place, (&signed_in).into(), &visitor, &wanted).await
}

pub(crate) async fn verify(
    State(app): Shared,
    half: HalfSignedIn,
    visitor: Visitor,
    Posted(typed): Posted<Typed>,
) -> Result<Response, AppError> {
    let standing = Standing::from(&half);
    let remember = match typed.remember.as_str() {
        "" => false,
        "yes" => true,
        _ => {
            return Err(AppError::BadRequest(
                "The device is remembered, or it is not.",
            ));
        }
    };
    match check(&app, &standing, &visitor, &typed).await {
        Ok(proof) => {
            let cookie = if remember {
                Some(devices::remember(&app, &half.account, &proof, &visitor).await?)
            } else {
                None
            };
            let page = session::whole(&app, standing, proof, &visitor.browser, "/account").await?;
            Ok(session::with_cookies(page, cookie))
        }
        Err(error) => again(&app, Place::SIGNING_IN, standing, &visitor, &typed, error).await,
    }
}

pub(crate) async fn prove(
    State(app): Shared,
    signed_in: SignedIn,
    next: Next,
    visitor: Visitor,
    Posted(typed): Posted<Typed>,
) -> Result<Response, AppError> {
    let standing = Standing::from(&signed_in);
    match check(&app, &standing, &visitor, &typed).await {
        Ok(proof) => session::whole(&app, standing, proof, &visitor.browser, next.path()).await,
        Err(error) => {
            let place = Place::proving(next);
            again(&app, place, standing, &visitor, &typed, error).await
        }
    }
}

async fn check(
    app: &App,
    standing: &Standing<'_>,
    visitor: &Visitor,
    typed: &Typed,
) -> Result<Proof, AppError> {
    let Typed {
        provider,
        factor,
        code,
        ..
    } = typed;
    // One recovery code a sign-in: who found the sheet does not sign in and change everything.
    if standing.recovered && provider == recovery::ID {
        return Err(AppError::Refused);
    }
    let attempt = attempt(standing, provider, factor, visitor.flow.as_ref(), visitor)?;
    Ok(app
        .two_factor
        .verify(&attempt, &Answer::typed(code))
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
    standing: &'a Standing<'a>,
    provider: &'a str,
    factor: &str,
    handle: Option<&'a Handle>,
    visitor: &'a Visitor,
) -> Result<Attempt<'a>, AppError> {
    let account = standing.account;
    let mut attempt = Attempt::new(&account.subject, provider).epoch(account.epoch);
    if let Some(flow) = &standing.flow {
        attempt = attempt.sign_in(flow);
    }
    if let Some(network) = visitor.network {
        attempt = attempt.network(network);
    }
    if let Some(device) = &visitor.device {
        attempt = attempt.known_device(device);
    }
    if !factor.is_empty() {
        attempt = attempt.factor(FactorId::parse(factor).ok_or(AppError::Refused)?);
    }
    Ok(match handle {
        Some(handle) => attempt.handle(handle),
        None => attempt,
    })
}

/// What the person can prove it with now.
async fn ways(app: &App, standing: &Standing<'_>) -> Result<Ways, AppError> {
    let subject = &standing.account.subject;
    let offers = app.two_factor.offered(subject).await?;
    let of_recovery = |offer: &Offer| offer.descriptor.id == recovery::ID;
    let (recovery, offers): (Vec<_>, Vec<_>) = offers.into_iter().partition(of_recovery);
    Ok(Ways {
        disabled: offers.is_empty() && has_disabled(app, subject).await?,
        offers,
        recovery: !recovery.is_empty() && !standing.recovered,
    })
}

async fn has_disabled(app: &App, subject: &Subject) -> Result<bool, AppError> {
    let factors = app.two_factor.factors(subject).await?;
    let disabled = |state| state == FactorState::Disabled;
    Ok(factors.iter().any(|factor| disabled(factor.state)))
}

async fn show(
    app: &App,
    place: Place,
    standing: Standing<'_>,
    csrf: &str,
) -> Result<Response, AppError> {
    let ways = ways(app, &standing).await?;
    if !ways.offers.is_empty() {
        return Ok(page(place, csrf, &ways, None, None).into_response());
    }
    if ways.recovery {
        return Ok(recovery_page(place, csrf, &ways, None).into_response());
    }
    match (ways.disabled, standing.recovered) {
        (true, true) => Err(AppError::BadRequest(
            "A sign-in takes one recovery code. To use another, sign out and sign in again.",
        )),
        (true, false) => Err(AppError::Disabled),
        (false, _) => Ok(Redirect::to("/welcome").into_response()),
    }
}

async fn show_recovery(
    app: &App,
    place: Place,
    standing: Standing<'_>,
    csrf: &str,
) -> Result<Response, AppError> {
    let ways = ways(app, &standing).await?;
    if ways.recovery {
        return Ok(recovery_page(place, csrf, &ways, None).into_response());
    }
    Ok(Redirect::to(&place.to(Asks::Choice)).into_response())
}

async fn send(
    app: &App,
    place: Place,
    standing: Standing<'_>,
    visitor: &Visitor,
    wanted: &Wanted,
) -> Result<Response, AppError> {
    let sends = |descriptor: &Descriptor| descriptor.id == wanted.provider && descriptor.request;
    if !app.two_factor.providers().any(sends) {
        return Err(NO_SUCH_WAY);
    }
    let attempt = attempt(
        &standing,
        &wanted.provider,
        &wanted.factor,
        visitor.flow.as_ref(),
        visitor,
    )?;
    let asked = app.two_factor.request(&attempt).await?;
    let ways = ways(app, &standing).await?;
    let sent = Sent {
        provider: &wanted.provider,
        factor: &wanted.factor,
        hint: asked.hint.as_deref(),
    };
    let cookie = session::flow_cookie(app, asked.handle.as_ref());
    Ok(session::with_cookies(
        page(place, &visitor.csrf, &ways, Some(sent), None),
        [cookie],
    ))
}

/// The same form once more, with what went wrong. An outage is a page of its own.
async fn again(
    app: &App,
    place: Place,
    standing: Standing<'_>,
    visitor: &Visitor,
    typed: &Typed,
    error: AppError,
) -> Result<Response, AppError> {
    let by_recovery = typed.provider == recovery::ID;
    let words = match &error {
        AppError::Refused if by_recovery && standing.recovered => {
            "A sign-in takes one recovery code. To use another, sign out and sign in again."
                .to_owned()
        }
        AppError::Refused if by_recovery => {
            "This recovery code is not right, or not any more. Every code works once, and a newer sheet voids the older one.".to_owned()
        }
        AppError::Refused => {
            "This code is not right, or not any more. Every code works once.".to_owned()
        }
        AppError::Throttled(_) => error.words().1,
        _ => return Err(error),
    };
    let ways = ways(app, &standing).await?;
    if by_recovery && !standing.recovered {
        let page = recovery_page(place, &visitor.csrf, &ways, Some(&words));
        return Ok(with_status(&error, page));
    }
    let was_sent = ways
        .offers
        .iter()
        .any(|offer| offer.descriptor.id == typed.provider && offer.descriptor.request);
    let sent = was_sent.then_some(Sent {
        provider: &typed.provider,
        factor: &typed.factor,
        hint: None,
    });
    let page = page(place, &visitor.csrf, &ways, sent, Some(&words));
    Ok(with_status(&error, page))
}
