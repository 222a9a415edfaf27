//! One second step of the account: given another name, or removed.

use axum::{
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use twofa_providers::{
    FactorView, Proof, TwoFactorError,
    token_store::{FactorId, FactorState},
};

use crate::{
    app::{App, Shared},
    approving,
    error::{AppError, label_hint, with_status},
    forms::Posted,
    layout::{self, Page, Who, Wrong},
    next::Next,
    proofs,
    said::{Said, say},
    session::{self, SignedIn},
    visitor::Visitor,
};

#[derive(Deserialize)]
pub(crate) struct Rename {
    factor: String,
    label: String,
}

#[derive(Deserialize)]
pub(crate) struct Remove {
    factor: String,
}

/// The step that the address names, behind a fresh proof; without one, the proof leads back here.
async fn behind_proof(
    app: &App,
    signed_in: &SignedIn,
    visitor: &Visitor,
    next: Next,
    page: impl AsyncFnOnce(&FactorView) -> Result<Page, AppError>,
) -> Result<Response, AppError> {
    let (Next::Remove(factor) | Next::Rename(factor)) = next else {
        return Err(AppError::NotFound);
    };
    let proof = proofs::take(app, signed_in, visitor, next).await?;
    let shown = async {
        proofs::fresh(app, signed_in, &proof, next).await?;
        let own = own(app, signed_in, &factor).await?;
        Ok(page(&own).await?.into_response())
    };
    let shown = shown.await;
    proofs::keep(app, signed_in, proof, shown).await
}

async fn own(app: &App, signed_in: &SignedIn, factor: &FactorId) -> Result<FactorView, AppError> {
    let subject = &signed_in.account.subject;
    let factors = app.two_factor.factors(subject).await?;
    let is_it = |view: &FactorView| view.id == *factor && view.state != FactorState::Pending;
    factors.into_iter().find(is_it).ok_or(AppError::NotFound)
}

pub(crate) async fn rename_form(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    uri: Uri,
) -> Result<Response, AppError> {
    let page = async |own: &FactorView| Ok(rename_page(&visitor.csrf, &own.id, &own.label, None));
    behind_proof(&app, &signed_in, &visitor, Next::wanted(&uri), page).await
}

fn rename_page(csrf: &str, factor: &FactorId, label: &str, wrong: Option<&Wrong>) -> Page {
    let body = html! {
        (layout::alert(wrong))
        form method="post" action="/account/rename" {
            (layout::csrf(csrf))
            input type="hidden" name="factor" value=(factor);
            label for="label" { "New name" }
            input #label name="label" value=(label) maxlength="64" autocomplete="off" required autofocus
                aria-invalid=[layout::invalid(wrong, "label")] aria-describedby=[layout::described(wrong, "label", None)];
            button { "Rename" }
        }
        p.or { "or" }
        p { a.button.quiet href="/account" { "Not now" } }
    };
    layout::card(Who::SignedIn, "Rename your second step", body).wrong(wrong.is_some())
}

pub(crate) async fn rename(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(form): Posted<Rename>,
) -> Result<Response, AppError> {
    let factor = FactorId::parse(&form.factor).ok_or(AppError::NotFound)?;
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Rename(factor)).await?;
    let done = rename_by(&app, &signed_in, &visitor, &proof, &factor, &form.label).await;
    proofs::keep(&app, &signed_in, proof, done).await
}

async fn rename_by(
    app: &App,
    signed_in: &SignedIn,
    visitor: &Visitor,
    proof: &Proof,
    factor: &FactorId,
    label: &str,
) -> Result<Response, AppError> {
    let fresh = proofs::fresh(app, signed_in, proof, Next::Rename(*factor)).await?;
    match app.two_factor.rename(&fresh, factor, label).await {
        Ok(()) => {}
        Err(TwoFactorError::Label(why)) => {
            let hint = label_hint(why);
            let wrong = Wrong::at("label", hint);
            let page = rename_page(&visitor.csrf, factor, label, Some(&wrong));
            return Ok(with_status(&AppError::BadRequest(hint), page));
        }
        Err(TwoFactorError::Rejected(_)) => return Err(AppError::NotFound),
        Err(other) => return Err(other.into()),
    }
    let said = Said::done(format!("It is called “{}” from now on.", label.trim()));
    Ok(say(Redirect::to("/account"), said))
}

/// Asks first, and says what will end.
pub(crate) async fn remove_form(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    uri: Uri,
) -> Result<Response, AppError> {
    let page = async |own: &FactorView| Ok(remove_page(&visitor.csrf, own));
    behind_proof(&app, &signed_in, &visitor, Next::wanted(&uri), page).await
}

fn remove_page(csrf: &str, own: &FactorView) -> Page {
    let body = html! {
        p { "What ends with it:" }
        ul {
            li { "Its codes: they are refused from now on, and what it was set up with is wiped." }
            li { "Every other browser in which you are signed in: whoever has what you remove may be signed in, too." }
            li { "Every remembered or trusted device, and every code or link that was sent and not used yet." }
            li { "A second step that was started with its code, and is not confirmed yet." }
        }
        p { "What stays: your other second steps, your recovery codes, and this browser." }
        form method="post" action="/account/remove" {
            (layout::csrf(csrf))
            input type="hidden" name="factor" value=(own.id);
            button.danger { "Remove" }
        }
        p.or { "or" }
        p { a.button.quiet href="/account" { "Keep it" } }
    };
    layout::card(Who::SignedIn, &format!("Remove “{}”?", own.label), body)
}

pub(crate) async fn remove(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(form): Posted<Remove>,
) -> Result<Response, AppError> {
    let factor = FactorId::parse(&form.factor).ok_or(AppError::NotFound)?;
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Remove(factor)).await?;
    let label = match remove_by(&app, &signed_in, &proof, &factor).await {
        Ok(label) => label,
        Err(error) => return proofs::keep(&app, &signed_in, proof, Err(error)).await,
    };
    approving::forget(&app, &signed_in.account.subject, factor).await?;
    // Whoever has what was removed may have sessions too: all end, and this browser gets a new one.
    let account = app.accounts.raise_epoch(&signed_in.account).await?;
    let page = session::renewed(&app, &signed_in, &account, &visitor.browser).await?;
    let said = Said::done(format!(
        "“{label}” is removed. Every other browser is signed out."
    ));
    Ok(say(page, said))
}

/// Removes it, and says what it was called.
async fn remove_by(
    app: &App,
    signed_in: &SignedIn,
    proof: &Proof,
    factor: &FactorId,
) -> Result<String, AppError> {
    let fresh = proofs::fresh(app, signed_in, proof, Next::Remove(*factor)).await?;
    let label = own(app, signed_in, factor).await?.label;
    let removed = app.two_factor.remove(&fresh, factor).await;
    removed.map_err(|error| match error {
        TwoFactorError::Rejected(_) => AppError::NotFound,
        other => other.into(),
    })?;
    Ok(label)
}
