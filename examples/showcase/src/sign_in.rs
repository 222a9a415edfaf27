//! The first step: an account and its password.

use core::net::IpAddr;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    counted_network,
    oath_otp::Label,
    token_store::{
        Charge, Revoke, Spent,
        ott_core::{Binding, Destination, Limit, LimitKey, LimitScope, chrono::TimeDelta},
    },
};

use crate::{
    app::{App, NAME, Shared},
    error::{AHEAD, AppError, with_status},
    forms::{Empty, FormToken, Posted},
    layout::{self, Who},
    second_factor::has_second_step,
    session::{self, HalfSignedIn, Network, SignedIn},
};

/// Passwords tried from one network address.
const PER_ADDRESS: Limit = Limit::pace(30, TimeDelta::seconds(20));
/// Passwords tried at one account from one network address: a stranger elsewhere cannot make the
/// owner wait, and whoever guesses from many networks still lacks the second step.
const PER_ACCOUNT: Limit = Limit::pace(20, TimeDelta::seconds(30));

#[derive(Deserialize)]
pub(crate) struct Credentials {
    email: String,
    password: String,
}

pub(crate) async fn start(signed_in: Result<SignedIn, AppError>) -> Response {
    match signed_in {
        Ok(_) => Redirect::to("/account").into_response(),
        Err(error @ AppError::Unavailable(_)) => error.into_response(),
        Err(_) => welcome().into_response(),
    }
}

fn welcome() -> Markup {
    let body = html! {
        section.card.hero {
            (layout::shield())
            h1 { "Two steps, nothing works twice" }
            p.soft { "Create an account, scan a QR code with your authenticator app, and sign in with password and code. Then try to use a code again." }
            p { a.button href="/register" { "Create account" } }
            p { a.button.quiet href="/sign-in" { "Sign in" } }
        }
        section.card {
            h2 { "What to try" }
            ol.steps {
                li { "Enrol an authenticator app by its QR code." }
                li { "Sign out, and sign in again with password and code." }
                li { "Use the same code a second time: it is refused." }
                li { "Ask for a code by e-mail instead, and find it in the " a href="/outbox" { "outbox" } "." }
                li { "Look at what happened on the activity page." }
            }
        }
    };
    layout::page(Who::Nobody, "Welcome", false, body)
}

pub(crate) async fn register_form(FormToken(csrf): FormToken) -> Markup {
    register_page(&csrf, "", None)
}

fn register_page(csrf: &str, email: &str, wrong: Option<&str>) -> Markup {
    layout::card(
        Who::Nobody,
        "Create account",
        html! {
            (layout::alert(wrong))
            form method="post" action="/register" {
                (layout::csrf(csrf))
                label for="email" { "E-mail address" }
                input #email type="email" name="email" value=(email) autocomplete="username" maxlength="254" required autofocus;
                label for="password" { "Password" }
                input #password type="password" name="password" autocomplete="new-password" minlength="8" maxlength="256" required aria-describedby="password-hint";
                p #password-hint .soft.small { "At least eight characters. A sentence that only you would think of is best." }
                button { "Create account" }
            }
            p.or { "or" }
            p { a href="/sign-in" { "Sign in to an account that you have" } }
        },
    )
}

/// Creates the account.
///
/// It tells a stranger that an address is registered, which signing in never does: a sign-up without
/// a mail to confirm has no other way to say why it did not work.
pub(crate) async fn register(
    State(app): Shared,
    FormToken(csrf): FormToken,
    Network(network): Network,
    Posted(form): Posted<Credentials>,
) -> Result<Response, AppError> {
    let charges: Vec<_> = address_charge(network).into_iter().collect();
    spend(&app, &charges).await?;
    let again = |wrong: &str| {
        let error = AppError::BadRequest("");
        Ok(with_status(
            &error,
            register_page(&csrf, &form.email, Some(wrong)),
        ))
    };
    // An authenticator app has to be able to show it too.
    let email = Destination::email(form.email.as_str())
        .ok()
        .filter(|email| Label::new(NAME, email.address()).is_ok());
    let Some(email) = email else {
        return again("That is not an e-mail address.");
    };
    if !(8..=256).contains(&form.password.chars().count()) {
        return again("The password needs 8 to 256 characters.");
    }
    let now = app.tokens.now();
    let created = app.accounts.create(&email, form.password.clone(), now);
    match created.await? {
        Some(account) => session::half(&app, &account, "/welcome").await,
        None => again("This address cannot be registered. If it is yours, sign in instead."),
    }
}

