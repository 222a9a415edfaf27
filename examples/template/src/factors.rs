//! Adding and removing second steps, and recovery codes.

use core::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, State},
    http::HeaderMap,
    response::{AppendHeaders, IntoResponse as _, Redirect, Response},
};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use token_store_sqlx::token_store::{FactorId, ott_core::Handle};
use twofa_providers::{Attempt, EnrolDetails, Fresh, Proof, Response as Code};

use crate::{
    accounts,
    app::{App, Fault},
    guard::{Guard, is_guarded},
    second_step::{asked, asked_cookie},
    web::{self, No, Shared, SignedIn, Typed},
};

/// Which kind: `totp` or `email`.
#[derive(Deserialize)]
pub(crate) struct Kind {
    provider: String,
}

pub(crate) async fn add(
    State(app): Shared,
    who: SignedIn,
    Typed(kind): Typed<Kind>,
) -> Result<Response, No> {
    let guard = Guard::of(&app, &who).await?;
    let page = add_with(&app, &who, &guard, &kind.provider).await;
    guard.keep(&app, &who, page).await
}

async fn add_with(
    app: &App,
    who: &SignedIn,
    guard: &Guard,
    provider: &str,
) -> Result<Response, No> {
    let (fresh, epoch) = (guard.fresh(app, who).await?, who.account.epoch()?);
    let email = who.account.email()?;
    let details = EnrolDetails::new(&who.subject, email.address())
        .destination(&email)
        .epoch(epoch)
        .sign_in(guard.name());
    let label = match provider {
        "totp" => "Authenticator app",
        _ => "Codes by mail",
    };
    let enrolled = app
        .engine
        .enrol(provider, &details, label, fresh.as_ref())
        .await?;
    let confirm = |provider: &str, label: &str| {
        html! {
            form method="post" action="/account/factor/confirm" {
                input type="hidden" name="provider" value=(provider);
                input type="hidden" name="factor" value=(enrolled.factor);
                label { (label) input name="code" inputmode="numeric" autocomplete="one-time-code" required; }
                button { "Confirm" }
            }
        }
    };
    let Some(shown) = enrolled.provisioning else {
        let attempt = Attempt::new(&who.subject, provider)
            .factor(enrolled.factor)
            .epoch(epoch)
            .sign_in(guard.name());
        let sent = app.engine.request(&attempt).await?;
        let page = web::page("Look into your mail", confirm(provider, "The code in it"));
        let kept = asked_cookie(sent.handle.as_ref());
        return Ok((AppendHeaders([kept]), page).into_response());
    };
    let picture = shown
        .qr_svg()
        .ok_or_else(|| Fault::from("the name is too long"))?;
    let page = web::page(
        "Scan this with your app",
        html! {
            (PreEscaped(picture.expose_secret()))
            p { "Or type: " code { (shown.base32.expose_secret()) } }
            (confirm(provider, "The code that it shows"))
        },
    );
    Ok(page.into_response())
}

/// The code that confirms a new step.
#[derive(Deserialize)]
pub(crate) struct Confirmed {
    provider: String,
    factor: String,
    code: String,
}

pub(crate) async fn confirm(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    who: SignedIn,
    headers: HeaderMap,
    Typed(form): Typed<Confirmed>,
) -> Result<Response, No> {
    let guard = Guard::of(&app, &who).await?;
    let (network, handle) = (peer.ip(), asked(&headers));
    let proof = match confirm_with(&app, &who, &guard, network, handle, &form).await {
        Ok(proof) => proof,
        Err(error) => return guard.keep(&app, &who, Err(error)).await,
    };
    let guard = guard.or(proof);
    let page = match app.recovery.left(&who.subject).await {
        Ok(0) => codes(&app, &who, &guard).await,
        left => left.map_or_else(
            |error| Err(error.into()),
            |_| Ok(Redirect::to("/account").into_response()),
        ),
    };
    guard.keep(&app, &who, page).await
}

async fn confirm_with(
    app: &App,
    who: &SignedIn,
    guard: &Guard,
    network: IpAddr,
    asked: Option<Handle>,
    form: &Confirmed,
) -> Result<Proof, No> {
    let factor = FactorId::parse(&form.factor).ok_or(No::Again("No such step."))?;
    let handle = asked.filter(|_| form.provider == "email");
    let attempt = Attempt::new(&who.subject, &form.provider)
        .factor(factor)
        .epoch(who.account.epoch()?)
        .network(network)
        .sign_in(guard.name());
    let attempt = match &handle {
        Some(handle) => attempt.handle(handle),
        None => attempt,
    };
    // First the requirement: an account whose step was confirmed never does without.
    accounts::set_needs_factor(app, &who.subject, true).await?;
    let confirmed = app.engine.confirm(&attempt, &Code::typed(&form.code)).await;
    if confirmed.is_err() {
        let guarded = is_guarded(&app.engine.factors(&who.subject).await?);
        accounts::set_needs_factor(app, &who.subject, who.account.needs_factor() || guarded)
            .await?;
    }
    Ok(confirmed?)
}

/// Which one.
#[derive(Deserialize)]
pub(crate) struct Which {
    factor: String,
}

pub(crate) async fn remove(
    State(app): Shared,
    who: SignedIn,
    Typed(form): Typed<Which>,
) -> Result<Response, No> {
    let factor = FactorId::parse(&form.factor).ok_or(No::Again("No such step."))?;
    let guard = Guard::of(&app, &who).await?;
    let page = remove_with(&app, &who, &guard, &factor).await;
    guard.keep(&app, &who, page).await
}

async fn remove_with(
    app: &App,
    who: &SignedIn,
    guard: &Guard,
    factor: &FactorId,
) -> Result<Response, No> {
    let fresh = proved(app, who, guard).await?;
    app.engine.remove_last_too(&fresh, factor).await?;
    let guarded = is_guarded(&app.engine.factors(&who.subject).await?);
    accounts::set_needs_factor(app, &who.subject, guarded).await?;
    Ok(Redirect::to("/account").into_response())
}

async fn proved<'a>(app: &'a App, who: &SignedIn, guard: &'a Guard) -> Result<Fresh<'a>, No> {
    let fresh = guard.fresh(app, who).await?;
    fresh.ok_or(No::Again("There is no second step yet."))
}

pub(crate) async fn new_codes(State(app): Shared, who: SignedIn) -> Result<Response, No> {
    let guard = Guard::of(&app, &who).await?;
    let page = codes(&app, &who, &guard).await;
    guard.keep(&app, &who, page).await
}

/// A new sheet, shown once; an older one is void.
async fn codes(app: &App, who: &SignedIn, guard: &Guard) -> Result<Response, No> {
    let fresh = proved(app, who, guard).await?;
    let sheet = app.recovery.renew(&fresh).await?;
    let page: Markup = web::page(
        "Recovery codes",
        html! {
            p { "Print them. Each one stands in for your second step once. They are not shown again." }
            ul { @for code in sheet.expose_secrets() { li { code { (code) } } } }
            p { a href="/account" { "Done" } }
        },
    );
    Ok(page.into_response())
}
