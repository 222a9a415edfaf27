//! A forgotten password: a link to the account's confirmed address, and a new password in its place.
//!
//! The link stands for the first step alone: the second one is asked for as always.

use core::net::IpAddr;
use std::sync::Arc;

use axum::{
    extract::State,
    response::{Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use twofa_providers::{
    PasswordChange, counted_network,
    events::DELIVERY_FAILED,
    token_delivery::Message,
    token_store::{
        Charge, Claimed, Revoke, TokensError,
        ott_core::{
            Binding, Destination, Limit, LimitKey, LimitScope, Policy, Purpose, Reason, Rejected,
            chrono::TimeDelta,
        },
    },
};

use crate::{
    accounts::{
        Account,
        passwords::{self, Hashed},
    },
    app::{App, SESSION, Shared},
    asker::Asker,
    assets::LINK_SCRIPT,
    error::{AppError, with_status},
    forms::{FormToken, Posted},
    layout::{self, Focus, PASSWORD_HINT, Page, Who, Wrong},
    mailbox,
    network::Network,
    next::Next,
    password::what_ends,
    passwords::Lane,
    said::{Said, say},
    session::{self, last},
    sign_in::spend,
};

/// The link of such a mail, for an hour.
pub(crate) const RESET: Policy = Policy::link(Purpose::new("password-reset"));

/// Links asked for one address: fewer than an account may have, so that each that is promised is sent.
const TO_ADDRESS: Limit = Limit::pace(3, TimeDelta::minutes(20));
/// Links asked for from one network, whatever address.
const FROM_NETWORK: Limit = Limit::pace(20, TimeDelta::minutes(2));

#[derive(Deserialize)]
pub(crate) struct Wanted {
    email: String,
}

#[derive(Deserialize)]
pub(crate) struct Chosen {
    link: String,
    password: String,
}

pub(crate) async fn ask_form(FormToken(csrf): FormToken) -> Page {
    ask_page(&csrf, "", None)
}

fn ask_page(csrf: &str, email: &str, wrong: Option<&Wrong>) -> Page {
    let body = html! {
        (layout::alert(wrong))
        p { "We send a link to the confirmed address of your account. With it you choose a new password; your second step is asked for as always." }
        form method="post" action="/forgot" {
            (layout::csrf(csrf))
            (layout::email_field(email, "username", Focus::Here, wrong))
            button { "Send a link" }
        }
        p.or { "or" }
        p { a.button.quiet href="/sign-in" { "Sign in" } }
    };
    layout::card(Who::Nobody, "Forgot your password?", body).wrong(wrong.is_some())
}

/// Sends a link, if there is an account: whoever asks is told the same in any case, and as fast.
pub(crate) async fn ask(
    State(app): Shared,
    FormToken(csrf): FormToken,
    Network(network): Network,
    Posted(form): Posted<Wanted>,
) -> Result<Response, AppError> {
    let again = |error: AppError, wrong: Wrong| {
        let page = ask_page(&csrf, &form.email, Some(&wrong));
        Ok(with_status(&error, page))
    };
    let Ok(email) = Destination::email(form.email.as_str()) else {
        let wrong = Wrong::at("email", "That is not an e-mail address.");
        return again(AppError::BadRequest(""), wrong);
    };
    match spend(&app, &charges(&app, &email, network)).await {
        Ok(()) => {}
        Err(error @ AppError::Throttled(Some(wait))) => {
            let words = format!(
                "Too many links were asked for. Ask again {wait}. The last one that we sent still works."
            );
            return again(error, Wrong::whole(words));
        }
        Err(error) => return Err(error),
    }
    tokio::spawn(Asker::now().asked(send(Arc::clone(&app), email)));
    let said = Said::done(
        "If this is the confirmed address of an account, a link is on its way. It is good for an hour.",
    );
    Ok(say(Redirect::to("/forgot"), said))
}

fn charges(app: &App, email: &Destination, network: Option<IpAddr>) -> Vec<Charge> {
    let everybody = Binding::tenant("");
    let key = |name, binding: &Binding<'_>| LimitKey::new(LimitScope::Application, name, binding);
    let mut charges = Vec::new();
    // First, so that who asks for many addresses uses up no limit of theirs.
    if let Some(network) = network.map(counted_network) {
        let operation = [("network", network.as_str())];
        let from = everybody.operation(&operation);
        charges.push(Charge {
            key: key("reset links from", &from),
            limit: FROM_NETWORK,
        });
    }
    charges.push(mailbox::charge_of(app, email, "reset links to", TO_ADDRESS));
    charges.push(mailbox::charge(app, email));
    charges
}

/// What fails here is in the events; nobody waits for it.
async fn send(app: Arc<App>, email: Destination) {
    let Ok(Some(account)) = app.accounts.by_email(&email).await else {
        return;
    };
    let Ok(issued) = app.tokens.issue(&RESET, &binding(&account)).await else {
        return;
    };
    let purpose = RESET.purpose();
    let message = Message::new(purpose, &account.email, &issued.token);
    if app.delivery.deliver(&message).await.is_err() {
        let failed = app.tokens.event(DELIVERY_FAILED).of(&account.subject);
        app.tokens.emit(failed.purpose(purpose));
    }
}

/// A link from before the last change of password, address or steps is refused.
fn binding(account: &Account) -> Binding<'_> {
    Binding::subject(&account.subject)
        .epoch(account.epoch)
        .destination(&account.email)
}

pub(crate) async fn form(FormToken(csrf): FormToken) -> Page {
    page(&csrf, "", None)
}

fn page(csrf: &str, link: &str, wrong: Option<&Wrong>) -> Page {
    let body = html! {
        (layout::alert(wrong))
        (what_ends())
        form method="post" action="/reset" {
            (layout::csrf(csrf))
            label for="link" { "The link from the message" }
            input #link name="link" value=(link) autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="512" required
                aria-invalid=[layout::invalid(wrong, "link")] aria-describedby=[layout::described(wrong, "link", None)];
            (layout::new_password_field("New password", wrong))
            button { "Change it" }
        }
    };
    let page = layout::card(Who::Nobody, "Choose a new password", body);
    match wrong {
        // The second time, the field is filled already.
        Some(_) => page.wrong(true),
        None => page.script(LINK_SCRIPT),
    }
}

/// Spends the link and changes the password in one transaction: neither happens without the other.
pub(crate) async fn choose(
    State(app): Shared,
    FormToken(csrf): FormToken,
    Network(network): Network,
    Posted(form): Posted<Chosen>,
) -> Result<Response, AppError> {
    // Whoever has no script pastes the link as it is.
    let token = form.link.trim();
    let token = token.rsplit_once('#').map_or(token, |(_, token)| token);
    let again = |error: AppError, wrong: Wrong| {
        let page = page(&csrf, token, Some(&wrong));
        Ok(with_status(&error, page))
    };
    if !layout::is_password(&form.password) {
        let wrong = Wrong::at("password", PASSWORD_HINT);
        return again(AppError::BadRequest(""), wrong);
    }
    let account = match redeem(&app, token, form.password.clone()).await {
        Ok(account) => account,
        Err(error @ (AppError::Refused | AppError::Malformed)) => {
            let wrong = Wrong::at(
                "link",
                "This link is not right, or not any more. Every link works once, for an hour. Ask for another one.",
            );
            return again(error, wrong);
        }
        Err(error @ AppError::Busy) => {
            let words = error.words().1;
            return again(error, Wrong::whole(words));
        }
        Err(error) => return Err(error),
    };
    let subject = &account.subject;
    let sessions = Revoke::purpose(subject, SESSION.purpose());
    app.tokens.revoke(&sessions).await?;
    app.devices.forget_all(subject).await?;
    let told = PasswordChange {
        subject,
        network,
        sign_in: None,
    };
    app.owner.password_changed(&told).await;
    let said = Said::done(
        "Your password is changed, and every browser is signed out. Sign in with the new one.",
    );
    let to = Redirect::to(&Next::Account.sign_in_path());
    let cookies = [last::cookie(&app, &account.email)?];
    Ok(say(session::with_cookies(to, cookies), said))
}

async fn redeem(app: &App, token: &str, password: String) -> Result<Account, AppError> {
    // Whether the link is one, before anybody hashes for it.
    let now = app.tokens.now();
    app.tokens
        .issuer()
        .present_by_itself(&RESET, "", token, now)?;
    let place = app.accounts.enter(Lane::Anyone)?;
    let hashed = Hashed::of(place, password).await?;
    let mut found = None;
    let load = async |claimed: Claimed| {
        let Some(owner) = claimed.owner() else {
            return Ok(None);
        };
        let account = app.accounts.by_id(owner.id()).await;
        let Some(account) = account.map_err(AppError::into_cause)? else {
            return Ok(None);
        };
        let binding = binding(&account).into_owned();
        found = Some(account);
        Ok(Some(binding))
    };
    let tokens = &app.with_transactions;
    let opened = tokens.redeem_by_itself_in_transaction(&RESET, "", token, load);
    let (mut transaction, _) = opened.await?;
    let gone = || TokensError::Rejected(Rejected::new(Reason::Unknown));
    let account = found.ok_or_else(gone)?;
    // Whatever fails from here on, `transaction` is dropped, which rolls it back.
    let (id, epoch) = (account.subject.id(), account.epoch);
    if !passwords::set(&mut transaction, id, epoch, &hashed).await? {
        return Err(gone().into());
    }
    transaction.commit().await?;
    Ok(account)
}
