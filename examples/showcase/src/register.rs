//! A new account: it is made when a code was read at its address, and not before.
//!
//! An address that has an account gets the same answer, and the same work before it, as one that has none. What differs
//! is the message, which only who reads mail there sees.

use core::net::IpAddr;
use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use twofa_providers::{
    events::DELIVERY_FAILED,
    oath_otp::Label,
    token_delivery::{Message, Notice},
    token_store::{
        Charge,
        ott_core::{Binding, Destination, Handle, IssueOptions, Issued, Policy, Purpose, Token},
    },
};

use crate::{
    accounts::{Account, passwords::Hashed},
    app::{App, NAME, Shared},
    asker::Asker,
    error::{AppError, with_status},
    flow::{self, Flow},
    forms::{FormToken, Posted},
    layout::{self, Focus, PASSWORD_HINT, Page, Who, Wrong},
    mailbox,
    passwords::Lane,
    said::{Said, say},
    session,
    sign_in::{of_network, spend},
    visitor::Visitor,
};

/// Where the code is entered.
pub(crate) const CONFIRM: &str = "/register/confirm";

/// What is read at the address of a new account. Anybody can have one sent anywhere, so it is longer than a code behind a
/// password. It works in the browser that asked alone: with a link, whoever reads the mail would confirm a password
/// that somebody else chose.
pub(crate) const REGISTRATION: Policy = Policy::readable(Purpose::new("registration"));
/// To an address that has an account.
pub(crate) const TAKEN: Purpose = Purpose::new("registration-of-an-account");

#[derive(Deserialize)]
pub(crate) struct Wanted {
    email: String,
    password: String,
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    code: String,
}

pub(crate) async fn form(FormToken(csrf): FormToken) -> Page {
    form_page(&csrf, "", None)
}

fn form_page(csrf: &str, email: &str, wrong: Option<&Wrong>) -> Page {
    let body = html! {
        (layout::alert(wrong))
        form method="post" action="/register" {
            (layout::csrf(csrf))
            (layout::email_field(email, "username", Focus::Here, wrong))
            (layout::new_password_field("Password", wrong))
            button { "Create account" }
        }
        p.or { "or" }
        p { a href="/sign-in" { "Sign in to an account that you have" } }
    };
    layout::card(Who::Nobody, "Create account", body).wrong(wrong.is_some())
}

/// Sends a code to the address. There is no account yet, and the answer does not say whether there was one.
pub(crate) async fn ask(
    State(app): Shared,
    visitor: Visitor,
    Posted(form): Posted<Wanted>,
) -> Result<Response, AppError> {
    let again = |error: &AppError, wrong: Wrong| {
        let page = form_page(&visitor.csrf, &form.email, Some(&wrong));
        Ok(with_status(error, page))
    };
    // An authenticator app has to be able to show it too.
    let email = Destination::email(form.email.as_str())
        .ok()
        .filter(|email| Label::new(NAME, email.address()).is_ok());
    let Some(email) = email else {
        let wrong = Wrong::at("email", "That is not an e-mail address.");
        return again(&AppError::BadRequest(""), wrong);
    };
    if !layout::is_password(&form.password) {
        let wrong = Wrong::at("password", PASSWORD_HINT);
        return again(&AppError::BadRequest(""), wrong);
    }
    let issued = match issue(&app, visitor.network, &email, form.password.clone()).await {
        Ok(issued) => issued,
        Err(error @ (AppError::Busy | AppError::Throttled(_))) => {
            return again(&error, Wrong::whole(error.words().1));
        }
        Err(error) => return Err(error),
    };
    let to = email.address();
    let cookie = flow::remember_handle(&app, &issued.handle, flow::REGISTRATION, "", to)?;
    let sending = send(Arc::clone(&app), email, issued.token, visitor.network);
    tokio::spawn(Asker::now().asked(sending));
    Ok(session::with_cookies(Redirect::to(CONFIRM), [cookie]))
}

/// A code that keeps the hash of the password until its account is made.
async fn issue(
    app: &App,
    network: Option<IpAddr>,
    email: &Destination,
    password: String,
) -> Result<Issued, AppError> {
    let place = app.accounts.enter(Lane::Anyone)?;
    // The network first, so that who types many addresses uses up nothing of theirs.
    let mailbox = [mailbox::charge(app, email)];
    let charges: Vec<Charge> = of_network(network).into_iter().chain(mailbox).collect();
    spend(app, &charges).await?;
    let hashed = Hashed::of(place, password).await?;
    let options = IssueOptions {
        data: hashed.as_bytes(),
        ..IssueOptions::default()
    };
    let issued = app
        .tokens
        .issue_opts(&REGISTRATION, &binding(email), options)
        .await?;
    let [issued] = <[Issued; 1]>::try_from(issued)
        .map_err(|_| AppError::unavailable("one code was asked for"))?;
    Ok(issued)
}

