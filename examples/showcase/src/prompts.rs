//! Prompts on another device: what the waiting side shows, and how it learns that somebody decided.

use axum::extract::State;
use maud::{Markup, html};
use twofa_providers::PromptStatus;

use crate::{
    accounts::Account,
    app::{App, Shared},
    error::AppError,
    flow::Flow,
    layout,
    session::{HalfSignedIn, SignedIn},
    visitor::Visitor,
};

/// The id of the provider.
pub(crate) const ID: &str = "prompt";
/// Where the waiting side asks how it stands.
pub(crate) const WAITING: &str = "/waiting";

/// Whether the prompt of this browser's flow waits. It proves nothing: the form that follows does.
pub(crate) async fn waiting(
    State(app): Shared,
    half: Result<HalfSignedIn, AppError>,
    signed_in: Result<SignedIn, AppError>,
    visitor: Visitor,
) -> Result<&'static str, AppError> {
    // While a step is signed in for, that is the one.
    let account = match (half, signed_in) {
        (Ok(half), _) => half.account,
        (Err(_), Ok(signed_in)) => signed_in.account,
        (Err(error), Err(_)) => return Err(error),
    };
    let waits = is_waiting(&app, &account, visitor.flow.as_ref()).await?;
    Ok(if waits { "waiting" } else { "over" })
}

/// Whether this is the flow of a prompt that nobody decided yet: the number of another one is worth nothing.
pub(crate) async fn is_waiting(
    app: &App,
    account: &Account,
    flow: Option<&Flow>,
) -> Result<bool, AppError> {
    let Some(flow) = flow.filter(|flow| flow.provider == ID) else {
        return Ok(false);
    };
    let status = app.prompts.status(&account.subject, &flow.handle).await?;
    Ok(status == Some(PromptStatus::Waiting))
}

/// The number to be typed on the device, and the form that goes on.
pub(crate) fn number_part(number: &str, action: &str, fields: &Markup) -> Markup {
    html! {
        p { "Open Showcase on that device and type this number there." }
        p.number { (number) }
        p.soft.small { "Tell it to nobody: who asks you for it is not us." }
        form #go-on method="post" action=(action) data-look=(WAITING) {
            (fields)
            input type="hidden" name="code" value="";
            button { "I approved it there" }
        }
        p.soft.small role="status" { "This page goes on by itself once you decided." }
    }
}

/// What went wrong with it.
pub(crate) const fn wrong(error: &AppError) -> &'static str {
    match error {
        AppError::Pending => "Nobody approved it on that device yet.",
        _ => "It was not approved there: somebody said no, typed another number, or was too late.",
    }
}

/// What a person reads where no more prompts are sent.
pub(crate) fn too_many(error: &AppError) -> String {
    let then = match error {
        AppError::Throttled(Some(wait)) => {
            format!("Ask again {wait}, or take another way.")
        }
        _ => "Take another way: once that worked, it is asked again.".into(),
    };
    format!(
        "That device is not asked for now: it was asked often, or somebody said no there. {then}"
    )
}

/// The script that looks again.
pub(crate) fn looking(page: layout::Page, looks: bool) -> layout::Page {
    if looks {
        page.script(crate::assets::WAITING_SCRIPT)
    } else {
        page
    }
}
