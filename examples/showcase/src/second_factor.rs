//! The second step, and the same step again before somebody changes how they sign in.

mod page;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use twofa_providers::{
    Attempt, Descriptor, Limits, Offer, Proof, Response as Answer, masked,
    token_store::{
        FactorId, FactorState, Revoke,
        ott_core::{Handle, Subject},
    },
};

use self::page::{Asks, Before, Mailbox, Place, Sent, Ways, page, recovery_page};
use crate::{
    accounts::Account,
    app::{App, Shared},
    devices,
    error::{AppError, CLOCK_AHEAD, with_status},
    flow::{self, Flow},
    forms::Posted,
    layout::Wrong,
    next::Next,
    prompts, recovery,
    said::{Said, say},
    session::{self, HalfSignedIn, SignedIn, Standing},
    trusted,
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
    /// Wrong codes before this one, as the form carries it.
    #[serde(default)]
    tried: u32,
    /// `yes` where the device shall be remembered.
    #[serde(default)]
    remember: String,
    /// `yes` where it shall be trusted.
    #[serde(default)]
    trust: String,
}

/// Which factor a code should be sent for.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    provider: String,
    factor: String,
}

/// Which field the page shows where there is a choice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// That for the code that was sent, while there is one.
    Newest,
    /// That for an authenticator's code.
    App,
    Recovery,
}

pub(crate) async fn choose(
    State(app): Shared,
    half: HalfSignedIn,
    next: Next,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let place = Place::signing_in(next);
    show(&app, place, (&half).into(), &visitor, Shows::Newest).await
}

pub(crate) async fn prove_form(
    State(app): Shared,
    signed_in: SignedIn,
    next: Next,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let place = Place::proving(next);
    show(&app, place, (&signed_in).into(), &visitor, Shows::Newest).await
}

pub(crate) async fn app_form(
    State(app): Shared,
    half: HalfSignedIn,
    next: Next,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let place = Place::signing_in(next);
    show(&app, place, (&half).into(), &visitor, Shows::App).await
}

pub(crate) async fn prove_app_form(
    State(app): Shared,
    signed_in: SignedIn,
    next: Next,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let place = Place::proving(next);
    show(&app, place, (&signed_in).into(), &visitor, Shows::App).await
}

pub(crate) async fn recovery_form(
    State(app): Shared,
    half: HalfSignedIn,
    next: Next,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let place = Place::signing_in(next);
    show(&app, place, (&half).into(), &visitor, Shows::Recovery).await
}

pub(crate) async fn prove_recovery_form(
    State(app): Shared,
    signed_in: SignedIn,
    next: Next,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let place = Place::proving(next);
    show(&app, place, (&signed_in).into(), &visitor, Shows::Recovery).await
}

pub(crate) async fn request(
    State(app): Shared,
    half: HalfSignedIn,
    next: Next,
    visitor: Visitor,
    Posted(wanted): Posted<Wanted>,
) -> Result<Response, AppError> {
    let place = Place::signing_in(next);
    send(&app, place, (&half).into(), &visitor, &wanted).await
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
    next: Next,
    visitor: Visitor,
    Posted(typed): Posted<Typed>,
) -> Result<Response, AppError> {
    let standing = Standing::from(&half);
    let remember = ticked(&typed.remember)?;
    let trust = ticked(&typed.trust)?;
    // Before a code is used up: no page offers the box there.
    let offered = typed.provider != recovery::ID && trusted::is_offered(&app);
    if trust && !offered {
        return Err(AppError::BadRequest("This does not trust a device."));
    }
    match check(&app, &standing, &visitor, &typed).await {
        Ok(proof) => {
            let mut cookies = Vec::new();
            if remember {
                cookies.push(devices::remember(&app, &half.account, &proof, &visitor).await?);
            }
            let device = if trust {
                Some(trusted::trust(&app, &standing, &proof, &visitor).await?)
            } else {
                None
            };
            let page = session::whole(&app, standing, proof, &visitor.browser, next).await;
            if let Some(device) = &device {
                if page.is_err() {
                    // Whoever ended this sign-in meanwhile ended the trust before it was there.
                    app.tokens.revoke(&Revoke::Record(device.id)).await?;
                }
                cookies.push(trusted::cookie(&app, device));
            }
            Ok(session::with_cookies(page?, cookies))
        }
        Err(error) => {
            let place = Place::signing_in(next);
            again(&app, place, standing, &visitor, &typed, error).await
        }
    }
}

