//! The account's password, changed by who knows it and proves a second step.

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    PasswordChange, Proof,
    token_store::{
        Charge,
        ott_core::{Binding, Limit, LimitKey, LimitScope, chrono::TimeDelta},
    },
};

use crate::{
    accounts::{Account, passwords::Hashed},
    app::{App, Shared},
    error::{AppError, with_status},
    forms::Posted,
    layout::{self, PASSWORD_HINT, Page, Who, Wrong},
    next::Next,
    passwords::Lane,
    proofs,
    said::{Said, say},
    session::{self, SignedIn},
    sign_in::spend,
    visitor::Visitor,
};

/// Passwords tried in sessions of one account.
const TRIES: Limit = Limit::pace(10, TimeDelta::minutes(1));

#[derive(Deserialize)]
pub(crate) struct Change {
    current: String,
    password: String,
}

/// What a new password ends, for each page that says so.
pub(crate) fn what_ends() -> Markup {
    html! {
        p { "What ends with the old password:" }
        ul {
            li { "Every other browser in which you are signed in." }
            li { "Every remembered or trusted device, and every code or link that was sent and not used yet." }
        }
        p { "What stays: your second steps, which are asked for as before, and your recovery codes." }
    }
}

pub(crate) async fn form(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
) -> Result<Response, AppError> {
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Password).await?;
    let fresh = proofs::fresh(&app, &signed_in, &proof, Next::Password).await;
    let page = fresh.map(|_| page(&visitor.csrf, &signed_in.account, None).into_response());
    proofs::keep(&app, &signed_in, proof, page).await
}

fn page(csrf: &str, account: &Account, wrong: Option<&Wrong>) -> Page {
    let body = html! {
        (layout::alert(wrong))
        (what_ends())
        form method="post" action="/account/password" {
            (layout::csrf(csrf))
            // For whoever keeps passwords, and not sent.
            input type="email" value=(account.email.address()) autocomplete="username" aria-label="Account" readonly hidden;
            label for="current" { "Your password until now" }
            input #current type="password" name="current" autocomplete="current-password" maxlength="256" required
                aria-invalid=[layout::invalid(wrong, "current")] aria-describedby=[layout::described(wrong, "current", None)];
            (layout::new_password_field("New password", wrong))
            button { "Change it" }
        }
        p.or { "or" }
        p { a.button.quiet href="/account" { "Not now" } }
    };
    layout::card(Who::SignedIn, "Change your password", body).wrong(wrong.is_some())
}

pub(crate) async fn change(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(form): Posted<Change>,
) -> Result<Response, AppError> {
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Password).await?;
    let account = match change_by(&app, &signed_in, &visitor, &proof, form).await {
        Ok(Changed::To(account)) => account,
        Ok(Changed::Not(page)) => return proofs::keep(&app, &signed_in, proof, Ok(page)).await,
        Err(error) => return proofs::keep(&app, &signed_in, proof, Err(error)).await,
    };
    let told = PasswordChange {
        subject: &account.subject,
        network: visitor.network,
        sign_in: signed_in.flow.as_ref(),
    };
    app.owner.password_changed(&told).await;
    let page = session::renewed(&app, &signed_in, &account, &visitor.browser).await?;
    let said = Said::done("Your password is changed. Every other browser is signed out.");
    Ok(say(page, said))
}

/// What became of it: the account under its next epoch, or a page to show.
enum Changed {
    To(Account),
    Not(Response),
}

async fn change_by(
    app: &App,
    signed_in: &SignedIn,
    visitor: &Visitor,
    proof: &Proof,
    form: Change,
) -> Result<Changed, AppError> {
    proofs::fresh(app, signed_in, proof, Next::Password).await?;
    let account = &signed_in.account;
    let again = |error: AppError, wrong: Wrong| {
        let page = page(&visitor.csrf, account, Some(&wrong));
        Ok(Changed::Not(with_status(&error, page)))
    };
    if !layout::is_password(&form.password) {
        let wrong = Wrong::at("password", PASSWORD_HINT);
        return again(AppError::BadRequest(""), wrong);
    }
    let binding = Binding::subject(&account.subject);
    let charge = Charge {
        key: LimitKey::new(LimitScope::Application, "password change", &binding),
        limit: TRIES,
    };
    // Two turns, one for each password, before anything is spent.
    let turns = app.accounts.enter(Lane::KnownDevices).and_then(|compare| {
        let hash = app.accounts.enter(Lane::KnownDevices)?;
        Ok((compare, hash))
    });
    let (compare, hash) = match turns {
        Ok(turns) => turns,
        Err(error) => {
            let words = error.words().1;
            return again(error, Wrong::whole(words));
        }
    };
    match spend(app, &[charge]).await {
        Ok(()) => {}
        Err(error @ AppError::Throttled(Some(wait))) => {
            let words = format!("Too many wrong passwords. Try again {wait}.");
            return again(error, Wrong::whole(words));
        }
        Err(error) => return Err(error),
    }
    let known = app.accounts.has_password(compare, account, form.current);
    if !known.await? {
        let wrong = Wrong::at("current", "This is not your password until now.");
        return again(AppError::Refused, wrong);
    }
    let refunded = app.tokens.limit_store().refund(&[charge], 1).await;
    refunded.map_err(AppError::unavailable)?;
    let hashed = Hashed::of(hash, form.password).await?;
    let changed = app.accounts.set_password(account, &hashed).await?;
    changed.map(Changed::To).ok_or(AppError::BadRequest(
        "Something else about your account was changed meanwhile. Look at it, and try again.",
    ))
}
