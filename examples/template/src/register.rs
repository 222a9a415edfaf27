//! Registration: a link goes to the address, and who reads it there makes the account.
//!
//! Until then nothing is kept but the link's record, so nobody can hold an address that is not theirs; and whether it
//! has an account is told to its mailbox alone.

use core::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use maud::{Markup, html};
use serde::Deserialize;
use token_delivery::{Message, Notice};
use token_store_sqlx::{
    sqlx::Transaction,
    token_store::{
        Claimed,
        ott_core::{Binding, Destination, IssueOptions, OwnedBinding, Record},
    },
};

use crate::{
    accounts,
    app::{App, Fault, JOIN, TAKEN},
    database::Database,
    mail, password,
    sign_in::paced,
    web::{No, Shared, Typed, link_page, page},
};

/// Whose.
#[derive(Deserialize)]
pub(crate) struct Whose {
    pub(crate) email: String,
}

/// The link's token and the password.
#[derive(Deserialize)]
pub(crate) struct Chosen {
    pub(crate) token: String,
    pub(crate) password: String,
}

pub(crate) async fn form() -> Markup {
    page(
        "Register",
        html! {
            form method="post" {
                label { "E-mail" input type="email" name="email" autocomplete="username" required; }
                button { "Send a link" }
            }
            p { a href="/sign-in" { "Sign in" } }
        },
    )
}

/// The same answer, at once, whether or not the address has an account.
pub(crate) async fn register(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Typed(form): Typed<Whose>,
) -> Result<Markup, No> {
    paced(&app, peer).await?;
    let email = accounts::address(&form.email).ok_or(No::Again("That is no e-mail address."))?;
    mail::later(async move { send(&app, peer, &email).await });
    Ok(page(
        "Look into your mail",
        html! { p { "Open the link in it to choose a password." } },
    ))
}

async fn send(app: &App, peer: SocketAddr, email: &Destination) -> Result<(), Fault> {
    if !mail::may_send(app, JOIN.purpose(), email).await? {
        return Ok(());
    }
    if accounts::by_email(app, email).await?.is_some() {
        let notice = Notice {
            what: "somebody typed your address to register".into(),
            at: app.tokens.now(),
            from: Some(peer.ip()),
        };
        let message = Message::notice(&TAKEN, email, &notice, None);
        return Ok(app.delivery.deliver(&message).await?);
    }
    let options = IssueOptions {
        data: email.address().as_bytes(),
        ..IssueOptions::default()
    };
    let binding = binding(email);
    let issued = app
        .tokens
        .issue_opts(&JOIN, &binding.borrowed(&[]), options)
        .await?;
    for link in &issued {
        let message = Message::new(JOIN.purpose(), email, &link.token);
        app.delivery.deliver(&message).await?;
    }
    Ok(())
}

/// To the address alone: there is no account yet.
fn binding(email: &Destination) -> OwnedBinding {
    Binding::tenant("").destination(email).into_owned()
}

/// The address that the link went to.
fn sent_to(data: &[u8]) -> Option<Destination> {
    accounts::address(core::str::from_utf8(data).ok()?)
}

pub(crate) async fn welcome_form() -> Markup {
    link_page("Welcome", "Make the account", password::field())
}

/// Redeems the link and makes the account, both or neither.
pub(crate) async fn welcome(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Typed(form): Typed<Chosen>,
) -> Result<Markup, No> {
    paced(&app, peer).await?;
    // A look that spends nothing: only for who has the link is a password hashed.
    drop(redeem(&app, &form.token).await?);
    let hash = password::chosen(&app, form.password).await?;
    let (mut transaction, record) = redeem(&app, &form.token).await?;
    let email = sent_to(&record.stored().data)
        .ok_or_else(|| Fault::from("a link of a registration has an address"))?;
    if !accounts::create(&mut transaction, &email, &hash).await? {
        return Err(No::Again(
            "Your address has an account by now. Sign in, or choose a new password.",
        ));
    }
    transaction.commit().await.map_err(Fault::from)?;
    Ok(page(
        "Your account is made",
        html! { p { a href="/sign-in" { "Sign in" } } },
    ))
}

/// Redeems the link in a transaction; dropped, that leaves it unspent.
async fn redeem(app: &App, token: &str) -> Result<(Transaction<'static, Database>, Record), No> {
    let load = async |claimed: Claimed| -> Result<_, Fault> {
        Ok(sent_to(claimed.data()).map(|email| binding(&email)))
    };
    let opened = app
        .tokens
        .redeem_by_itself_in_transaction(&JOIN, "", token, load);
    Ok(opened.await?)
}