fn ticked(value: &str) -> Result<bool, AppError> {
    match value {
        "" => Ok(false),
        "yes" => Ok(true),
        _ => Err(AppError::BadRequest("A box is ticked, or it is not.")),
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
        Ok(proof) => session::whole(&app, standing, proof, &visitor.browser, next).await,
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
    let handle = handle_for(visitor, provider, factor);
    let attempt = attempt(standing, provider, factor, handle, visitor)?;
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
    let mut attempt = Attempt::new(&account.subject, provider)
        .epoch(account.epoch)
        .origin(&visitor.browser);
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

/// The flow of the code that was sent for this factor, or for any of the provider where none is named.
pub(crate) fn handle_for<'a>(
    visitor: &'a Visitor,
    provider: &str,
    factor: &str,
) -> Option<&'a Handle> {
    let flow = visitor.flow.as_ref()?;
    let of_it = flow.provider == provider && (factor.is_empty() || flow.factor == factor);
    of_it.then_some(&flow.handle)
}

/// What the person can prove it with now.
async fn ways(app: &App, standing: &Standing<'_>) -> Result<Ways, AppError> {
    let subject = &standing.account.subject;
    let offers = app.two_factor.offered(subject).await?;
    let of_recovery = |offer: &Offer| offer.descriptor.id == recovery::ID;
    let (recovery, offers): (Vec<_>, Vec<_>) = offers.into_iter().partition(of_recovery);
    let mut mailboxes = Vec::new();
    for offer in offers.iter().filter(|offer| offer.descriptor.request) {
        for factor in &offer.factors {
            mailboxes.push(Mailbox {
                provider: offer.descriptor.id.to_string(),
                factor: factor.id.to_string(),
                label: factor.label.clone(),
                hint: app
                    .two_factor
                    .goes_to(subject, &factor.id)
                    .await?
                    .as_ref()
                    .and_then(masked),
            });
        }
    }
    Ok(Ways {
        account: standing.account.email.address().into(),
        disabled: offers.is_empty() && has_disabled(app, subject).await?,
        mailboxes,
        offers,
        recovery: !recovery.is_empty() && !standing.recovered,
        trusts: trusted::is_offered(app),
    })
}

async fn has_disabled(app: &App, subject: &Subject) -> Result<bool, AppError> {
    let factors = app.two_factor.factors(subject).await?;
    let disabled = |state| state == FactorState::Disabled;
    Ok(factors.iter().any(|factor| disabled(factor.state)))
}

/// The code that is on its way, if one of these factors gets it.
fn sent<'a>(ways: &Ways, flow: Option<&'a Flow>) -> Option<Sent<'a>> {
    let flow = flow?;
    let mut mailboxes = ways.mailboxes.iter();
    let own = mailboxes.any(|mailbox| flow.is_for(&mailbox.provider, &mailbox.factor));
    own.then_some(Sent {
        provider: &flow.provider,
        factor: &flow.factor,
        hint: &flow.hint,
    })
}

/// How many guesses there are at once: beyond, one waits.
fn at_once() -> u32 {
    Limits::default().pace.burst()
}

async fn show(
    app: &App,
    place: Place,
    standing: Standing<'_>,
    visitor: &Visitor,
    shows: Shows,
) -> Result<Response, AppError> {
    let ways = ways(app, &standing).await?;
    let (csrf, none) = (&visitor.csrf, Before::default());
    if shows == Shows::Recovery {
        return Ok(if ways.recovery {
            recovery_page(place, csrf, &ways, &none).into_response()
        } else {
            Redirect::to(&place.to(Asks::Choice)).into_response()
        });
    }
    if !ways.offers.is_empty() {
        let sent = sent(&ways, visitor.flow.as_ref()).filter(|_| shows == Shows::Newest);
        return Ok(page(place, csrf, &ways, sent, &none, at_once()).into_response());
    }
    if ways.recovery {
        return Ok(recovery_page(place, csrf, &ways, &none).into_response());
    }
    match (ways.disabled, standing.recovered) {
        (true, true) => Err(AppError::BadRequest(
            "A sign-in takes one recovery code. To use another, sign out and sign in again.",
        )),
        (true, false) => Err(AppError::Disabled),
        (false, _) => Ok(Redirect::to("/welcome").into_response()),
    }
}

