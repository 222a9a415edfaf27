//! A forgotten password: link and change in one transaction. The second step stays.

use core::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use maud::{Markup, html};
use token_delivery::Message;
use token_store_sqlx::{
    sqlx::Transaction,
    token_store::{Answer, Claimed, Revoke, TokenStore as _},
};
use twofa_providers::PasswordChange;

use crate::{
    accounts::{self, Account},
    app::{App, Fault, NOT_ME, RECOVERY, RESET},
    database::Database,
    mail, password,
    register::{Chosen, Whose},
    sign_in::paced,
    web::{No, Shared, Typed, link_page, page},
};

pub(crate) async fn forgot_form() -> Markup {
    page(
        "Forgotten password",
        html! {
            form method="post" {
                label { "E-mail" input type="email" name="email" autocomplete="username" required; }
                button { "Send a link" }
            }
        },
    )
}

/// Answered at once and in the same words, whoever has an account.
pub(crate) async fn forgot(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Typed(form): Typed<Whose>,
) -> Result<Markup, No> {
    paced(&app, peer).await?;
    mail::later(async move { send(&app, &form.email).await });
    Ok(page(
        "Look into your mail",
        html! { p { "If the address has an account, a link is on its way." } },
    ))
}

async fn send(app: &App, typed: &str) -> Result<(), Fault> {
    let Some(email) = accounts::address(typed) else {
        return Ok(());
    };
    if !mail::may_send(app, RESET.purpose(), &email).await? {
        return Ok(());
    }
    let Some(account) = accounts::by_email(app, &email).await? else {
        return Ok(());
    };
    let binding = account.binding()?;
    let issued = app.tokens.issue(&RESET, &binding.borrowed(&[])).await?;
    let message = Message::new(RESET.purpose(), &email, &issued.token);
    Ok(app.delivery.deliver(&message).await?)
}

pub(crate) async fn form() -> Markup {
    link_page("New password", "Change it", password::field())
}

pub(crate) async fn reset(
    State(app): Shared,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Typed(form): Typed<Chosen>,
) -> Result<Markup, No> {
    paced(&app, peer).await?;
    // A look that spends nothing: only for who has the link is a password hashed.
    drop(redeem(&app, &form.token).await?);
    let hash = password::chosen(&app, form.password).await?;
    let (mut transaction, account) = redeem(&app, &form.token).await?;
    // If anything fails from here on, the link is unspent and the password is the old one.
    let owner = account.subject()?;
    if !accounts::set_password(&mut transaction, &account, &hash).await? {
        return Err(No::Answer(Answer::Refused)); // another link was first
    }
    // Sessions, access tokens, other links. Recovery codes stay, which are no password, and links of
    // "this was not me": a thief's new password must not void them.
    for policy in app.tokens.policies() {
        if [RECOVERY, NOT_ME].contains(policy) {
            continue;
        }
        let everything = Revoke::Subject {
            subject: owner.clone(),
            purpose: Some(*policy.purpose()),
            except: None,
        };
        let store = app.tokens.store().on(&mut transaction);
        store.revoke(&everything).await.map_err(Fault::from)?;
    }
    transaction.commit().await.map_err(Fault::from)?;
    let change = PasswordChange {
        subject: &owner,
        network: Some(peer.ip()),
        sign_in: None,
    };
    app.owner.password_changed(&change).await;
    Ok(page(
        "Changed",
        html! { p { a href="/sign-in" { "Sign in" } } },
    ))
}

/// Redeems the link in a transaction; dropped, that leaves it unspent. The account is as it was when the link was held
/// against it.
async fn redeem(app: &App, token: &str) -> Result<(Transaction<'static, Database>, Account), No> {
    let mut account = None;
    let load = async |claimed: Claimed| -> Result<_, Fault> {
        let Some(owner) = claimed.owner() else {
            return Ok(None);
        };
        account = accounts::of(app, &owner).await?;
        account.as_ref().map(Account::binding).transpose()
    };
    let opened = app
        .tokens
        .redeem_by_itself_in_transaction(&RESET, "", token, load);
    let (transaction, _) = opened.await?;
    let account = account.ok_or_else(|| Fault::from("a link has an account"))?;
    Ok((transaction, account))
}
