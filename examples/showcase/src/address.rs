//! The account's address: confirmed by a code that is read there, and changed the same way.

use core::net::IpAddr;

use axum::{
    extract::State,
    http::HeaderValue,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use twofa_providers::{
    AddressChange, Proof, counted_network,
    events::DELIVERY_FAILED,
    oath_otp::Label,
    token_delivery::Message,
    token_store::{
        Charge, Spent,
        ott_core::{
            Binding, Destination, Limit, LimitKey, LimitScope, Policy, Purpose, chrono::TimeDelta,
        },
    },
};

use crate::{
    account::still_going_elsewhere,
    accounts::Account,
    app::{App, NAME, Shared},
    error::{AHEAD, AppError, with_status},
    flow::{self, Flow},
    forms::Posted,
    layout::{self, Focus, Page, Who, Wrong},
    mailbox,
    next::Next,
    proofs,
    said::{Said, say},
    session::{self, SignedIn},
    visitor::Visitor,
};

/// Where the code is entered.
const CONFIRM: &str = "/account/address/confirm";

const CONFIRMED: &str = "Your address is confirmed. News about your account goes there.";

/// A code that is read at an address.
pub(crate) const ADDRESS_CODE: Policy = Policy::code(Purpose::new("address-code"));

/// Codes sent for one account, since each may go to another stranger's mailbox.
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
        let wrong = Wrong::at("email", "That is not an e-mail address.");
        let page = form_page(&visitor.csrf, &wanted.email, Some(&wrong));
        return Ok(with_status(&AppError::BadRequest(""), page));
    };
    match send_code(app, account, &email, visitor.network).await {
        Ok(cookie) => Ok(session::with_cookies(Redirect::to(CONFIRM), [cookie])),
        Err(error) => {
            // The field for what was sent before stays where there is one: that code is good.
            let before = sent(visitor);
            let Some(wrong) = not_sent(&error, before.is_some()) else {
                return Err(error);
            };
            let page = match before {
                Some(to) => code_page(&visitor.csrf, to, Some(&wrong)),
                None => form_page(&visitor.csrf, &wanted.email, Some(&wrong)),
            };
            Ok(with_status(&error, page))
        }
    }
}

/// Sends a code for this address of the account, and gives the cookie that remembers it.
async fn send_code(
    app: &App,
    account: &Account,
    email: &Destination,
    network: Option<IpAddr>,
) -> Result<HeaderValue, AppError> {
    spend(app, account, email, network).await?;
    let issued = app
        .tokens
        .issue(&ADDRESS_CODE, &binding(account, email))
        .await?;
    let purpose = ADDRESS_CODE.purpose();
    let message = Message::new(purpose, email, &issued.token);
    if let Err(error) = app.delivery.deliver(&message).await {
        let failed = app.tokens.event(DELIVERY_FAILED).of(&account.subject);
        app.tokens.emit(failed.purpose(purpose));
        return Err(AppError::unavailable(error));
    }
    flow::remember_handle(app, &issued.handle, flow::ADDRESS, "", email.address())
}

/// What the form says where a limit let no code go.
fn not_sent(error: &AppError, before: bool) -> Option<Wrong> {
    let AppError::Throttled(Some(wait)) = error else {
        return None;
    };
    let still = if before {
        " The last one that we sent still works."
    } else {
        ""
    };
    Some(Wrong::whole(format!(
        "Too many codes were sent. Ask for another {wait}.{still}"
    )))
}

/// What the form says where a code was not taken.
fn not_taken(error: &AppError) -> Option<Wrong> {
    match error {
        AppError::Refused => Some(Wrong::at(
            "code",
            "This code is not right, or not any more. Every code works once.",
        )),
        AppError::Malformed => Some(Wrong::at("code", "A code has six digits.")),
        AppError::Throttled(Some(wait)) => Some(Wrong::whole(format!(
            "Too many wrong codes. Try again {wait}."
        ))),
        _ => None,
    }
}

