//! Adding a way to prove that it is you: choose, scan or receive, confirm.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, PreEscaped, html};
use qrcode::{EcLevel, QrCode, render::svg};
use serde::Deserialize;
use twofa_providers::{EnrolDetails, Enrolled, Fresh, Provisioning, Response as Answer};

use crate::{
    account::LABEL_HINT,
    accounts::Account,
    app::{App, Shared},
    error::{AppError, with_status},
    forms::{FormToken, Posted},
    layout::{self, Who},
    proofs,
    second_factor::{NO_SUCH_WAY, Next, attempt, has_second_step},
    session::{self, HalfSignedIn, SignedIn, Standing},
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
    fn check(&self) -> Result<(), AppError> {
        if self.factor.is_empty() {
            return Err(NO_SUCH_WAY);
        }
        Ok(())
    }
}

/// Where it happens: on the first sign-in, or later from the account's page.
#[derive(Clone, Copy)]
struct Place {
    who: Who,
    path: &'static str,
    confirm_path: &'static str,
}

const FIRST: Place = Place {
    who: Who::Nobody,
    path: "/welcome",
    confirm_path: "/welcome/confirm",
};
const ANOTHER: Place = Place {
    who: Who::SignedIn,
    path: "/account/add",
    confirm_path: "/account/add/confirm",
};

pub(crate) async fn first(
    State(app): Shared,
    half: HalfSignedIn,
    FormToken(csrf): FormToken,
) -> Result<Response, AppError> {
    if has_second_step(&app, &half.account).await? {
        return Ok(Redirect::to("/second-factor").into_response());
    }
    Ok(choose_page(&app, FIRST, &csrf, &half.account, None).into_response())
}

pub(crate) async fn another(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Add).await?;
    let fresh = proofs::fresh(&app, &signed_in, &proof, Next::Add).await;
    let page = fresh.map(|_| {
        let (csrf, account) = (&visitor.csrf, &signed_in.account);
        choose_page(&app, ANOTHER, csrf, account, None).into_response()
    });
    proofs::keep(&app, &signed_in, proof, page).await
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

pub(crate) async fn confirm_first(
    State(app): Shared,
    half: HalfSignedIn,
    visitor: Visitor,
    Posted(typed): Posted<Confirmation>,
) -> Result<Response, AppError> {
    typed.check()?;
    if has_second_step(&app, &half.account).await? {
        return Err(HAS_ONE);
    }
    let standing = Standing::from(&half);
    let attempt = attempt(
        &standing,
        &typed.provider,
        &typed.factor,
        visitor.flow.as_ref(),
        &visitor,
    )?;
    match app
        .two_factor
        .confirm(&attempt, &Answer::typed(&typed.code))
        .await
    {
        // The day on which the phone is gone is prepared for on the day on which it is enrolled.
        Ok(proof) => {
            let to = Next::Recovery.path();
            session::whole(&app, &half, proof, &visitor.browser, to).await
        }
        Err(error) => again(&app, FIRST, &visitor.csrf, &typed, error.into()),
    }
}

pub(crate) async fn confirm_another(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(typed): Posted<Confirmation>,
) -> Result<Response, AppError> {
    typed.check()?;
    let standing = Standing::from(&signed_in);
    let attempt = attempt(
        &standing,
        &typed.provider,
        &typed.factor,
        visitor.flow.as_ref(),
        &visitor,
    )?;
    match app
        .two_factor
        .confirm(&attempt, &Answer::typed(&typed.code))
        .await
    {
        Ok(proof) => session::whole(&app, &signed_in, proof, &visitor.browser, "/account").await,
        Err(error) => again(&app, ANOTHER, &visitor.csrf, &typed, error.into()),
    }
}

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
    let enrolled = match enrolled.map_err(AppError::from) {
        Ok(enrolled) => enrolled,
        // Nothing was compared yet: only the name can be refused.
        Err(AppError::Refused) => {
            return Ok(with_status(
                &AppError::BadRequest(LABEL_HINT),
                choose_page(app, place, csrf, account, Some(LABEL_HINT)),
            ));
        }
        Err(error) => return Err(error),
    };
    let Enrolled {
        factor,
        provisioning,
        ..
    } = enrolled;
    let factor = factor.to_string();
    if let Some(provisioning) = &provisioning {
        let top = shown_part(provisioning)?;
        return Ok(
            confirm_page(place, csrf, &choice.provider, &factor, &top, None).into_response(),
        );
    }
    let attempt = attempt(&standing, &choice.provider, &factor, None, visitor)?;
    let asked = app.two_factor.request(&attempt).await?;
    let hint = asked.hint.as_deref().unwrap_or("your address");
    let top = html! { p.done role="status" { "We sent a code to " (hint) "." } };
    let cookie = session::flow_cookie(app, asked.handle.as_ref());
    Ok(session::with_cookies(
        confirm_page(place, csrf, &choice.provider, &factor, &top, None),
        [cookie],
    ))
}