/// Sends a code, and leads to the page with its field: loaded again, that page sends nothing.
async fn send(
    app: &App,
    place: Place,
    standing: Standing<'_>,
    visitor: &Visitor,
    wanted: &Wanted,
) -> Result<Response, AppError> {
    let Wanted { provider, factor } = wanted;
    let sends = |descriptor: &Descriptor| descriptor.id == *provider && descriptor.request;
    if !app.two_factor.providers().any(sends) {
        return Err(NO_SUCH_WAY);
    }
    let handle = handle_for(visitor, provider, factor);
    let attempt = attempt(&standing, provider, factor, handle, visitor)?;
    match app
        .two_factor
        .request(&attempt)
        .await
        .map_err(AppError::from)
    {
        Ok(asked) => {
            let cookie = flow::remember(app, provider, factor, &asked)?;
            let to = Redirect::to(&place.to(Asks::Choice));
            let to = session::with_cookies(to, [cookie]);
            if provider == prompts::ID {
                return Ok(to);
            }
            let hint = asked.hint.as_deref().unwrap_or("your address");
            Ok(say(to, Said::done(format!("We sent a code to {hint}."))))
        }
        Err(error @ AppError::Throttled(_)) => {
            let ways = ways(app, &standing).await?;
            let flow = visitor.flow.as_ref();
            let stands =
                provider != prompts::ID || prompts::is_waiting(app, standing.account, flow).await?;
            let sent = sent(&ways, flow).filter(|_| stands);
            let before = Before {
                wrong: Some(Wrong::whole(too_many(
                    provider,
                    &error,
                    sent.is_some(),
                    &ways,
                ))),
                tried: 0,
            };
            let page = page(place, &visitor.csrf, &ways, sent, &before, at_once());
            Ok(with_status(&error, page))
        }
        Err(error) => Err(error),
    }
}

/// No more codes are sent for a while: which are good meanwhile.
fn too_many(provider: &str, error: &AppError, sent: bool, ways: &Ways) -> String {
    if provider == prompts::ID {
        return prompts::too_many(error);
    }
    let when = match error {
        AppError::Throttled(Some(wait)) => format!(" Ask for another {wait}."),
        _ => String::new(),
    };
    let mut good = Vec::new();
    if sent {
        good.push("the last one that we sent");
    }
    if ways.offers.iter().any(|offer| !offer.descriptor.request) {
        good.push("your authenticator app");
    }
    if ways.recovery {
        good.push("a recovery code");
    }
    let meanwhile = match good.as_slice() {
        [] => String::new(),
        good => format!(" What still works: {}.", good.join(", ")),
    };
    format!("Too many codes were sent.{when}{meanwhile}")
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
    let prompt = typed.provider == prompts::ID;
    let wrong = match &error {
        AppError::Pending | AppError::Refused if prompt => Wrong::whole(prompts::wrong(&error)),
        AppError::Refused if by_recovery && standing.recovered => Wrong::at(
            "code",
            "A sign-in takes one recovery code. To use another, sign out and sign in again.",
        ),
        AppError::Refused if by_recovery => Wrong::at(
            "code",
            "This recovery code is not right, or not any more. Every code works once, and a newer sheet voids the older one.",
        ),
        AppError::Refused => Wrong::at(
            "code",
            "This code is not right, or not any more. Every code works once.",
        ),
        AppError::Ahead => Wrong::at("code", CLOCK_AHEAD),
        AppError::Malformed if by_recovery => Wrong::at(
            "code",
            "A recovery code has 24 letters and digits, in six groups of four.",
        ),
        AppError::Malformed => Wrong::at("code", "A code has six digits."),
        AppError::Throttled(Some(wait)) => Wrong::whole(format!(
            "Too many wrong codes. Try again {wait}, in any way; until then only a device that you had remembered gets in."
        )),
        AppError::Throttled(None) => Wrong::whole(error.words().1),
        _ => return Err(error),
    };
    let compared = u32::from(!prompt && matches!(error, AppError::Ahead | AppError::Refused));
    let before = Before {
        wrong: Some(wrong),
        tried: typed.tried.saturating_add(compared),
    };
    let ways = ways(app, &standing).await?;
    let csrf = &visitor.csrf;
    if by_recovery && !standing.recovered {
        return Ok(with_status(
            &error,
            recovery_page(place, csrf, &ways, &before),
        ));
    }
    let of_sent = ways
        .mailboxes
        .iter()
        .any(|mailbox| mailbox.provider == typed.provider);
    // What was typed in the field for a code that was sent, also where this browser asked for none.
    let unknown = Sent {
        provider: &typed.provider,
        factor: &typed.factor,
        hint: "your address",
    };
    // A number that was refused is worth nothing any more.
    let over = prompt && matches!(error, AppError::Refused);
    let sent = (of_sent && !over).then(|| sent(&ways, visitor.flow.as_ref()).unwrap_or(unknown));
    let page = page(place, csrf, &ways, sent, &before, at_once());
    Ok(with_status(&error, page))
}
