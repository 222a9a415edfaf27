//! Adding a way to prove that it is you: choose, scan or receive, confirm.

mod page;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use twofa_providers::{
    EnrolDetails, Enrolled, Fresh, Proof, Response as Answer, TwoFactorError, token_store::FactorId,
};

use self::page::{choose_page, confirm_page};
use crate::{
    accounts::Account,
    app::{App, Shared},
    error::{AppError, CLOCK_AHEAD, label_hint, with_status},
    flow,
    forms::{Empty, Posted},
    layout::{Who, Wrong},
    next::Next,
    pairing, prompts, proofs,
    said::{Said, say},
    second_factor::{NO_SUCH_WAY, attempt, handle_for, has_second_step},
    session::{self, HalfSignedIn, SignedIn, Standing},
    setup::{self, Setup},
    visitor::Visitor,
};

const HAS_ONE: AppError = AppError::BadRequest(
    "This account has a second step already, so a password alone cannot add one.",
);

#[derive(Deserialize)]
pub(crate) struct Choice {
    provider: String,
    label: String,
}

#[derive(Deserialize)]
pub(crate) struct Confirmation {
    provider: String,
    factor: String,
    code: String,
}

impl Confirmation {
    /// A confirmation names its factor.
    fn factor(&self) -> Result<FactorId, AppError> {
        FactorId::parse(&self.factor).ok_or(NO_SUCH_WAY)
    }
}

/// Where it happens: on the first sign-in, or later from the account's page.
#[derive(Clone, Copy)]
struct Place {
    who: Who,
    path: &'static str,
    confirm: &'static str,
    again: &'static str,
    drop: &'static str,
}

const FIRST: Place = Place {
    who: Who::Nobody,
    path: "/welcome",
    confirm: "/welcome/confirm",
    again: "/welcome/again",
    drop: "/welcome/drop",
};
const ANOTHER: Place = Place {
    who: Who::SignedIn,
    path: "/account/add",
    confirm: "/account/add/confirm",
    again: "/account/add/again",
    drop: "/account/add/drop",
};

pub(crate) async fn first(
    State(app): Shared,
    half: HalfSignedIn,
    visitor: Visitor,
) -> Result<Response, AppError> {
    if has_second_step(&app, &half.account).await? {
        return Ok(Redirect::to("/second-factor").into_response());
    }
    choose(&app, FIRST, &half.account, &visitor).await
}

pub(crate) async fn another(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Add).await?;
    let page = match proofs::fresh(&app, &signed_in, &proof, Next::Add).await {
        Ok(_) => choose(&app, ANOTHER, &signed_in.account, &visitor).await,
        Err(error) => Err(error),
    };
    proofs::keep(&app, &signed_in, proof, page).await
}

/// The ways there are, unless one of them is being set up.
async fn choose(
    app: &App,
    place: Place,
    account: &Account,
    visitor: &Visitor,
) -> Result<Response, AppError> {
    if Setup::of(app, &visitor.jar, &account.subject)
        .await?
        .is_some()
    {
        return Ok(Redirect::to(place.confirm).into_response());
    }
    Ok(choose_page(app, place, &visitor.csrf, account, None).into_response())
}

pub(crate) async fn enrol_first(
    State(app): Shared,
    half: HalfSignedIn,
    visitor: Visitor,
    Posted(choice): Posted<Choice>,
) -> Result<Response, AppError> {
    match enrol(&app, FIRST, (&half).into(), None, &visitor, &choice).await {
        Err(AppError::ProofNeeded(_)) => Err(HAS_ONE),
        answer => answer,
    }
}

pub(crate) async fn enrol_another(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(choice): Posted<Choice>,
) -> Result<Response, AppError> {
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Add).await?;
    let page = match proofs::fresh(&app, &signed_in, &proof, Next::Add).await {
        Ok(fresh) => {
            let standing = Standing::from(&signed_in);
            enrol(&app, ANOTHER, standing, Some(&fresh), &visitor, &choice).await
        }
        Err(error) => Err(error),
    };
    proofs::keep(&app, &signed_in, proof, page).await
}