fn again(
    app: &App,
    place: Place,
    csrf: &str,
    typed: &Confirmation,
    error: AppError,
) -> Result<Response, AppError> {
    let words = match &error {
        AppError::Refused => {
            "This code is not right, or not any more. Wait for the next one and enter it."
                .to_owned()
        }
        AppError::Throttled(_) => error.words().1,
        _ => return Err(error),
    };
    let known = app
        .two_factor
        .providers()
        .any(|descriptor| descriptor.id == typed.provider);
    if !known {
        return Err(AppError::Refused);
    }
    // What was shown is shown once; whoever did not scan it starts again.
    let top = html! {};
    Ok(with_status(
        &error,
        confirm_page(
            place,
            csrf,
            &typed.provider,
            &typed.factor,
            &top,
            Some(&words),
        ),
    ))
}

fn choose_page(
    app: &App,
    place: Place,
    csrf: &str,
    account: &Account,
    wrong: Option<&str>,
) -> Markup {
    let title = if place.who == Who::SignedIn {
        "Add another way"
    } else {
        "Set up your second step"
    };
    layout::card(
        place.who,
        title,
        html! {
            p { "Your password is the first step. The second one proves that it is you even if somebody else learns the password." }
            (layout::alert(wrong))
            form method="post" action=(place.path) {
                (layout::csrf(csrf))
                fieldset {
                    legend { "How do you want to prove it?" }
                    @for (at, descriptor) in app.two_factor.providers().enumerate() {
                        label.choice {
                            input type="radio" name="provider" value=(descriptor.id) checked[at == 0] required;
                            span {
                                strong { (descriptor.label) } br;
                                span.soft.small {
                                    (descriptor.description)
                                    @if descriptor.request { ": " (account.email.address()) }
                                }
                            }
                        }
                    }
                }
                label for="label" { "A name for it " span.soft.small { "(optional)" } }
                input #label name="label" maxlength="64" autocomplete="off" placeholder="My phone";
                button { "Continue" }
            }
        },
    )
}

fn confirm_page(
    place: Place,
    csrf: &str,
    provider: &str,
    factor: &str,
    top: &Markup,
    wrong: Option<&str>,
) -> Markup {
    layout::card(
        place.who,
        "Confirm it with a code",
        html! {
            (top)
            (layout::alert(wrong))
            form method="post" action=(place.confirm_path) {
                (layout::csrf(csrf))
                input type="hidden" name="provider" value=(provider);
                input type="hidden" name="factor" value=(factor);
                (layout::code_field())
                button { "Confirm" }
            }
            p.or { "or" }
            p { a.button.quiet href=(place.path) { "Start again" } }
        },
    )
}

/// The QR code and its text. This is the secret: it is on this page, once, and nowhere else.
fn shown_part(shown: &Provisioning) -> Result<Markup, AppError> {
    let code = QrCode::with_error_correction_level(shown.uri.expose_secret(), EcLevel::M);
    let code = code.map_err(AppError::unavailable)?;
    let svg = code
        .render::<svg::Color<'_>>()
        .min_dimensions(240, 240)
        .quiet_zone(false)
        .build();
    let svg = svg.split_once("?>").map_or(svg.as_str(), |(_, svg)| svg);
    let groups: Vec<String> = grouped(shown.base32.expose_secret());
    Ok(html! {
        ol.steps {
            li { "Open your authenticator app and choose to add an account." }
            li { "Scan this code with it." }
            li { "Enter the six digits that the app shows." }
        }
        div.qr role="img" aria-label="QR code for your authenticator app" { (PreEscaped(svg)) }
        details {
            summary { "Cannot scan? Type it instead" }
            p.soft.small { "Time-based, six digits, every 30 seconds." }
            p #secret .secret { (groups.join(" ")) }
        }
        br;
    })
}

fn grouped(text: &str) -> Vec<String> {
    let symbols: Vec<char> = text.chars().collect();
    symbols
        .chunks(4)
        .map(|group| group.iter().collect())
        .collect()
}