pub(crate) async fn form(FormToken(csrf): FormToken) -> Markup {
    sign_in_page(&csrf, "", None)
}

fn sign_in_page(csrf: &str, email: &str, wrong: Option<&str>) -> Markup {
    layout::card(
        Who::Nobody,
        "Sign in",
        html! {
            p.soft { "Step 1 of 2" }
            (layout::alert(wrong))
            form method="post" action="/sign-in" {
                (layout::csrf(csrf))
                label for="email" { "E-mail address" }
                input #email type="email" name="email" value=(email) autocomplete="username" maxlength="254" required autofocus[email.is_empty()];
                label for="password" { "Password" }
                input #password type="password" name="password" autocomplete="current-password" maxlength="256" required autofocus[!email.is_empty()];
                button { "Continue" }
            }
            p.or { "or" }
            p { a href="/register" { "Create an account" } }
        },
    )
}

pub(crate) async fn sign_in(
    State(app): Shared,
    FormToken(csrf): FormToken,
    Network(network): Network,
    Posted(form): Posted<Credentials>,
) -> Result<Response, AppError> {
    let again = |error: &AppError, wrong: &str| {
        Ok(with_status(
            error,
            sign_in_page(&csrf, &form.email, Some(wrong)),
        ))
    };
    let Ok(email) = Destination::email(form.email.as_str()) else {
        return again(&AppError::BadRequest(""), "That is not an e-mail address.");
    };
    let from = network.map(counted_network).unwrap_or_default();
    let operation = [("network", from.as_str())];
    let account = Binding::tenant("").destination(&email);
    let account_key = LimitKey::new(
        LimitScope::Application,
        "password account",
        &account.operation(&operation),
    );
    let mut charges: Vec<_> = address_charge(network).into_iter().collect();
    charges.push(Charge {
        key: account_key,
        limit: PER_ACCOUNT,
    });
    if let Err(error) = spend(&app, &charges).await {
        let (_, sentence) = error.words();
        return if matches!(error, AppError::Throttled(_)) {
            again(&error, &sentence)
        } else {
            Err(error)
        };
    }
    match app
        .accounts
        .authenticate(email.address(), form.password.clone())
        .await?
    {
        Some(account) => {
            app.tokens
                .limit_store()
                .refund(&charges, 1)
                .await
                .map_err(AppError::unavailable)?;
            let enrolled = has_second_step(&app, &account).await?;
            session::half(
                &app,
                &account,
                if enrolled {
                    "/second-factor"
                } else {
                    "/welcome"
                },
            )
            .await
        }
        None => again(&AppError::Refused, "Address or password is not right."),
    }
}

pub(crate) async fn sign_out(
    State(app): Shared,
    signed_in: Result<SignedIn, AppError>,
    half: Result<HalfSignedIn, AppError>,
    Posted(Empty {}): Posted<Empty>,
) -> Result<Response, AppError> {
    let records = [
        signed_in.map(|it| Revoke::own(&it.account.subject, it.record)),
        half.map(|it| Revoke::own(&it.account.subject, it.record)),
    ];
    for record in records {
        match record {
            Ok(own) => {
                app.tokens.revoke(&own).await?;
            }
            // Nobody is told to be signed out whose session lives on.
            Err(outage @ AppError::Unavailable(_)) => return Err(outage),
            Err(_) => {}
        }
    }
    Ok(session::ended(&app))
}

fn address_charge(network: Option<IpAddr>) -> Option<Charge> {
    let network = counted_network(network?);
    let operation = [("network", network.as_str())];
    let binding = Binding::tenant("").operation(&operation);
    Some(Charge {
        key: LimitKey::new(LimitScope::Application, "password address", &binding),
        limit: PER_ADDRESS,
    })
}

async fn spend(app: &App, charges: &[Charge]) -> Result<(), AppError> {
    match app
        .tokens
        .limit_store()
        .spend(charges, app.tokens.now())
        .await
        .map_err(AppError::unavailable)?
    {
        Spent::Allowed => Ok(()),
        Spent::Ahead(_) => Err(AppError::unavailable(AHEAD)),
        Spent::RetryAt(_, at) => Err(AppError::Throttled(Some(at))),
        Spent::Locked(_) => Err(AppError::Throttled(None)),
    }
}