fn binding(email: &Destination) -> Binding<'_> {
    Binding::tenant("").destination(email)
}

/// Behind the answer's back, which takes as long for every address. What fails here is in the events.
async fn send(app: Arc<App>, email: Destination, code: Token, network: Option<IpAddr>) {
    let at = app.tokens.now();
    let Ok(owner) = app.accounts.holder(&email, at).await else {
        return;
    };
    let notice = Notice {
        what: "somebody wanted to create an account with your address, which has one".into(),
        at,
        from: network,
    };
    let (purpose, message) = match &owner {
        Some(owner) => (TAKEN, Message::notice(&TAKEN, owner, &notice, None)),
        None => {
            let purpose = REGISTRATION.purpose();
            (*purpose, Message::new(purpose, &email, &code))
        }
    };
    if app.delivery.deliver(&message).await.is_err() {
        let failed = app.tokens.event(DELIVERY_FAILED);
        app.tokens.emit(failed.purpose(&purpose));
    }
}

/// Where the message went, while its code lives.
fn sent(visitor: &Visitor) -> Option<&Flow> {
    let own = |flow: &&Flow| flow.is_for(flow::REGISTRATION, "");
    visitor.flow.as_ref().filter(own)
}

pub(crate) async fn confirm_form(visitor: Visitor) -> Response {
    match sent(&visitor) {
        Some(flow) => confirm_page(&visitor.csrf, Some(&flow.hint), None).into_response(),
        None => Redirect::to("/register").into_response(),
    }
}

fn confirm_page(csrf: &str, to: Option<&str>, wrong: Option<&Wrong>) -> Page {
    let body = html! {
        (layout::alert(wrong))
        @if let Some(to) = to {
            p { "We sent a message to " strong.hint { (to) "." } " Enter the code that is in it. If the address has an account already, the message says so." }
        }
        form method="post" action=(CONFIRM) {
            (layout::csrf(csrf))
            label for="code" { "Code" }
            input #code .code.long name="code" autocomplete="one-time-code" autocapitalize="characters" spellcheck="false" maxlength="64" required autofocus
                aria-invalid=[layout::invalid(wrong, "code")] aria-describedby=[layout::described(wrong, "code", None)];
            button { "Confirm" }
        }
        p.or { "or" }
        p { a.button.quiet href="/register" { "Start again" } }
        p.soft.small { "Nothing came? Look for the message where unwanted mail goes, or start again." }
    };
    layout::card(Who::Nobody, "Confirm your address", body).wrong(wrong.is_some())
}

/// The code was read at the address: the account is made, and its first step is done.
pub(crate) async fn confirm(
    State(app): Shared,
    visitor: Visitor,
    Posted(typed): Posted<Typed>,
) -> Result<Response, AppError> {
    let made = match sent(&visitor) {
        Some(flow) => make(&app, &flow.handle, &flow.hint, &typed.code).await,
        None => Err(AppError::Refused),
    };
    match made {
        Ok(account) => {
            let page = session::half(&app, &account, "/welcome").await?;
            let said = "Your account is there, and your address is confirmed. News about the account goes there.";
            Ok(say(page, Said::done(said)))
        }
        Err(error) => {
            let wrong = match &error {
                AppError::Refused => Wrong::at(
                    "code",
                    "This code is not right, or not any more. Every code works once, in the browser that asked for it.",
                ),
                AppError::Malformed => Wrong::at("code", "A code has eight letters."),
                AppError::Throttled(Some(wait)) => {
                    Wrong::whole(format!("Too many wrong codes. Try again {wait}."))
                }
                _ => return Err(error),
            };
            let to = sent(&visitor).map(|flow| flow.hint.as_str());
            let page = confirm_page(&visitor.csrf, to, Some(&wrong));
            Ok(with_status(&error, page))
        }
    }
}

/// Spends the code and makes the account in one transaction: neither happens without the other.
async fn make(app: &App, handle: &Handle, email: &str, code: &str) -> Result<Account, AppError> {
    let email = Destination::email(email).map_err(AppError::unavailable)?;
    let (tokens, binding) = (&app.with_transactions, binding(&email));
    let opened = tokens.redeem_in_transaction(&REGISTRATION, handle, &binding, code);
    let (mut transaction, record) = opened.await?;
    let hashed = Hashed::stored(&record.stored().data)?;
    // Whatever fails from here on, `transaction` is dropped, which rolls it back.
    let now = app.tokens.now();
    let made = app
        .accounts
        .create(&mut transaction, &email, &hashed, now)
        .await?;
    // An account came to the address in the meantime.
    let subject = made.ok_or(AppError::Refused)?;
    transaction.commit().await?;
    let account = app.accounts.by_id(subject.id()).await?;
    account.ok_or_else(|| AppError::unavailable("the account that was made is not there"))
}
