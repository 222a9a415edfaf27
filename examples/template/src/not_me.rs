//! "This was not me": what a mail told is undone, and every session of the account ends.
//!
//! Programs that look at mail open links, run scripts and press buttons. So a person types a word here.

use axum::extract::State;
use maud::{Markup, html};
use serde::Deserialize;
use token_store_sqlx::token_store::{Revoke, ott_core::Subject};
use twofa_providers::{Operator, ResetReason, TwoFactorError};

use crate::{
    accounts,
    app::{ACCESS, App, Fault, HALF, SESSION},
    guard::is_guarded,
    web::{No, Shared, Typed, link_page, page},
};

const WORD: &str = "STOP";

/// The link's token and the word.
#[derive(Deserialize)]
pub(crate) struct Disowned {
    token: String,
    word: String,
}

pub(crate) async fn form() -> Markup {
    let more = html! {
        p { "What the mail told you of is undone, as far as it can be, and every browser and program is signed out." }
        label { "Type " (WORD) " to go on" input name="word" autocomplete="off" autocapitalize="characters" required; }
    };
    link_page("This was not you?", "This was not me", more)
}

pub(crate) async fn undo(State(app): Shared, Typed(form): Typed<Disowned>) -> Result<Markup, No> {
    if !form.word.trim().eq_ignore_ascii_case(WORD) {
        return Err(No::Again(
            "Nothing was done. Open the link again, and type the word STOP.",
        ));
    }
    let not_me = app.owner.not_me("", &form.token).await?;
    let subject = &not_me.subject;
    // What was removed is back: the account needs it again.
    if is_guarded(&app.engine.factors(subject).await?) {
        accounts::set_needs_factor(&app, subject, true).await?;
    }
    for kind in [SESSION, HALF, ACCESS] {
        for policy in kind.policies() {
            let all = Revoke::purpose(subject, policy.purpose());
            app.tokens.revoke(&all).await?;
        }
    }
    app.devices.forget_all(subject).await?;
    app.trusted.revoke_all(subject).await?;
    // Last: whatever failed before, the link is still good.
    match app.owner.redeem_not_me(&not_me).await {
        Ok(()) | Err(TwoFactorError::Rejected(_)) => {} // a second press of the button was faster
        Err(error) => return Err(error.into()),
    }
    Ok(page(
        "Undone",
        html! {
            p { "Every browser is signed out. Whoever did this may know your password: "
                a href="/forgot" { "choose a new one" } " now." }
            @if not_me.recovery_restored { p { "Your earlier recovery codes are good again." } }
        },
    ))
}

/// For support, after they made sure who asks: takes the second step, every session and the password off an
/// account. Its owner is told, and chooses a new password by mail.
///
/// # Errors
/// The database. Called again, it does the rest.
pub async fn begin_anew(app: &App, email: &str) -> Result<bool, Fault> {
    let Some(email) = accounts::address(email) else {
        return Ok(false);
    };
    let Some(account) = accounts::by_email(app, &email).await? else {
        return Ok(false);
    };
    let subject: Subject = account.subject()?;
    // First: from here on no password signs in.
    accounts::begin_anew(app, &subject).await?;
    app.tokens.revoke(&Revoke::subject(&subject)).await?;
    let _ = Operator::new(&app.engine)
        .reset(&subject, ResetReason::Lost)
        .await?;
    Ok(true)
}
