//! The account's address: confirmed by a code that is read there, and changed the same way.

use core::net::IpAddr;

use axum::{
    extract::State,
    response::{Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    AddressChange, counted_network,
    oath_otp::Label,
    token_delivery::{Delivery as _, Message},
    token_store::{
        Charge, Spent, What,
        ott_core::{Binding, Destination, Limit, LimitKey, Policy, Purpose, chrono::TimeDelta},
    },
};

use crate::{
    account::end_others,
    accounts::Account,
    app::{App, NAME, Shared},
    error::{AppError, with_status},
    forms::{FormToken, Posted},
    layout::{self, Who},
    second_factor::Next,
    session::{self, SignedIn, Standing},
    visitor::Visitor,
};

/// A code that is read at an address.
pub(crate) const ADDRESS_CODE: Policy = Policy::code(Purpose::new("address-code"));

/// Codes sent for one account, since each may go to another stranger's mailbox; and to one mailbox,
/// since accounts cost nothing.
const SENDING: Limit = Limit::pace(5, TimeDelta::minutes(10));
/// Codes sent from one network address, whatever account and mailbox.
const FROM_NETWORK: Limit = Limit::pace(30, TimeDelta::minutes(2));

#[derive(Deserialize)]
pub(crate) struct Wanted {
    email: String,
}

#[derive(Deserialize)]
pub(crate) struct Typed {
    email: String,
    code: String,
}

pub(crate) async fn form(
    State(app): Shared,
    signed_in: SignedIn,
    FormToken(csrf): FormToken,
) -> Result<Markup, AppError> {
    app.fresh_proof(&signed_in.record, Next::Address).await?;
    Ok(form_page(&csrf, signed_in.account.email.address(), None))
}

/// Sends a code to the address that was typed. Nothing changes yet.
pub(crate) async fn send(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(wanted): Posted<Wanted>,
) -> Result<Response, AppError> {
    app.fresh_proof(&signed_in.record, Next::Address).await?;
    let account = &signed_in.account;
    let Some(email) = readable(&wanted.email) else {
        let page = form_page(
            &visitor.csrf,
            &wanted.email,
            Some("That is not an e-mail address."),
        );
        return Ok(with_status(&AppError::BadRequest(""), page));
    };
    spend(&app, account, &email, visitor.network).await?;
    let issued = app
        .tokens
        .issue(&ADDRESS_CODE, &binding(account, &email))
        .await?;
    let purpose = ADDRESS_CODE.purpose();
    let message = Message::new(purpose, &email, &issued.token);
    if let Err(error) = app.outbox.deliver(&message).await {
        app.tokens
            .emit(Some(&account.subject), What::DeliveryFailed(*purpose));
        return Err(AppError::unavailable(error));
    }
    let cookie = session::flow_cookie(&app, Some(&issued.handle));
    let page = code_page(&visitor.csrf, email.address(), None);
    Ok(session::with_cookies(page, [cookie]))
}

/// The code was read at the address: from now on it is the account's, and both are told.
pub(crate) async fn confirm(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(typed): Posted<Typed>,
) -> Result<Response, AppError> {
    let proof = app.fresh_proof(&signed_in.record, Next::Address).await?;
    let account = &signed_in.account;
    let email = readable(&typed.email).ok_or(AppError::Refused)?;
    let handle = visitor.flow.as_ref().ok_or(AppError::Refused)?;
    // The address comes from the form, and the code is bound to the one that it was sent to.
    let redeemed = app
        .tokens
        .redeem(
            &ADDRESS_CODE,
            handle,
            &binding(account, &email),
            &typed.code,
        )
        .await;
    match redeemed.map_err(AppError::from) {
        Ok(_) => {}
        Err(AppError::Refused) => {
            let wrong = "This code is not right, or not any more. Every code works once.";
            let page = code_page(&visitor.csrf, &typed.email, Some(wrong));
            return Ok(with_status(&AppError::Refused, page));
        }
        Err(error) => return Err(error),
    }
    let flow = signed_in.flow.as_ref();
    let now = app.tokens.now();
    let confirmed = app.accounts.confirm_address(account, &email, flow, now);
    let Some(confirmed) = confirmed.await? else {
        return Err(AppError::BadRequest("This address cannot be used."));
    };
    if email == account.email {
        let cookie = session::flow_cookie(&app, None);
        return Ok(session::with_cookies(Redirect::to("/account"), [cookie]));
    }
    let change = AddressChange {
        subject: &account.subject,
        old: confirmed.old.as_ref(),
        new: Some(&email),
        address: visitor.network,
        flow,
    };
    app.two_factor.address_changed(&change).await;
    // As with a step that is removed: all sessions end, and this browser gets a new one.
    end_others(&app, &account.subject, &signed_in.record).await?;
    let standing = Standing {
        account: &confirmed.account,
        ..Standing::from(&signed_in)
    };
    session::renewed(&app, standing, proof, &visitor.browser, "/account").await
}

/// An authenticator app has to be able to show it too.
fn readable(email: &str) -> Option<Destination> {
    let email = Destination::email(email).ok()?;
    Label::new(NAME, email.address()).is_ok().then_some(email)
}

fn binding<'a>(account: &'a Account, email: &'a Destination) -> Binding<'a> {
    Binding::subject(&account.subject)
        .epoch(account.epoch)
        .destination(email)
}

async fn spend(
    app: &App,
    account: &Account,
    email: &Destination,
    network: Option<IpAddr>,
) -> Result<(), AppError> {
    let mut charges = vec![Charge {
        key: LimitKey::new("address codes", &Binding::subject(&account.subject)),
        limit: SENDING,
    }];
    let everybody = Binding::tenant("");
    if let Some(network) = network.map(counted_network) {
        let operation = [("address", network.as_str())];
        charges.push(Charge {
            key: LimitKey::new("address codes from", &everybody.operation(&operation)),
            limit: FROM_NETWORK,
        });
    }
    charges.push(Charge {
        key: LimitKey::new("address codes to", &everybody.destination(email)),
        limit: SENDING,
    });
    let spent = app.tokens.limits().spend(&charges, app.tokens.now()).await;
    let (refused, at) = match spent.map_err(AppError::unavailable)? {
        Spent::Allowed => return Ok(()),
        Spent::RetryAt(key, at) => (key, Some(at)),
        Spent::Locked(key) => (key, None),
    };
    // Nothing is sent: who has codes sent to an address must not use up its owner's own tries.
    let before: Vec<_> = charges
        .into_iter()
        .take_while(|charge| charge.key != refused)
        .collect();
    let refunded = app.tokens.limits().refund(&before, 1).await;
    refunded.map_err(AppError::unavailable)?;
    Err(AppError::Throttled(at))
}

fn form_page(csrf: &str, email: &str, wrong: Option<&str>) -> Markup {
    let body = html! {
        (layout::alert(wrong))
        p { "We send a code to the address. Once you enter it, you sign in with this address, and news about your account goes there. Your other browsers are signed out." }
        form method="post" action="/account/address" {
            (layout::csrf(csrf))
            label for="email" { "E-mail address" }
            input #email type="email" name="email" value=(email) autocomplete="email" maxlength="254" required;
            button { "Send a code" }
        }
        p.or { "or" }
        p { a.button.quiet href="/account" { "Not now" } }
    };
    layout::card(Who::SignedIn, "Your e-mail address", body)
}

fn code_page(csrf: &str, email: &str, wrong: Option<&str>) -> Markup {
    let body = html! {
        @if wrong.is_none() { p.done role="status" { "We sent a code to " (email) "." } }
        (layout::alert(wrong))
        form method="post" action="/account/address/confirm" {
            (layout::csrf(csrf))
            input type="hidden" name="email" value=(email);
            (layout::code_field())
            button { "Confirm" }
        }
        p.or { "or" }
        p { a.button.quiet href="/account/address" { "Use another address" } }
    };
    layout::card(Who::SignedIn, "Confirm your address", body)
}