/// Starts it, and leads to the page that shows what to scan, or says where a code went.
async fn enrol(
    app: &App,
    place: Place,
    standing: Standing<'_>,
    fresh: Option<&Fresh<'_>>,
    visitor: &Visitor,
    choice: &Choice,
) -> Result<Response, AppError> {
    let (account, csrf) = (standing.account, visitor.csrf.as_str());
    // Ids come from the form: one that no provider has is the form's fault, not ours.
    let descriptor = app
        .two_factor
        .providers()
        .find(|descriptor| descriptor.id == choice.provider)
        .ok_or(NO_SUCH_WAY)?;
    let label = match choice.label.trim() {
        "" => &descriptor.label,
        label => label,
    };
    if descriptor.id == prompts::ID {
        // The other device comes with a key. A password alone pairs none.
        return match fresh {
            Some(_) => pairing::start(app, account, label).await,
            None => Err(NO_SUCH_WAY),
        };
    }
    let mut details = EnrolDetails::new(&account.subject, account.email.address())
        .destination(&account.email)
        .epoch(account.epoch);
    if let Some(sign_in) = &standing.flow {
        details = details.sign_in(sign_in);
    }
    let enrolled = app
        .two_factor
        .enrol(&descriptor.id, &details, label, fresh)
        .await;
    let enrolled = match enrolled {
        Ok(enrolled) => enrolled,
        Err(TwoFactorError::Label(why)) => {
            let hint = label_hint(why);
            let wrong = Wrong::at("label", hint);
            let page = choose_page(app, place, csrf, account, Some(&wrong));
            return Ok(with_status(&AppError::BadRequest(hint), page));
        }
        Err(error) => {
            let error = AppError::from(error);
            let AppError::Throttled(Some(wait)) = &error else {
                return Err(error);
            };
            let words = format!("Too many second steps were begun. Begin the next one {wait}.");
            let page = choose_page(app, place, csrf, account, Some(&Wrong::whole(words)));
            return Ok(with_status(&error, page));
        }
    };
    let Enrolled {
        factor,
        provisioning,
        ..
    } = enrolled;
    let uri = provisioning.as_ref().map(|shown| shown.uri.expose_secret());
    let setup = Setup {
        provider: choice.provider.clone(),
        factor,
        uri: uri.unwrap_or_default().into(),
    };
    let mut cookies = vec![setup.cookie(app, &account.subject)?];
    let to = Redirect::to(place.confirm);
    if provisioning.is_some() {
        return Ok(session::with_cookies(to, cookies));
    }
    let factor = factor.to_string();
    let attempt = attempt(&standing, &choice.provider, &factor, None, visitor)?;
    let asked = app.two_factor.request(&attempt).await?;
    cookies.push(flow::remember(app, &choice.provider, &factor, &asked)?);
    Ok(session::with_cookies(to, cookies))
}

pub(crate) async fn confirm_first_form(
    State(app): Shared,
    half: HalfSignedIn,
    visitor: Visitor,
) -> Result<Response, AppError> {
    confirm_form(&app, FIRST, &half.account, &visitor).await
}

pub(crate) async fn confirm_another_form(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
) -> Result<Response, AppError> {
    confirm_form(&app, ANOTHER, &signed_in.account, &visitor).await
}

async fn confirm_form(
    app: &App,
    place: Place,
    account: &Account,
    visitor: &Visitor,
) -> Result<Response, AppError> {
    match Setup::of(app, &visitor.jar, &account.subject).await? {
        Some(setup) => Ok(confirm_page(place, visitor, &setup, None)?.into_response()),
        None => Ok(Redirect::to(place.path).into_response()),
    }
}

pub(crate) async fn confirm_first(
    State(app): Shared,
    half: HalfSignedIn,
    visitor: Visitor,
    Posted(typed): Posted<Confirmation>,
) -> Result<Response, AppError> {
    typed.factor()?;
    if has_second_step(&app, &half.account).await? {
        return Err(HAS_ONE);
    }
    match confirm(&app, &Standing::from(&half), &visitor, &typed).await {
        // The day on which the phone is gone is prepared for on the day on which it is enrolled.
        Ok(proof) => {
            let next = Next::Recovery;
            let page = session::whole(&app, &half, proof, &visitor.browser, next).await?;
            Ok(added(&app, page, "Your second step is set up."))
        }
        Err(error) => again(&app, FIRST, &half.account, &visitor, &typed, error).await,
    }
}

pub(crate) async fn confirm_another(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(typed): Posted<Confirmation>,
) -> Result<Response, AppError> {
    typed.factor()?;
    match confirm(&app, &Standing::from(&signed_in), &visitor, &typed).await {
        Ok(proof) => {
            let next = Next::Account;
            let page = session::whole(&app, &signed_in, proof, &visitor.browser, next).await?;
            Ok(added(&app, page, "Another second step is added."))
        }
        Err(error) => again(&app, ANOTHER, &signed_in.account, &visitor, &typed, error).await,
    }
}

async fn confirm(
    app: &App,
    standing: &Standing<'_>,
    visitor: &Visitor,
    typed: &Confirmation,
) -> Result<Proof, AppError> {
    let (provider, factor) = (&typed.provider, &typed.factor);
    let handle = handle_for(visitor, provider, factor);
    let attempt = attempt(standing, provider, factor, handle, visitor)?;
    let response = Answer::typed(&typed.code);
    Ok(app.two_factor.confirm(&attempt, &response).await?)
}