/// Where the code was read that is asked for now, if one is on its way.
fn sent(visitor: &Visitor) -> Option<&str> {
    let own = |flow: &&Flow| flow.is_for(flow::ADDRESS, "");
    visitor
        .flow
        .as_ref()
        .filter(own)
        .map(|flow| flow.hint.as_str())
}

/// The field for the code, for as long as the code lives.
pub(crate) async fn confirm_form(_: SignedIn, visitor: Visitor) -> Response {
    match sent(&visitor) {
        Some(to) => code_page(&visitor.csrf, to, None).into_response(),
        None => Redirect::to(Next::Address.path().as_str()).into_response(),
    }
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
            let page = session::renewed(&app, &signed_in, &account, &visitor.browser).await?;
            let to = account.email.address();
            let mut words = vec![format!(
                "{to} is your address from now on. Every other browser is signed out."
            )];
            words.extend(still_going_elsewhere(&app, &account.subject, &account.email).await?);
            Ok(say(page, Said::done(words.join(" "))))
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
    let flow = visitor.flow.as_ref().ok_or(AppError::Refused)?;
    // The address comes from the form, and the code is bound to the one that it was sent to.
    let binding = binding(account, &email);
    let redeemed = app
        .tokens
        .redeem(&ADDRESS_CODE, &flow.handle, &binding, &typed.code)
        .await;
    match redeemed.map_err(AppError::from) {
        Ok(_) => {}
        Err(error) => {
            let Some(wrong) = not_taken(&error) else {
                return Err(error);
            };
            let page = code_page(&visitor.csrf, &typed.email, Some(&wrong));
            return Ok(Confirmed::Page(with_status(&error, page)));
        }
    }
    let flow = signed_in.flow.as_ref();
    let now = app.tokens.now();
    let confirmed = app.accounts.confirm_address(account, &email, flow, now);
    let Some(confirmed) = confirmed.await? else {
        return Err(AppError::BadRequest("This address cannot be used."));
    };
    if email == account.email {
        let page = session::with_cookies(Redirect::to("/account"), [flow::forget(app)]);
        let said = Said::done(CONFIRMED);
        return Ok(Confirmed::Page(say(page, said)));
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
    charges.push(mailbox::charge(app, email));
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
    Err(AppError::throttled(at, app.tokens.now()))
}

fn form_page(csrf: &str, email: &str, wrong: Option<&Wrong>) -> Page {
    let body = html! {
        (layout::alert(wrong))
        p { "We send a code to the address. Once you enter it, you sign in with this address, and news about your account goes there. Your other browsers are signed out." }
        p { "Second steps by e-mail stay where they are: add one for the new address, and remove the old one." }
        form method="post" action="/account/address" {
            (layout::csrf(csrf))
            (layout::email_field(email, "email", Focus::Elsewhere, wrong))
            button { "Send a code" }
        }
        p.or { "or" }
        p { a.button.quiet href="/account" { "Not now" } }
    };
    layout::card(Who::SignedIn, "Your e-mail address", body).wrong(wrong.is_some())
}

fn code_page(csrf: &str, email: &str, wrong: Option<&Wrong>) -> Page {
    let body = html! {
        p { "Enter the code that we sent to " strong.hint { (email) "." } }
        (layout::alert(wrong))
        form method="post" action=(CONFIRM) {
            (layout::csrf(csrf))
            input type="hidden" name="email" value=(email);
            (layout::code_field("Code", Focus::Here, wrong))
            button { "Confirm" }
        }
        p.or { "or" }
        form method="post" action="/account/address" {
            (layout::csrf(csrf))
            input type="hidden" name="email" value=(email);
            button.quiet { "Send a new code" }
        }
        p { a.button.quiet href="/account/address" { "Use another address" } }
    };
    layout::card(Who::SignedIn, "Confirm your address", body).wrong(wrong.is_some())
}
