//! The account's address: confirmed by a code that is read there, and changed the same way.

use core::net::IpAddr;

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use twofa_providers::{
    AddressChange, Proof, counted_network,
    events::DELIVERY_FAILED,
    oath_otp::Label,
    token_delivery::{Delivery as _, Message},
    token_store::{
        Charge, Spent,
        ott_core::{
            Binding, Destination, Limit, LimitKey, LimitScope, Policy, Purpose, chrono::TimeDelta,
        },
    },
};

use crate::{
    account::end_others,
    accounts::Account,
    app::{App, NAME, Shared},
    error::{AHEAD, AppError, with_status},
    forms::Posted,
    layout::{self, Who},
    proofs,
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
    visitor: Visitor,
) -> Result<Response, AppError> {
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Address).await?;
    let fresh = proofs::fresh(&app, &signed_in, &proof, Next::Address).await;
    let page = fresh.map(|_| {
        let address = signed_in.account.email.address();
        form_page(&visitor.csrf, address, None).into_response()
    });
    proofs::keep(&app, &signed_in, proof, page).await
}

/// Sends a code to the address that was typed. Nothing changes yet.
pub(crate) async fn send(
    State(app): Shared,
    signed_in: SignedIn,
    visitor: Visitor,
    Posted(wanted): Posted<Wanted>,
) -> Result<Response, AppError> {
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Address).await?;
    let page = match proofs::fresh(&app, &signed_in, &proof, Next::Address).await {
        Ok(_) => send_to(&app, &signed_in.account, &visitor, &wanted).await,
        Err(error) => Err(error),
    };
    proofs::keep(&app, &signed_in, proof, page).await
}

async fn send_to(
    app: &App,
    account: &Account,
    visitor: &Visitor,
    wanted: &Wanted,
) -> Result<Response, AppError> {
    let Some(email) = readable(&wanted.email) else {
        let page = form_page(
            &visitor.csrf,
            &wanted.email,
            Some("That is not an e-mail address."),
        );
        return Ok(with_status(&AppError::BadRequest(""), page));
    };
    spend(app, account, &email, visitor.network).await?;
    let issued = app
        .tokens
        .issue(&ADDRESS_CODE, &binding(account, &email))
        .await?;
    let purpose = ADDRESS_CODE.purpose();
    let message = Message::new(purpose, &email, &issued.token);
    if let Err(error) = app.outbox.deliver(&message).await {
        let failed = app.tokens.event(DELIVERY_FAILED).of(&account.subject);
        app.tokens.emit(failed.purpose(purpose));
        return Err(AppError::unavailable(error));
    }
    let cookie = session::flow_cookie(app, Some(&issued.handle));
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
    let proof = proofs::take(&app, &signed_in, &visitor, Next::Address).await?;
    match confirm_by(&app, &signed_in, &visitor, &proof, &typed).await {
        Ok(Confirmed::Another(account)) => {
            // As with a step that is removed: all sessions end, and this browser gets a new one.
            end_others(&app, &account.subject, &signed_in.record).await?;
            let standing = Standing {
                account: &account,
                ..Standing::from(&signed_in)
            };
            session::renewed(&app, standing, proof, &visitor.browser, "/account").await
        }
        Ok(Confirmed::Page(page)) => proofs::keep(&app, &signed_in, proof, Ok(page)).await,
        Err(error) => proofs::keep(&app, &signed_in, proof, Err(error)).await,
    }
}

/// What became of it: another address, or a page to show.
enum Confirmed {
    Another(Account),
    Page(Response),
}

async fn confirm_by(
    app: &App,
    signed_in: &SignedIn,
    visitor: &Visitor,
    proof: &Proof,
    typed: &Typed,
) -> Result<Confirmed, AppError> {
    proofs::fresh(app, signed_in, proof, Next::Address).await?;
    let account = &signed_in.account;
    let email = readable(&typed.email).ok_or(AppError::Refused)?;
    let handle = visitor.flow.as_ref().ok_or(AppError::Refused)?;
    // The address comes from the form, and the code is bound to the one that it was sent to.
    let binding = binding(account, &email);
    let redeemed = app
        .tokens
        .redeem(&ADDRESS_CODE, handle, &binding, &typed.code)
        .await;
    match redeemed.map_err(AppError::from) {
        Ok(_) => {}
        Err(AppError::Refused) => {
            let wrong = "This code is not right, or not any more. Every code works once.";
            let page = code_page(&visitor.csrf, &typed.email, Some(wrong));
            return Ok(Confirmed::Page(with_status(&AppError::Refused, page)));
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
        let cookie = session::flow_cookie(app, None);
        let page = session::with_cookies(Redirect::to("/account"), [cookie]);
        return Ok(Confirmed::Page(page));
    }
    let change = AddressChange {
        subject: &account.subject,
        old: confirmed.old.as_ref(),
        new: Some(&email),
        network: visitor.network,
        sign_in: flow,
    };
    app.owner.address_changed(&change).await;
    Ok(Confirmed::Another(confirmed.account))
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
        key: LimitKey::new(
            LimitScope::Application,
            "address codes",
            &Binding::subject(&account.subject),
        ),
        limit: SENDING,
    }];
    let everybody = Binding::tenant("");
    if let Some(network) = network.map(counted_network) {
        let operation = [("network", network.as_str())];
        charges.push(Charge {
            key: LimitKey::new(
                LimitScope::Application,
                "address codes from",
                &everybody.operation(&operation),
            ),
            limit: FROM_NETWORK,
        });
    }
    charges.push(Charge {
        key: LimitKey::new(
            LimitScope::Application,
            "address codes to",
            &everybody.destination(email),
        ),
        limit: SENDING,
    });
    let spent = app
        .tokens
        .limit_store()
        .spend(&charges, app.tokens.now())
        .await;
    let (refused, at) = match spent.map_err(AppError::unavailable)? {
        Spent::Allowed => return Ok(()),
        Spent::Ahead(_) => return Err(AppError::unavailable(AHEAD)),
        Spent::RetryAt(key, at) => (key, Some(at)),
        Spent::Locked(key) => (key, None),
    };
    // Nothing is sent: who has codes sent to an address must not use up its owner's own tries.
    let before: Vec<_> = charges
        .into_iter()
        .take_while(|charge| charge.key != refused)
        .collect();
    let refunded = app.tokens.limit_store().refund(&before, 1).await;
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
