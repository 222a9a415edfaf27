//! The first step: an account and its password.

mod tries;

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use maud::html;
use serde::Deserialize;
use twofa_providers::token_store::{Revoke, ott_core::Destination};

pub(crate) use self::tries::{of_network, spend};
use crate::{
    app::{App, Shared},
    error::{AppError, with_status},
    forms::{Empty, FormToken, Posted},
    layout::{self, Focus, Page, Who, Wrong},
    next::Next,
    said::{Said, say},
    second_factor::has_second_step,
    session::{self, HalfSignedIn, SignedIn, last},
    trusted::recognised,
    visitor::Visitor,
};

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

fn welcome() -> Page {
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
                li { "Ask for a code by e-mail instead" @if layout::OUTBOX { ", and find it in the " a href="/outbox" { "outbox" } } "." }
                li { "Look at what happened on the activity page." }
            }
        }
    };
    layout::page(Who::Nobody, "Welcome", false, body)
}

pub(crate) async fn form(
    State(app): Shared,
    next: Next,
    jar: CookieJar,
    FormToken(csrf): FormToken,
) -> Page {
    let last = last::address(&app, &jar);
    sign_in_page(&app, &csrf, next, &last, None)
}

fn sign_in_page(app: &App, csrf: &str, next: Next, email: &str, wrong: Option<&Wrong>) -> Page {
    let focus = if email.is_empty() {
        Focus::Here
    } else {
        Focus::Elsewhere
    };
    let body = html! {
        p.soft { "Step 1 of 2" }
        (layout::alert(wrong))
        form method="post" action=(next.sign_in_path()) {
            (layout::csrf(csrf))
            (layout::email_field(email, "username", focus, wrong))
            label for="password" { "Password" }
            input #password type="password" name="password" autocomplete="current-password" maxlength="256" required autofocus[!email.is_empty()]
                aria-invalid=[layout::invalid(wrong, "password")] aria-describedby=[layout::described(wrong, "password", None)];
            button { "Continue" }
        }
        @if app.links { p.leave { a href="/forgot" { "Forgot your password?" } } }
        p.or { "or" }
        p { a href="/register" { "Create an account" } }
    };
    layout::card(Who::Nobody, "Sign in", body).wrong(wrong.is_some())
}

pub(crate) async fn sign_in(
    State(app): Shared,
    next: Next,
    visitor: Visitor,
    Posted(form): Posted<Credentials>,
) -> Result<Response, AppError> {
    let again = |error: &AppError, wrong: Wrong| {
        Ok(with_status(
            error,
            sign_in_page(&app, &visitor.csrf, next, &form.email, Some(&wrong)),
        ))
    };
    let Ok(email) = Destination::email(form.email.as_str()) else {
        let wrong = Wrong::at("email", "That is not an e-mail address.");
        return again(&AppError::BadRequest(""), wrong);
    };
    match tries::authenticate(&app, &email, &form.password, &visitor).await {
        Ok(Some(account)) => {
            let token = visitor.trusted.as_deref();
            let trusted = recognised(&app, &account, token).await?;
            if let (Some(trusted), Some(token)) = (&trusted, token) {
                let browser = &visitor.browser;
                let page = session::trusted(&app, &account, token, trusted, browser, next).await?;
                let said = Said::done("You trust this device, so that no code was asked for.");
                return Ok(say(page, said));
            }
            let enrolled = has_second_step(&app, &account).await?;
            let to = if enrolled {
                format!("/second-factor{}", next.query())
            } else {
                "/welcome".into()
            };
            session::half(&app, &account, &to).await
        }
        Ok(None) => {
            let wrong = Wrong::at("password", "Address or password is not right.");
            again(&AppError::Refused, wrong)
        }
        Err(error @ AppError::Throttled(Some(wait))) => {
            let words = format!(
                "Too many tries from here. Try again {wait}. Where you are signed in already, you stay."
            );
            again(&error, Wrong::whole(words))
        }
        Err(error @ AppError::Busy) => again(&error, Wrong::whole(error.words().1)),
        Err(error) => Err(error),
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
    let said = Said::done("You are signed out.");
    Ok(say(session::ended(&app, "/"), said))
}