fn added(app: &App, page: Response, words: &str) -> Response {
    say(
        session::with_cookies(page, [setup::forget(app)]),
        Said::done(words),
    )
}

/// The same page once more, with what to scan still on it.
async fn again(
    app: &App,
    place: Place,
    account: &Account,
    visitor: &Visitor,
    typed: &Confirmation,
    error: AppError,
) -> Result<Response, AppError> {
    let prompt = typed.provider == prompts::ID;
    let wrong = match &error {
        AppError::Pending | AppError::Refused if prompt => Wrong::whole(prompts::wrong(&error)),
        AppError::Refused => Wrong::at(
            "code",
            "This code is not right, or not any more. Wait for the next one and enter it.",
        ),
        AppError::Ahead => Wrong::at("code", CLOCK_AHEAD),
        AppError::Malformed => Wrong::at("code", "A code has six digits."),
        AppError::Throttled(Some(wait)) => {
            Wrong::whole(format!("Too many wrong codes. Try again {wait}."))
        }
        AppError::Throttled(None) => Wrong::whole(error.words().1),
        _ => return Err(error),
    };
    let known = app
        .two_factor
        .providers()
        .any(|descriptor| descriptor.id == typed.provider);
    if !known {
        return Err(AppError::Refused);
    }
    let factor = typed.factor()?;
    let kept = Setup::of(app, &visitor.jar, &account.subject).await?;
    // Another browser, or another enrolment: there is nothing to show, and the code may be right yet.
    let setup = kept
        .filter(|setup| setup.factor == factor)
        .unwrap_or(Setup {
            provider: typed.provider.clone(),
            factor,
            uri: String::new(),
        });
    Ok(with_status(
        &error,
        confirm_page(place, visitor, &setup, Some(&wrong))?,
    ))
}

pub(crate) async fn again_first(
    State(app): Shared,
    half: HalfSignedIn,
    visitor: Visitor,
    Posted(Empty {}): Posted<Empty>,
) -> Result<Response, AppError> {
    send_again(&app, FIRST, (&half).into(), &visitor).await
}

pub(crate) async fn again_another(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(Empty {}): Posted<Empty>,
) -> Result<Response, AppError> {
    send_again(&app, ANOTHER, (&signed_in).into(), &visitor).await
}

/// A new code for the step that is being set up.
async fn send_again(
    app: &App,
    place: Place,
    standing: Standing<'_>,
    visitor: &Visitor,
) -> Result<Response, AppError> {
    let to = Redirect::to(place.confirm);
    let Some(setup) = Setup::of(app, &visitor.jar, &standing.account.subject).await? else {
        return Ok(to.into_response());
    };
    if !setup.uri.is_empty() {
        return Err(NO_SUCH_WAY);
    }
    let factor = setup.factor.to_string();
    let handle = handle_for(visitor, &setup.provider, &factor);
    let attempt = attempt(&standing, &setup.provider, &factor, handle, visitor)?;
    match app
        .two_factor
        .request(&attempt)
        .await
        .map_err(AppError::from)
    {
        Ok(asked) => {
            let cookie = flow::remember(app, &setup.provider, &factor, &asked)?;
            let said = Said::done(if setup.provider == prompts::ID {
                "We asked again, with a new number."
            } else {
                "We sent a new code. The one before is void."
            });
            Ok(say(session::with_cookies(to, [cookie]), said))
        }
        Err(error @ AppError::Throttled(Some(wait))) => {
            let wrong = Wrong::whole(format!(
                "Too many codes were sent. Ask for another {wait}. The last one that we sent still works."
            ));
            let page = confirm_page(place, visitor, &setup, Some(&wrong))?;
            Ok(with_status(&error, page))
        }
        Err(error) => Err(error),
    }
}

pub(crate) async fn drop_first(
    State(app): Shared,
    _: HalfSignedIn,
    Posted(Empty {}): Posted<Empty>,
) -> Response {
    dropped(&app, FIRST)
}

pub(crate) async fn drop_another(
    State(app): Shared,
    _: SignedIn,
    Posted(Empty {}): Posted<Empty>,
) -> Response {
    dropped(&app, ANOTHER)
}

/// The browser forgets what it showed. The factor itself was never confirmed, and goes within the hour.
fn dropped(app: &App, place: Place) -> Response {
    let cookies = [setup::forget(app), flow::forget(app)];
    session::with_cookies(Redirect::to(place.path), cookies)
}
